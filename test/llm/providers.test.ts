/** One table of scenarios for every provider: what a chat model does, whoever it comes from. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FlowError } from 'millrace';
import {
  type Answer,
  assemble,
  type ChatCall,
  type ChatChunk,
  type ChatModel,
  type JsonSchema,
  type Message,
  message,
  toolCalls,
} from 'millrace/llm';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { take } from 'rxjs/operators';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ProviderServer, startProviderServer } from './provider-server.ts';
import { type Subject, subjects } from './subjects.ts';

let server: ProviderServer;
beforeAll(async () => {
  server = await startProviderServer();
});
beforeEach(() => server.reset());
afterAll(() => server.close());

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema) as unknown as JsonSchema;
const weather = {
  name: 'weather',
  description: 'The weather in a city.',
  inputSchema: jsonSchema(z.object({ city: z.string() })),
};
const ask = (text: string): ChatCall => ({ messages: [message('user', text)] });
const sent = (index: number) => JSON.stringify(server.requests[index]?.body);

const chunksOf = (model: ChatModel, call: ChatCall) => firstValueFrom(model(call).pipe(toArray()));
const answerOf = async (model: ChatModel, call: ChatCall): Promise<Answer> =>
  assemble(await chunksOf(model, call));

// As memory does: what cannot be stored as JSON is lost.
const remembered = (value: Message): Message => JSON.parse(JSON.stringify(value)) as Message;

const result = (id: string, name: string, output: string) =>
  ({ type: 'tool-result', id, name, output }) as const;

async function failureOf(model: ChatModel, call: ChatCall) {
  const chunks: ChatChunk[] = [];
  const error: unknown = await new Promise((resolve) => {
    model(call).subscribe({
      next: (chunk) => chunks.push(chunk),
      error: resolve,
      complete: () => resolve('no error'),
    });
  });
  return { chunks, error };
}

describe.each(subjects)(
  '$name',
  ({ wire, showsReasoning, countsInput = 12, model: make }: Subject) => {
    let model: ChatModel;
    beforeAll(() => {
      model = make(server.url);
    });

    test('text comes in deltas, and the last chunk tells reason, tokens and model', async () => {
      server.reply({ text: 'Good morning to you, Ada Lovelace.' });
      const chunks = await chunksOf(model, ask('Greet Ada.'));
      expect(chunks.filter(({ type }) => type === 'text').length).toBeGreaterThan(3);
      const answer = assemble(chunks);
      expect(answer.message.content).toMatchObject([
        { type: 'text', text: 'Good morning to you, Ada Lovelace.' },
      ]);
      expect(chunks.at(-1)).toMatchObject({
        type: 'finish',
        reason: 'stop',
        usage: { input: countsInput, output: 7, cacheRead: 4 },
      });
      expect(server.requests).toHaveLength(1);
      expect(sent(0)).toContain('Greet Ada.');
    });

    test('unsubscribing closes the socket', async () => {
      server.reply({ text: 'word '.repeat(400), delay: 2 });
      await lastValueFrom(model(ask('Tell me all.')).pipe(take(3)));
      expect(await server.requests[0]?.closed).toBe(true);
      expect(server.requests[0]?.events).toBeLessThan(100);
    });

    test('unsubscribing in the same tick asks nothing', async () => {
      model(ask('Never mind.')).subscribe().unsubscribe();
      await sleep(20);
      expect(server.requests).toHaveLength(0);
    });

    test('two parallel tool calls come apart, and their results go back in call order', async () => {
      server.reply(
        {
          text: 'Let me see. ',
          toolCalls: [
            { name: 'weather', input: '{"city":"Paris"}' },
            { name: 'weather', input: '{"city":"Oslo"}' },
          ],
        },
        { text: 'Sun and snow.' },
      );
      const call = { ...ask('Paris and Oslo?'), tools: [weather] };
      const first = await answerOf(model, call);
      expect(first.reason).toBe('tool-calls');
      const calls = toolCalls(first.message);
      expect(calls).toMatchObject([
        { name: 'weather', input: { city: 'Paris' } },
        { name: 'weather', input: { city: 'Oslo' } },
      ]);
      expect(new Set(calls.map(({ id }) => id)).size).toBe(2);

      const [paris, oslo] = calls;
      const results = [
        result(paris!.id, 'weather', 'sun-result'),
        result(oslo!.id, 'weather', 'snow-result'),
      ];
      const messages = [...call.messages, remembered(first.message), message('tool', results)];
      const second = await answerOf(model, { ...call, messages });
      expect(second.message.content).toMatchObject([{ type: 'text', text: 'Sun and snow.' }]);
      expect(sent(1)).toMatch(/Paris.*Oslo.*sun-result.*snow-result/s);
    });

    // The packages of Google refuse an answer with such a key altogether.
    test.skipIf(wire === 'google')(
      'keys that would reach a prototype are dropped from tool input',
      async () => {
        server.reply({
          toolCalls: [{ name: 'rm_rf', input: '{"__proto__":{"admin":true},"path":"/"}' }],
        });
        const { message: said } = await answerOf(model, { ...ask('Go.'), tools: [weather] });
        const [call] = toolCalls(said);
        expect(call?.input).toEqual({ path: '/' });
        expect(Object.keys(Object.assign({}, call?.input))).toEqual(['path']);
      },
    );

    // Chat completions of OpenAI show no reasoning; servers like it do.
    test.runIf(showsReasoning)('reasoning goes back as it came, with its signature', async () => {
      server.reply(
        {
          reasoning: { text: 'They want the weather.', signature: 'c2lnbmF0dXJl' },
          toolCalls: [{ name: 'weather', input: '{"city":"Paris"}' }],
        },
        { text: 'Sun.' },
      );
      const call = { ...ask('Paris?'), tools: [weather] };
      const first = await answerOf(model, call);
      expect(first.message.content).toContainEqual(
        expect.objectContaining({ type: 'reasoning', text: 'They want the weather.' }),
      );
      const [asked] = toolCalls(first.message);
      const results = message('tool', [result(asked!.id, 'weather', 'sun')]);
      await answerOf(model, {
        ...call,
        messages: [...call.messages, remembered(first.message), results],
      });
      const back = wire === 'chat' ? 'They want the weather.' : 'c2lnbmF0dXJl';
      expect(sent(1)).toContain(back);
    });

    test('images and PDF go as files, text-like files as text', async () => {
      server.reply({ text: 'Nice.' });
      const file = (mediaType: string, filename: string, text: string) =>
        ({
          type: 'file',
          mediaType,
          filename,
          source: { type: 'base64', data: btoa(text) },
        }) as const;
      await answerOf(model, {
        messages: [
          message('user', [
            { type: 'text', text: 'What is this?' },
            file('image/png', 'a.png', 'not really a picture'),
            file('application/pdf', 'b.pdf', 'not really a document'),
            file('text/csv', 'c.csv', 'name,age\nAda,36'),
          ]),
        ],
      });
      expect(sent(0)).toContain(btoa('not really a picture'));
      expect(sent(0)).toContain(btoa('not really a document'));
      expect(sent(0)).toContain('name,age\\nAda,36');
    });

    test('a schema is sent, and the answer is JSON text', async () => {
      server.reply({ text: '{"city":"Paris","celsius":21}' });
      const schema = jsonSchema(z.object({ city: z.string(), celsius: z.number() }));
      const answer = await answerOf(model, {
        ...ask('Paris?'),
        response: { schema, name: 'report' },
      });
      expect(answer.message.content).toMatchObject([
        { type: 'text', text: '{"city":"Paris","celsius":21}' },
      ]);
      expect(sent(0)).toContain('celsius');
    });

    test('settings of the call reach the wire', async () => {
      server.reply({ text: 'Yes.' });
      await answerOf(model, {
        ...ask('Well?'),
        tools: [weather],
        toolChoice: { tool: 'weather' },
        parallelToolCalls: false,
        maxTokens: 77,
      });
      expect(sent(0)).toContain('77');
      expect(server.requests[0]?.body).toMatchObject(
        {
          chat: { tool_choice: { function: { name: 'weather' } }, parallel_tool_calls: false },
          responses: { tool_choice: { name: 'weather' }, parallel_tool_calls: false, store: false },
          messages: { tool_choice: { name: 'weather', disable_parallel_tool_use: true } },
          google: { toolConfig: { functionCallingConfig: { allowedFunctionNames: ['weather'] } } },
        }[wire],
      );
    });

    test('a request refused with 429 and 500 is sent again', async () => {
      server.reply(
        { status: 429, headers: { 'retry-after-ms': '3' } },
        { status: 500 },
        { text: 'At last.' },
      );
      const answer = await answerOf(model, ask('Hello?'));
      expect(answer.message.content).toMatchObject([{ type: 'text', text: 'At last.' }]);
      expect(server.requests).toHaveLength(3);
    });

    test('a request refused with 401 is not sent again', async () => {
      server.reply({ status: 401 });
      const { error } = await failureOf(model, ask('Hello?'));
      expect(FlowError.is(error)).toBe(true);
      expect(error).toMatchObject({ cause: { statusCode: 401 } });
      expect(server.requests).toHaveLength(1);
    });

    test('a cut connection is an error after what was heard, and nothing is said twice', async () => {
      server.reply({ text: 'This is going to be cut off somewhere.', cutAfter: 6 });
      const { chunks, error } = await failureOf(model, ask('Go on.'));
      expect(FlowError.is(error)).toBe(true);
      expect(chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('')).toMatch(
        /^This/,
      );
      expect(chunks.some(({ type }) => type === 'finish')).toBe(false);
      expect(server.requests).toHaveLength(1);
    });

    test('an answer that ends without its end is an error', async () => {
      server.reply({ text: 'This is going to end too soon.', endAfter: 4 });
      const { chunks, error } = await failureOf(model, ask('Go on.'));
      expect(FlowError.is(error)).toBe(true);
      expect(chunks.some(({ type }) => type === 'finish')).toBe(false);
      expect(server.requests).toHaveLength(1);
    });

    // Google writes arguments as JSON within JSON: they cannot be broken.
    test.skipIf(wire === 'google')(
      'broken tool input is kept as written and never sent back',
      async () => {
        server.reply(
          { toolCalls: [{ name: 'weather', input: '{"city": "Par' }] },
          { text: 'Sorry.' },
        );
        const call = { ...ask('Paris?'), tools: [weather] };
        const first = await answerOf(model, call);
        const [broken] = toolCalls(first.message);
        expect(broken).toMatchObject({ name: 'weather', input: {}, invalidInput: '{"city": "Par' });
        const results = message('tool', [
          { ...result(broken!.id, 'weather', 'That was not JSON.'), isError: true },
        ]);
        const messages = [...call.messages, remembered(first.message), results];
        const second = await answerOf(model, { ...call, messages });
        expect(second.message.content).toMatchObject([{ type: 'text', text: 'Sorry.' }]);
        expect(sent(1)).toContain('That was not JSON.');
        expect(sent(1)).not.toContain('Par"');
      },
    );
  },
);
