/** What a model hears follows from the graph alone: neither who was added first nor how long anything takes shows. */
import fc from 'fast-check';
import { Flow, listOf, MemorySaver } from 'millrace';
import { llm, type Message, messageText } from 'millrace/llm';
import { openaiCompatible } from 'millrace/llm/openai-compatible';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import {
  type ProviderServer,
  type RecordedRequest,
  startProviderServer,
} from './provider-server.ts';

let server: ProviderServer;
beforeAll(async () => {
  server = await startProviderServer();
});
beforeEach(() => server.reset());
afterAll(() => server.close());

interface Schedule {
  /** In which order steps and links are added. */
  readonly order: readonly number[];
  /** How long tools and answers take, in turns of the event loop. */
  readonly latency: readonly number[];
}

const all = Array.from({ length: 13 }, (_, i) => i);
const schedules: fc.Arbitrary<Schedule> = fc.record({
  order: fc.shuffledSubarray(all, { minLength: all.length }),
  latency: fc.array(fc.nat({ max: 6 }), { minLength: 9, maxLength: 9 }),
});

const turns = async (count = 0) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Two LLMs beside each other, one of which calls three tools; a third one hears both, and all results. */
function build({ order, latency }: Schedule) {
  const { url } = server;
  const model = openaiCompatible({ baseURL: `${url}/v1`, model: 'local', retry: { count: 0 } });
  const speak = llm({ model, memory: 'chat' });
  const flow = new Flow('schedule');
  let calls = 0;
  const look = async ({ city }: { city: string }) => {
    await turns(latency[calls++ % 4]);
    if (city === 'Atlantis') throw new Error('it has sunk');
    return `${city} is fine`;
  };
  const parts = [
    () => flow.step('ask', speak, { prompt: 'Where is it fine?' }),
    () => flow.step('beside', speak, { prompt: 'Say something.' }),
    () =>
      flow.step(
        'weather',
        { handler: look as never, input: z.object({ city: z.string() }) },
        {} as never,
      ),
    () => flow.step('clock', async () => turns(latency[4]).then(() => 'noon'), {}),
    () => flow.step('answer', speak, { prompt: 'And so?' }),
    () => flow.step('end', () => 'end', {}),
    () => flow.link('ask', 'weather', { isTool: true }),
    () => flow.link('ask', 'clock', { isTool: true }),
    () => flow.link('weather', 'answer', { isToolResult: true }),
    () => flow.link('clock', 'answer', { isToolResult: true }),
    () => flow.link('beside', 'answer').link('answer', 'end'),
    // The one beside may begin when the first one has long ended: it must not hear it.
    () => flow.step('pause', () => turns((latency[8] ?? 0) * 15), {}),
    () => flow.link('pause', 'beside'),
  ];
  for (const part of order) parts[part]?.();
  return flow.output({});
}

const weather = (city: string, id: string) => ({
  id,
  name: 'weather',
  input: JSON.stringify({ city }),
});

function answerTo({ body }: RecordedRequest) {
  const { messages } = body as {
    messages: readonly { readonly role: string; readonly content: unknown }[];
  };
  const last = messages.at(-1)?.content;
  if (last === 'Where is it fine?') {
    return {
      toolCalls: [
        weather('Ulm', '1'),
        { id: '2', name: 'clock', input: '{}' },
        weather('Atlantis', '3'),
        weather('Jena', '4'),
        { id: '5', name: 'nothing', input: '{}' },
      ],
    };
  }
  return { text: last === 'And so?' ? 'In Ulm, and in Jena.' : 'Something.' };
}

async function outcomeOf(schedule: Schedule) {
  server.reset();
  let asked = 0;
  server.answer(async (request) => {
    await turns((schedule.latency[5 + (asked++ % 3)] ?? 0) * 2);
    return answerTo(request);
  });
  const saver = new MemorySaver();
  const { runId } = await build(schedule).complete({}, { saver });
  const memory = await firstValueFrom(listOf<Message>(saver, runId, 'chat'));
  return {
    sent: server.requests.map(({ body }) => JSON.stringify(body)).sort(),
    memory: memory.map(
      (each) => `${each.role}: ${messageText(each) || JSON.stringify(each.content)}`,
    ),
  };
}

test('7.2 7.3 1.14 in 500 schedules, the messages sent and the memory left are the same', async () => {
  const expected = await outcomeOf({ order: all, latency: [] });
  expect(expected.sent).toHaveLength(3);
  expect(expected.memory).toHaveLength(8);
  const { messages } = JSON.parse(
    expected.sent.find((body) => body.includes('And so?')) ?? '{}',
  ) as {
    messages: readonly { readonly role: string; readonly content: string }[];
  };
  expect(messages.map(({ role, content }) => `${role}: ${content}`)).toEqual([
    'user: Where is it fine?',
    expect.stringMatching(/^assistant/),
    expect.stringContaining('Ulm is fine'),
    expect.stringContaining('noon'),
    expect.stringContaining('it has sunk'),
    expect.stringContaining('Jena is fine'),
    expect.stringContaining('There is no tool "nothing"'),
    'user: Say something.',
    'assistant: Something.',
    'user: And so?',
  ]);
  await fc.assert(
    fc.asyncProperty(schedules, async (schedule) => {
      expect(await outcomeOf(schedule)).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});
