/** What is read as messages, and what becomes of it. */
import { FlowError } from 'millrace';
import { type FilePart, type MessageInput, message, messageText, toMessages } from 'millrace/llm';
import { expect, test } from 'vitest';

test('text is what a user says, whatever it looks like', () => {
  expect(toMessages('Hello {{page.return.title}}')).toEqual([
    { version: 1, role: 'user', content: [{ type: 'text', text: 'Hello {{page.return.title}}' }] },
  ]);
});

test('messages of millrace pass as they are, and survive JSON', () => {
  const own = message('assistant', [
    { type: 'reasoning', text: 'Hm.', providerMetadata: { anthropic: { signature: 's' } } },
    { type: 'tool-call', id: '1', name: 'search', input: { q: 'x' } },
  ]);
  expect(toMessages(own)[0]).toBe(own);
  expect(toMessages(JSON.parse(JSON.stringify(own)) as MessageInput)).toEqual([own]);
});

test('a stored message of a later version is refused, not guessed at', () => {
  expect(() => toMessages({ version: 2, role: 'user', content: [] } as MessageInput)).toThrow(
    'Message 0 is of version 2, not 1',
  );
});

test('model messages of the AI SDK are read with all their parts', () => {
  const [system, user, assistant, tool] = toMessages([
    {
      role: 'system',
      content: 'Be brief.',
      providerOptions: { anthropic: { cacheControl: { type: 'ephemeral' } } },
    },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Look:' },
        { type: 'image', image: new URL('https://example.com/a.png') },
        {
          type: 'file',
          data: new Uint8Array([104, 105]),
          mediaType: 'text/plain',
          filename: 'hi.txt',
        },
        { type: 'file', data: { type: 'data', data: 'aGk=' }, mediaType: 'application/pdf' },
        { type: 'image', image: 'data:image/gif;base64,R0lG' },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'reasoning', text: 'Hm.', providerOptions: { anthropic: { signature: 's' } } },
        { type: 'tool-call', toolCallId: '1', toolName: 'search', input: { q: 'x' } },
        { type: 'tool-call', toolCallId: '2', toolName: 'search', input: '{"q": "br' },
      ],
    },
    {
      role: 'tool',
      content: [
        {
          type: 'tool-result',
          toolCallId: '1',
          toolName: 'search',
          output: { type: 'json', value: [1] },
        },
        {
          type: 'tool-result',
          toolCallId: '2',
          toolName: 'search',
          output: { type: 'error-text', value: 'No.' },
        },
        { type: 'tool-approval-response', approvalId: 'x', approved: true },
      ],
    },
  ]);
  expect(system).toMatchObject({
    role: 'system',
    providerMetadata: { anthropic: { cacheControl: { type: 'ephemeral' } } },
  });
  expect(user?.content).toEqual([
    { type: 'text', text: 'Look:' },
    {
      type: 'file',
      mediaType: 'image/*',
      source: { type: 'url', url: 'https://example.com/a.png' },
    },
    {
      type: 'file',
      mediaType: 'text/plain',
      filename: 'hi.txt',
      source: { type: 'base64', data: 'aGk=' },
    },
    { type: 'file', mediaType: 'application/pdf', source: { type: 'base64', data: 'aGk=' } },
    { type: 'file', mediaType: 'image/gif', source: { type: 'base64', data: 'R0lG' } },
  ]);
  expect(assistant?.content).toEqual([
    { type: 'reasoning', text: 'Hm.', providerMetadata: { anthropic: { signature: 's' } } },
    { type: 'tool-call', id: '1', name: 'search', input: { q: 'x' } },
    { type: 'tool-call', id: '2', name: 'search', input: {}, invalidInput: '{"q": "br' },
  ]);
  expect(tool?.content).toEqual([
    { type: 'tool-result', id: '1', name: 'search', output: [1] },
    { type: 'tool-result', id: '2', name: 'search', output: 'No.', isError: true },
  ]);
});

test('a UI message with steps becomes the messages that a provider saw', () => {
  const messages = toMessages({
    role: 'assistant',
    parts: [
      { type: 'step-start' },
      { type: 'reasoning', text: 'Hm.', providerMetadata: { google: { thoughtSignature: 's' } } },
      {
        type: 'tool-weather',
        toolCallId: '1',
        state: 'output-available',
        input: { city: 'Paris' },
        output: { celsius: 21 },
        callProviderMetadata: { google: { thoughtSignature: 't' } },
      },
      {
        type: 'dynamic-tool',
        toolName: 'mail',
        toolCallId: '2',
        state: 'output-error',
        input: {},
        errorText: 'No.',
      },
      { type: 'tool-open', toolCallId: '3', state: 'input-available', input: {} },
      { type: 'data-progress', data: 1 },
      { type: 'step-start' },
      { type: 'text', text: 'It is 21 degrees.' },
      { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AAAA' },
    ],
  });
  expect(messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'assistant']);
  expect(messages[0]?.content).toEqual([
    { type: 'reasoning', text: 'Hm.', providerMetadata: { google: { thoughtSignature: 's' } } },
    {
      type: 'tool-call',
      id: '1',
      name: 'weather',
      input: { city: 'Paris' },
      providerMetadata: { google: { thoughtSignature: 't' } },
    },
    { type: 'tool-call', id: '2', name: 'mail', input: {} },
  ]);
  expect(messages[1]?.content).toEqual([
    { type: 'tool-result', id: '1', name: 'weather', output: { celsius: 21 } },
    { type: 'tool-result', id: '2', name: 'mail', output: 'No.', isError: true },
  ]);
  expect(messageText(messages[2]!)).toBe('It is 21 degrees.');
});

test('tools that the provider ran keep their results in the message of the assistant', () => {
  const [only, ...more] = toMessages({
    role: 'assistant',
    parts: [
      {
        type: 'tool-web_search',
        toolCallId: '1',
        state: 'output-available',
        input: {},
        output: [],
        providerExecuted: true,
      },
    ],
  });
  expect(more).toEqual([]);
  expect(only?.content.map(({ type }) => type)).toEqual(['tool-call', 'tool-result']);
});

test('what is no message is refused with its place', () => {
  const wrong: unknown[] = [3, null, { role: 'robot', content: 'x' }, { role: 'user' }];
  for (const each of wrong) {
    expect(() => toMessages(['ok', each as MessageInput])).toThrow(/^Message 1 /);
  }
});

test('what JSON cannot carry is refused, and prototypes are not reached', () => {
  const output: Record<string, unknown> = {};
  output['self'] = output;
  const part = { type: 'tool-result', toolCallId: '1', toolName: 'loop' };
  const refused = () =>
    toMessages({ role: 'tool', content: [{ ...part, output: { type: 'json', value: output } }] });
  expect(refused).toThrow(FlowError);
  const value: unknown = JSON.parse('{"__proto__":{"admin":true},"ok":1}');
  const [read] = toMessages({
    role: 'tool',
    content: [{ ...part, output: { type: 'json', value } }],
  });
  expect(read?.content[0]).toMatchObject({ output: { ok: 1 } });
  expect(JSON.stringify(read)).not.toContain('admin');
});

test('data URLs are read as browsers read them: a sign that escapes nothing stands for itself, and base64 may be escaped, too', () => {
  const sourceOf = (url: string) => {
    const [read] = toMessages({ role: 'user', parts: [{ type: 'file', url }] });
    return (read?.content[0] as FilePart | undefined)?.source;
  };
  const base64 = (text: string) => ({ type: 'base64', data: Buffer.from(text).toString('base64') });
  expect(sourceOf('data:,100%')).toEqual(base64('100%'));
  expect(sourceOf('data:text/plain,50%25%20%C3%BC%2')).toEqual(base64('50% \u00fc%2'));
  expect(sourceOf('data:text/plain;base64,aGk%3D')).toEqual(base64('hi'));
});
