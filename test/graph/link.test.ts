import { defineStep, eq, Flow } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { thrown, untyped } from './thrown.ts';

const step = () => 1;
const llm = defineStep({ run: step, isLlm: true });

const three = () => new FlowBuilder('f').addStep('a', step).addStep('b', step).addStep('c', step);

test('1.3 a link is one of each ordered pair, named from->to', () => {
  const flow = three().addLink('a', 'b').addLink('a', 'b').addLink('b', 'c').build();
  expect(Object.keys(flow.links)).toEqual(['a->b', 'b->c']);
  expect(flow.links['a->b']).toEqual({
    id: 'a->b',
    from: 'a',
    to: 'b',
    on: 'success',
    derived: false,
    stream: false,
    counts: true,
    optional: false,
  });
});

test('1.3 adding a link again merges what both say', () => {
  const when = eq(new Flow<{ x: number }>('x').input.x, 1);
  const flow = three()
    .addLink('a', 'b', { description: 'why' })
    .addLink('a', 'b', { on: 'settled' })
    .addLink('a', 'b', { when, metadata: { n: 1 } })
    .addLink('a', 'b', { when: { ...when }, metadata: { n: 1 } })
    .build();
  expect(flow.links['a->b']).toMatchObject({
    description: 'why',
    on: 'settled',
    when,
    metadata: { n: 1 },
  });
});

test('1.3 adding a link again with something contradictory is an error and changes nothing', () => {
  const builder = three().addLink('a', 'b', { on: 'failure', description: 'x', isTool: false });
  const before = JSON.stringify(builder.build());
  expect(thrown(() => builder.addLink('a', 'b', { on: 'settled' })).message).toBe(
    'The link "a->b" is there with another "on". Remove it first, or say the same. (invalid-link)',
  );
  expect(thrown(() => builder.addLink('a', 'b', { description: 'y' })).code).toBe('invalid-link');
  expect(thrown(() => builder.addLink('a', 'b', { isTool: true })).code).toBe('invalid-link');
  expect(JSON.stringify(builder.build())).toBe(before);
});

test('1.3 a link that is removed can be stated anew', () => {
  const builder = three().addLink('a', 'b', { on: 'failure' }).removeLink('a->b');
  expect(Object.keys(builder.links)).toEqual([]);
  expect(builder.addLink('a', 'b', { on: 'settled' }).links['a->b']).toMatchObject({
    on: 'settled',
  });
});

test('1.3 a redundant link is allowed', () => {
  const flow = three().addLink('a', 'b').addLink('b', 'c').addLink('a', 'c').build();
  expect(Object.keys(flow.links).sort()).toEqual(['a->b', 'a->c', 'b->c']);
});

test('1.3 an option of a link that does not exist is refused, with what was meant', () => {
  expect(thrown(() => three().addLink('a', 'b', untyped({ wen: 1 }))).message).toBe(
    'There is no option "wen" of link "a->b". Did you mean "when"? It takes: when, on, isTool, isToolResult, description, metadata. (invalid-option)',
  );
  expect(thrown(() => three().addLink('a', 'b', untyped({ on: 'fail' }))).message).toBe(
    'The option "on" of link "a->b" is "fail". It takes "success", "failure", "settled". (invalid-option)',
  );
  expect(thrown(() => three().addLink('a', 'b', untyped({ when: () => true }))).message).toBe(
    'The condition of link "a->b" is a function, which is no condition. Write one such as gt(page.out.score, 0.5); code goes into predicate([page.out], (page) => …). (invalid-definition)',
  );
});

test('1.4 a reference in a param, a text, or a condition is a link', () => {
  const flow = new Flow('f');
  const a = flow.step('a', () => ({ x: 1 }), {});
  const b = flow.step('b', ({ x }: { x: number }) => x, { x: a.out.x });
  const c = flow.step('c', ({ x }: { x: unknown }) => x, { x: [{ deep: b.out }] });
  const d = flow.step('d', step, {}, { when: eq(c.out, 0) });
  flow.step('e', step, {});
  flow.link('a', 'e', { when: eq(d.out, 1) });
  const { links } = flow.output({});
  expect(Object.keys(links).sort()).toEqual(['a->b', 'a->e', 'b->c', 'c->d', 'd->e']);
  expect(links['a->b']).toMatchObject({ derived: true });
  expect(links['a->e']).toMatchObject({ derived: false });
  expect(links['d->e']).toMatchObject({ derived: true, counts: false });
});

test('1.4 a template links, and so does a map', () => {
  const flow = three()
    .setDataValue('b.x', { list: ['{{a.return}} and more'] })
    .setDataMap('c.x', 'b.return.x')
    .build();
  expect(Object.keys(flow.links)).toEqual(['a->b', 'b->c']);
});

test('1.4 a map with autolink off does not link, but needs another way to come after its source', () => {
  const builder = three().setDataMap('c.x', 'a.return', { autolink: false });
  expect(thrown(() => builder.build()).message).toBe(
    `The flow "f" has a problem: (invalid-definition)
  - c.x: reads "a.return" with autolink off, but no link makes "c" come after "a". Add one, or leave autolink on`,
  );
  const { links } = builder.addLink('a', 'b').addLink('b', 'c').build();
  expect(Object.keys(links)).toEqual(['a->b', 'b->c']);
});

test('1.4 reading an error makes a link for failure; reading result and error, one for both', () => {
  const flow = new Flow('f');
  const a = flow.step('a', step, {});
  flow.step('b', ({ e }: { e: unknown }) => e, { e: a.error });
  flow.step('c', (p: { e: unknown; x: unknown }) => p, { e: a.error, x: a.out });
  const { links } = flow.output({});
  expect(links['a->b']).toMatchObject({ on: 'failure' });
  expect(links['a->c']).toMatchObject({ on: 'settled' });
});

test('1.4 reading chunks alone makes a stream link', () => {
  const flow = new Flow('f');
  const a = flow.step('a', step, {});
  flow.step('b', ({ c }: { c: unknown }) => c, { c: a.chunks });
  flow.step('c', (p: { c: unknown; x: unknown }) => p, { c: a.chunks, x: a.out });
  const { links } = flow.output({});
  expect(links['a->b']).toMatchObject({ stream: true });
  expect(links['a->c']).toMatchObject({ stream: false });
});

test('1.4 a step is named by itself or by its id', () => {
  const flow = new Flow('f');
  const a = flow.step('a', step, {});
  const b = flow.step('b', step, {}, { after: [a] });
  flow.step('c', step, {});
  const { links } = flow.link(b, 'c').link('a', 'c').output({});
  expect(Object.keys(links).sort()).toEqual(['a->b', 'a->c', 'b->c']);
});

test('1.13 a tool link starts at an LLM step', () => {
  const builder = new FlowBuilder('f').addStep('chat', llm).addStep('search', step);
  expect(thrown(() => builder.addLink('search', 'chat', { isTool: true })).message).toBe(
    'The tool link "search->chat" starts at "search", which is no LLM step. It goes from an LLM step to its tool. (invalid-link)',
  );
  const { links } = builder
    .addLink('chat', 'search', { isTool: true, description: 'finds' })
    .build();
  expect(links['chat->search']).toMatchObject({ isTool: true, description: 'finds' });
});

test('1.13 a tool-result link ends at an LLM step', () => {
  const builder = new FlowBuilder('f').addStep('chat', llm).addStep('search', step);
  expect(thrown(() => builder.addLink('chat', 'search', { isToolResult: true })).message).toBe(
    'The tool-result link "chat->search" ends at "search", which is no LLM step. It goes from a tool to the LLM step that reads its result. (invalid-link)',
  );
  const { links } = builder.addLink('search', 'chat', { isToolResult: true }).build();
  expect(links['search->chat']).toMatchObject({ isToolResult: true });
});

test('1.13 a tool link that comes before its step is checked when the flow is compiled', () => {
  const builder = new FlowBuilder('f').addLink('a', 'b', { isTool: true });
  builder.addStep('a', step).addStep('b', step);
  expect(thrown(() => builder.build()).message).toContain(
    '- link "a->b": The tool link "a->b" starts at "a", which is no LLM step.',
  );
});

test('1.13 a link is not a tool link and a tool-result link at once', () => {
  const builder = new FlowBuilder('f').addStep('x', llm).addStep('y', llm);
  expect(
    thrown(() => builder.addLink('x', 'y', { isTool: true, isToolResult: true })).message,
  ).toBe('The link "x->y" cannot be a tool link and a tool-result link at once. (invalid-link)');
});
