/** What servers that call themselves compatible do differently, and what is sent to them. */
import fc from 'fast-check';
import {
  type Answer,
  assemble,
  type ChatCall,
  type ChatChunk,
  message,
  toolCalls,
} from 'millrace/llm';
import { openaiCompatible } from 'millrace/llm/openai-compatible';
import { firstValueFrom, toArray } from 'rxjs';
import { expect, test, vi } from 'vitest';
import { readEvents } from '../../src/llm/sse.ts';

/** A server in memory: answers with the given events, and keeps the bodies that it got. */
function serverOf(...answers: (readonly unknown[])[]) {
  const bodies: Record<string, unknown>[] = [];
  const fetch = async (_: unknown, init?: RequestInit) => {
    bodies.push(JSON.parse(String(init?.body)) as Record<string, unknown>);
    const events = answers[bodies.length - 1] ?? [];
    return new Response(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
  };
  const model = openaiCompatible({
    baseURL: 'http://127.0.0.1/v1/',
    model: 'm',
    fetch,
    retry: { count: 0 },
  });
  const ask = async (call: Partial<ChatCall> = {}): Promise<Answer & { chunks: ChatChunk[] }> => {
    const chunks = await firstValueFrom(
      model({ messages: [message('user', 'Hi')], ...call }).pipe(toArray()),
    );
    return { ...assemble(chunks), chunks };
  };
  return { ask, bodies };
}

const delta = (fields: object, finish: string | null = null) => ({
  choices: [{ index: 0, delta: fields, finish_reason: finish }],
});
const stop = delta({}, 'stop');

test('events are read the same however the network cuts them', async () => {
  const text =
    ': keep-alive\r\n\r\ndata: {"a":1}\n\nevent: x\rdata:zwei\rdata: dr\u00fcben \u{1f600}\r\rid: 4\n\ndata: {"end":1}';
  const bytes = new TextEncoder().encode(text);
  const read = async (cuts: readonly number[]) => {
    const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        places.slice(1).forEach((end, at) => void controller.enqueue(bytes.slice(places[at], end)));
        controller.close();
      },
    });
    const events: string[] = [];
    for await (const data of readEvents(body)) events.push(data);
    return events;
  };
  const cuts = fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      expect(await read(places)).toEqual(['{"a":1}', 'zwei\ndr\u00fcben \u{1f600}', '{"end":1}']);
    }),
    { numRuns: 500 },
  );
});

test('an event that comes in a thousand pieces is looked through once', async () => {
  const bytes = new TextEncoder().encode(`data: {"image":"${'A'.repeat(1_000_000)}"}\n\n`);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 1000)
        controller.enqueue(bytes.subarray(at, at + 1000));
      controller.close();
    },
  });
  const split = vi.spyOn(String.prototype, 'split');
  let length = 0;
  for await (const data of readEvents(body)) length += data.length;
  const looked = split.mock.contexts.reduce<number>((sum, text) => sum + String(text).length, 0);
  split.mockRestore();
  expect(length).toBe(bytes.length - 8);
  expect(looked).toBeLessThan(2 * bytes.length);
});

test('calls without id or index get ids of their own, and stay apart', async () => {
  const call = (name: string, city: string) => ({
    function: { name, arguments: JSON.stringify({ city }) },
  });
  const { ask } = serverOf(
    [
      delta({ tool_calls: [{ id: 'a', ...call('weather', 'Paris') }] }),
      delta({ tool_calls: [{ id: 'b', ...call('weather', 'Oslo') }] }),
      stop,
    ],
    [
      delta({
        tool_calls: [
          { index: 0, ...call('weather', 'Paris') },
          { index: 1, ...call('weather', 'Oslo') },
        ],
      }),
      stop,
    ],
    [
      delta({
        tool_calls: [
          { index: 0, id: 'x', ...call('weather', 'Paris') },
          { index: 1, id: 'x', ...call('weather', 'Oslo') },
        ],
      }),
      stop,
    ],
  );
  for (let round = 0; round < 3; round++) {
    const answer = await ask();
    const calls = toolCalls(answer.message);
    expect(calls.map(({ input }) => input)).toEqual([{ city: 'Paris' }, { city: 'Oslo' }]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    expect(answer.reason).toBe('tool-calls');
  }
});

test('reasoning goes back under its own name, within the turn only', async () => {
  const { ask, bodies } = serverOf(
    [delta({ reasoning: 'Hm.' }), delta({ content: 'Yes.' }), stop],
    [stop],
    [stop],
  );
  const { message: said } = await ask();
  const before = [message('user', 'Hi'), said];
  await ask({ messages: before });
  await ask({ messages: [...before, message('user', 'And?')] });
  expect(bodies[1]?.['messages']).toMatchObject([
    {},
    { role: 'assistant', content: 'Yes.', reasoning: 'Hm.' },
  ]);
  expect(JSON.stringify(bodies[2])).not.toContain('Hm.');
});

test('reasoning of another provider is not sent', async () => {
  const { ask, bodies } = serverOf([stop]);
  const foreign = message('assistant', [
    { type: 'reasoning', text: 'Secret.', providerMetadata: { anthropic: { signature: 's' } } },
    { type: 'text', text: 'Open.' },
  ]);
  await ask({ messages: [message('user', 'Hi'), foreign] });
  expect(JSON.stringify(bodies[0])).not.toContain('Secret.');
});

test('a signature of Gemini goes back with its call', async () => {
  const extra_content = { google: { thought_signature: 'sig' } };
  const { ask, bodies } = serverOf(
    [
      delta({
        tool_calls: [
          { index: 0, id: 'a', extra_content, function: { name: 'weather', arguments: '{}' } },
        ],
      }),
      stop,
    ],
    [stop],
  );
  const { message: said } = await ask();
  const result = message('tool', [
    { type: 'tool-result', id: 'a', name: 'weather', output: { celsius: 21 } },
  ]);
  await ask({ messages: [message('user', 'Hi'), said, result] });
  expect(bodies[1]?.['messages']).toMatchObject([
    {},
    { tool_calls: [{ id: 'a', extra_content, function: { name: 'weather', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 'a', content: '{"celsius":21}' },
  ]);
});

test('an error in the stream is the error of the answer', async () => {
  const { ask } = serverOf([delta({ content: 'Y' }), { error: { message: 'out of memory' } }]);
  await expect(ask()).rejects.toThrow('The model "m" failed: out of memory');
});

test('usage and log probabilities come with the last chunk', async () => {
  const token = { token: 'Hi', logprob: -0.1 };
  const { ask, bodies } = serverOf([
    {
      choices: [
        { delta: { content: 'Hi' }, logprobs: { content: [token] }, finish_reason: 'length' },
      ],
      model: 'm-1',
    },
    { choices: [], usage: { prompt_tokens: 3, completion_tokens: 1 } },
  ]);
  const answer = await ask({
    logprobs: 2,
    topK: 5,
    stop: ['END'],
    providerOptions: { openaiCompatible: { min_p: 0.1 } },
  });
  expect(answer).toMatchObject({
    reason: 'length',
    model: 'm-1',
    usage: { input: 3, output: 1 },
    providerMetadata: { openaiCompatible: { logprobs: [token] } },
  });
  expect(bodies[0]).toMatchObject({
    logprobs: true,
    top_logprobs: 2,
    top_k: 5,
    stop: ['END'],
    min_p: 0.1,
  });
  expect(bodies[0]).not.toHaveProperty('temperature');
});

test('a schema is strict only if it leaves nothing open', async () => {
  const { ask, bodies } = serverOf([stop], [stop]);
  const closed = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  };
  await ask({ response: { schema: closed } });
  await ask({ response: { schema: { ...closed, required: [] } } });
  expect(bodies.map((body) => body['response_format'])).toMatchObject([
    { json_schema: { name: 'response', strict: true } },
    { json_schema: { strict: false } },
  ]);
});

test('images, sound and documents go as this protocol has them', async () => {
  const { ask, bodies } = serverOf([stop]);
  const file = (mediaType: string) =>
    ({ type: 'file', mediaType, source: { type: 'base64', data: 'aGk=' } }) as const;
  const url = 'https://example.com/a.png';
  await ask({
    messages: [
      message('user', [
        file('image/*'),
        { type: 'file', mediaType: 'image/png', source: { type: 'url', url } },
        file('audio/mpeg'),
        file('application/pdf'),
      ]),
    ],
  });
  expect(bodies[0]?.['messages']).toEqual([
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } },
        { type: 'image_url', image_url: { url } },
        { type: 'input_audio', input_audio: { data: 'aGk=', format: 'mp3' } },
        { type: 'file', file: { filename: 'file', file_data: 'data:application/pdf;base64,aGk=' } },
      ],
    },
  ]);
});

test('tools of another provider are refused by name', async () => {
  const { ask } = serverOf([stop]);
  const tool = { type: 'provider', id: 'openai.web_search', name: 'search', args: {} } as const;
  await expect(ask({ tools: [tool] })).rejects.toThrow(
    'The tool "search" is one of "openai.web_search"',
  );
});

test('a server that is not there is asked again', async () => {
  let asked = 0;
  const fetch = async (): Promise<Response> => {
    asked++;
    throw new TypeError('fetch failed');
  };
  const model = openaiCompatible({
    baseURL: 'http://127.0.0.1/v1',
    model: 'm',
    fetch,
    retry: { delay: 1 },
  });
  await expect(firstValueFrom(model({ messages: [] }))).rejects.toThrow(
    'The server at "http://127.0.0.1/v1" cannot be reached: fetch failed',
  );
  expect(asked).toBe(3);
});

test('7.3 calls of which nothing but the name tells where one begins stay apart', async () => {
  const call = (fields: object, name: string, input: string) => ({
    ...fields,
    function: { name, arguments: input },
  });
  for (const fields of [{ index: 0, id: '' }, { index: 0 }, { id: '' }, {}]) {
    const { ask } = serverOf(
      [
        delta({
          tool_calls: [call(fields, 'now', '{}'), call(fields, 'weather', '{"city":"Paris"}')],
        }),
        delta({ tool_calls: [call(fields, 'weather', '{"city":')] }),
        delta({ tool_calls: [call(fields, 'weather', '"Oslo"}')] }),
        delta({ tool_calls: [call(fields, 'weather', '')] }),
        stop,
      ],
      // Its pieces have no name.
      [
        delta({ tool_calls: [call(fields, 'now', '')] }),
        delta({ tool_calls: [call(fields, '', '{}')] }),
        delta({ tool_calls: [call(fields, '', '')] }),
        stop,
      ],
    );
    const calls = toolCalls((await ask()).message).map(({ name, input }) => [name, input]);
    expect(calls).toEqual([
      ['now', {}],
      ['weather', { city: 'Paris' }],
      ['weather', { city: 'Oslo' }],
    ]);
    const [only, ...others] = toolCalls((await ask()).message);
    expect([only?.name, only?.input, others.length]).toEqual(['now', {}, 0]);
  }
});

test('7.3 calls that all have one index stay apart by their ids', async () => {
  const call = (id: string, name: string, text: string) =>
    delta({ tool_calls: [{ index: 0, id, function: { name, arguments: text } }] });
  const { ask } = serverOf([
    call('a', 'f', '{"x":1}'),
    call('b', 'g', '{"x"'),
    call('b', 'g', ':2}'),
    call('c', 'f', '{}'),
    delta({}, 'tool_calls'),
  ]);
  expect(toolCalls((await ask()).message).map(({ id, name, input }) => [id, name, input])).toEqual([
    ['a', 'f', { x: 1 }],
    ['b', 'g', { x: 2 }],
    ['c', 'f', {}],
  ]);
});

test('7.3 a call whose pieces all have ids of their own stays one call', async () => {
  const piece = (id: string, written: object) =>
    delta({ tool_calls: [{ index: 0, id, function: written }] });
  const { ask } = serverOf([
    piece('a', { name: 'f', arguments: '{"x"' }),
    piece('b', { arguments: ':1}' }),
    delta({}, 'tool_calls'),
  ]);
  const [call, ...others] = toolCalls((await ask()).message);
  expect([call?.id, call?.input, others]).toEqual(['a', { x: 1 }, []]);
});

test('7.3 arguments that the server has parsed already are arguments', async () => {
  const written = { name: 'f', arguments: { x: 1 } };
  const { ask } = serverOf([
    delta({ tool_calls: [{ index: 0, id: 'a', function: written }] }, 'tool_calls'),
  ]);
  expect(toolCalls((await ask()).message)[0]?.input).toEqual({ x: 1 });
});

test('7.1 a text in parts, with what the model thought, and a refusal are the answer', async () => {
  const { ask } = serverOf(
    [
      delta({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] }] }),
      delta({ content: [{ type: 'text', text: 'Yes.' }] }, 'stop'),
    ],
    [delta({ content: null, refusal: 'I will not.' }, 'stop')],
  );
  expect((await ask()).message.content).toEqual([
    { type: 'reasoning', text: 'Hm.' },
    { type: 'text', text: 'Yes.' },
  ]);
  expect((await ask()).message.content).toEqual([{ type: 'text', text: 'I will not.' }]);
});

test('7.1 an answer whose events have an empty reason to stop is not whole before it has one', async () => {
  const { ask } = serverOf(
    [delta({ content: 'Half' }, '')],
    [delta({ content: 'Whole' }, ''), delta({}, 'length')],
  );
  await expect(ask()).rejects.toThrow('ended its answer before it was complete');
  expect((await ask()).reason).toBe('length');
});
