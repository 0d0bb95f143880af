/** What the adapter makes of the model spec, where no provider package shows it. */
import { assemble, type ChatCall, message } from 'millrace/llm';
import { type AiSdkModel, fromAiSdk } from 'millrace/llm/ai-sdk';
import { firstValueFrom, toArray } from 'rxjs';
import { take } from 'rxjs/operators';
import { expect, test } from 'vitest';

const finish = { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage: {} };

/** A model of the given version that says the given parts and keeps what it was asked. */
function modelOf(version: string, parts: readonly object[], provider = 'test.chat') {
  const asked: Record<string, unknown>[] = [];
  let cancelled = false;
  const model: AiSdkModel = {
    specificationVersion: version,
    provider,
    modelId: 'm',
    doStream: async (options: Record<string, unknown>) => {
      asked.push(options);
      const left = [...parts];
      const stream = new ReadableStream<unknown>({
        pull(controller) {
          const next = left.shift();
          if (next) controller.enqueue(next);
          else controller.close();
        },
        cancel() {
          cancelled = true;
        },
      });
      return { stream };
    },
  };
  const ask = async (call: Partial<ChatCall> = {}) =>
    assemble(
      await firstValueFrom(
        fromAiSdk(model)({ messages: [message('user', 'Hi')], ...call }).pipe(toArray()),
      ),
    );
  return { model, ask, asked, wasCancelled: () => cancelled };
}

test('parts of types that are not known yet are passed over', async () => {
  const { ask } = modelOf('v5', [
    { type: 'stream-start', warnings: [] },
    { type: 'ping' },
    { type: 'something-new', id: 1 },
    { type: 'text-start', id: '0' },
    { type: 'text-delta', id: '0', delta: 'Hi' },
    { type: 'text-end', id: '0', citations: [] },
    { type: 'response-metadata', modelId: 'm-2' },
    finish,
  ]);
  expect(await ask()).toMatchObject({
    model: 'm-2',
    message: { content: [{ type: 'text', text: 'Hi' }] },
  });
});

test('blocks that use an id again stay apart', async () => {
  const block = (delta: string) => [
    { type: 'text-start', id: '0' },
    { type: 'text-delta', id: '0', delta },
    { type: 'text-end', id: '0' },
  ];
  const call = { type: 'tool-call', toolCallId: '1', toolName: 'search', input: '{}' };
  const { ask } = modelOf('v4', [...block('a'), call, ...block('b'), finish]);
  expect((await ask()).message.content.map(({ type }) => type)).toEqual([
    'text',
    'tool-call',
    'text',
  ]);
});

test('a call whose input never became whole is still told', async () => {
  const { ask } = modelOf('v2', [
    { type: 'tool-input-start', id: '1', toolName: 'search' },
    { type: 'tool-input-delta', id: '1', delta: '{"q": "br' },
    {
      type: 'finish',
      finishReason: 'tool-calls',
      usage: { inputTokens: 1, outputTokens: 2, totalTokens: 5 },
    },
  ]);
  expect(await ask()).toMatchObject({
    message: { content: [{ type: 'tool-call', id: '1', input: {}, invalidInput: '{"q": "br' }] },
    usage: { input: 1, output: 4 },
  });
});

test.each([
  ['v2', { type: 'finish', finishReason: 'unknown', usage: {} }],
  ['v3', { type: 'finish', finishReason: { unified: 'other', raw: undefined }, usage: {} }],
  ['v4', { type: 'finish', finishReason: { unified: 'interrupted', raw: undefined }, usage: {} }],
  ['v4', undefined],
])('%s: an end without a reason is a cut answer', async (version, last) => {
  const { ask } = modelOf(version, last ? [last] : []);
  await expect(ask()).rejects.toThrow(
    'The model "test.chat/m" ended its answer before it was complete',
  );
});

test('an error within the stream is wrapped, be it an object', async () => {
  const { ask } = modelOf('v4', [
    { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  ]);
  await expect(ask()).rejects.toThrow('The model "test.chat/m" failed: Overloaded');
});

test('a model that does not listen to the signal is no longer read', async () => {
  const text = Array.from({ length: 50 }, () => ({ type: 'text-delta', id: '0', delta: 'x' }));
  const { model, wasCancelled } = modelOf('v3', text);
  await firstValueFrom(fromAiSdk(model)({ messages: [] }).pipe(take(2), toArray()));
  expect(wasCancelled()).toBe(true);
});

test.each([
  ['v2', 'aGk=', new URL('https://example.com/a')],
  ['v4', { type: 'data', data: 'aGk=' }, { type: 'url', url: new URL('https://example.com/a') }],
])('%s: files are written as this version has them', async (version, data, url) => {
  const { model, asked } = modelOf(version, [finish]);
  const open = { ...model, supportedUrls: Promise.resolve({ 'image/*': [/^https:/] }) };
  const file = { type: 'file', mediaType: 'image/png' } as const;
  const content = [
    { ...file, source: { type: 'base64', data: 'aGk=' } as const },
    { ...file, source: { type: 'url', url: 'https://example.com/a' } as const },
  ];
  await firstValueFrom(fromAiSdk(open)({ messages: [message('user', content)] }));
  expect(asked[0]?.['prompt']).toMatchObject([{ content: [{ data }, { data: url }] }]);
});

test('OpenAI stores nothing unless told to, and is not asked for what its model refuses', async () => {
  const { ask, asked } = modelOf('v4', [finish], 'openai.responses');
  await ask({ logprobs: 3, parallelToolCalls: false });
  await ask({ providerOptions: { openai: { store: true } } });
  expect(asked.map((options) => options['providerOptions'])).toEqual([
    { openai: { store: false, logprobs: 3, parallelToolCalls: false } },
    { openai: { store: true } },
  ]);
});

test('tools that a provider brings along keep their form in each version', async () => {
  const tools = [
    { type: 'provider', id: 'openai.web_search', name: 'search', args: { depth: 1 } } as const,
  ];
  const before = modelOf('v2', [finish]);
  const now = modelOf('v4', [finish]);
  await before.ask({ tools });
  await now.ask({ tools });
  expect(before.asked[0]?.['tools']).toEqual([{ ...tools[0], type: 'provider-defined' }]);
  expect(now.asked[0]?.['tools']).toEqual(tools);
});

test('what a provider ran itself comes with its result, and goes back in one message', async () => {
  const { ask, asked } = modelOf('v4', [
    { type: 'tool-call', toolCallId: '1', toolName: 'search', input: '{}', providerExecuted: true },
    {
      type: 'tool-result',
      toolCallId: '1',
      toolName: 'search',
      result: 'so far',
      preliminary: true,
    },
    { type: 'tool-result', toolCallId: '1', toolName: 'search', result: ['found'] },
    { type: 'source', sourceType: 'url', id: 's', url: 'https://example.com', title: 'Example' },
    finish,
  ]);
  const { message: said } = await ask();
  await ask({ messages: [message('user', 'Hi'), said] });
  expect(asked[1]?.['prompt']).toMatchObject([
    {},
    {
      role: 'assistant',
      content: [
        { type: 'tool-call', providerExecuted: true },
        { type: 'tool-result', output: { type: 'json', value: ['found'] } },
      ],
    },
  ]);
});

test('empty messages and empty texts are not sent, but for the signatures of Gemini', async () => {
  const signed = {
    type: 'text',
    text: '',
    providerMetadata: { google: { thoughtSignature: 's' } },
  } as const;
  const messages = [message('user', ''), message('assistant', [signed]), message('user', 'Hi')];
  const other = modelOf('v4', [finish]);
  const gemini = modelOf('v4', [finish], 'google.generative-ai');
  await other.ask({ messages });
  await gemini.ask({ messages });
  expect(other.asked[0]?.['prompt']).toHaveLength(1);
  expect(gemini.asked[0]?.['prompt']).toMatchObject([
    { content: [{ providerOptions: signed.providerMetadata }] },
    { role: 'user' },
  ]);
});

test('what is no model of the spec is refused when the model is made', () => {
  expect(() => fromAiSdk('openai/gpt-5' as never)).toThrow('not "openai/gpt-5"');
  expect(() => fromAiSdk(modelOf('v1', []).model)).toThrow('Update its provider package');
});
