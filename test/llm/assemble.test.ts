/** Chunks become the message that memory keeps. */
import { Assembly, addUsage, assemble, type ChatChunk, noUsage } from 'millrace/llm';
import { expect, test } from 'vitest';

const finish: ChatChunk = {
  type: 'finish',
  reason: 'stop',
  usage: { ...noUsage, input: 3, output: 4 },
};

test('metadata of start, deltas and end is kept together', () => {
  const { message } = assemble([
    { type: 'reasoning', id: '0', text: '', providerMetadata: { openai: { itemId: 'rs_1' } } },
    { type: 'reasoning', id: '0', text: 'Hm' },
    { type: 'reasoning', id: '0', text: '.', providerMetadata: { anthropic: { signature: 's' } } },
    { type: 'reasoning', id: '0', text: '', providerMetadata: { openai: { encrypted: 'e' } } },
    finish,
  ]);
  expect(message.content).toEqual([
    {
      type: 'reasoning',
      text: 'Hm.',
      providerMetadata: {
        openai: { itemId: 'rs_1', encrypted: 'e' },
        anthropic: { signature: 's' },
      },
    },
  ]);
});

test('blocks that come interleaved stay apart, in the order in which they began', () => {
  const { message } = assemble([
    { type: 'text', id: 'a', text: 'one ' },
    { type: 'text', id: 'b', text: 'three ' },
    { type: 'reasoning', id: 'a', text: 'aside' },
    { type: 'text', id: 'a', text: 'two' },
    { type: 'text', id: 'b', text: 'four' },
  ]);
  expect(message.content).toEqual([
    { type: 'text', text: 'one two' },
    { type: 'text', text: 'three four' },
    { type: 'reasoning', text: 'aside' },
  ]);
});

test('without ids, deltas of one type in a row are one part', () => {
  const { message } = assemble([
    { type: 'reasoning', text: 'a' },
    { type: 'text', text: 'b' },
    { type: 'text', text: 'c' },
    { type: 'reasoning', text: 'd' },
  ]);
  expect(message.content.map((part) => 'text' in part && part.text)).toEqual(['a', 'bc', 'd']);
});

test.each([
  ['{"city":"Paris"}', { input: { city: 'Paris' } }],
  ['', { input: {} }],
  ['{"city": "Par', { input: {}, invalidInput: '{"city": "Par' }],
  ['"Paris"', { input: {}, invalidInput: '"Paris"' }],
  ['[1]', { input: {}, invalidInput: '[1]' }],
  ['null', { input: {}, invalidInput: 'null' }],
  ['{"\\u005f_proto__":{"admin":true}}', { input: {} }],
])('the input %s of a call is always an object', (input, expected) => {
  const { message } = assemble([{ type: 'tool-call', id: '1', name: 'weather', input }]);
  expect(message.content).toEqual([{ type: 'tool-call', id: '1', name: 'weather', ...expected }]);
});

test('what the provider did itself is part of the message, sources are not', () => {
  const { message } = assemble([
    { type: 'tool-call', id: '1', name: 'web_search', input: '{}', providerExecuted: true },
    { type: 'tool-result', id: '1', name: 'web_search', output: ['found'] },
    { type: 'source', id: 's', url: 'https://example.com' },
    { type: 'file', mediaType: 'image/png', source: { type: 'base64', data: 'AAAA' } },
  ]);
  expect(message.content.map(({ type }) => type)).toEqual(['tool-call', 'tool-result', 'file']);
});

test('an answer without its finish is interrupted, and empty text leaves no part', () => {
  expect(assemble([{ type: 'text', text: '' }])).toEqual({
    message: { version: 1, role: 'assistant', content: [] },
    reason: 'interrupted',
    usage: noUsage,
  });
});

test('an answer that was looked at does not change afterwards', () => {
  const assembly = new Assembly();
  assembly.add({ type: 'text', text: 'a' });
  const before = assembly.answer();
  assembly.add({ type: 'text', text: 'b' });
  assembly.add(finish);
  expect(before.message.content).toEqual([{ type: 'text', text: 'a' }]);
  expect(assembly.answer()).toMatchObject({ reason: 'stop', usage: { input: 3, output: 4 } });
});

test('usage adds up', () => {
  const usage = { input: 1, output: 2, reasoning: 3, cacheRead: 4, cacheWrite: 5 };
  expect(addUsage(usage, addUsage(usage, noUsage))).toEqual({
    input: 2,
    output: 4,
    reasoning: 6,
    cacheRead: 8,
    cacheWrite: 10,
  });
});
