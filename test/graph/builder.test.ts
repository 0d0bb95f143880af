import { defineStep } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { thrown, untyped } from './thrown.ts';

const step = () => 1;
const echo = (params: Readonly<Record<string, unknown>>) => params;

/** A builder with something of everything. */
const full = () =>
  new FlowBuilder('f')
    .addStep('a', echo, { n: '{{n}}' })
    .addStep('b', echo, { x: '{{a.return.n}}' }, { retry: { count: 1 } })
    .addStep('c', echo)
    .addLink('b', 'c', { description: 'then' })
    .addLink('a', 'c', { when: { op: 'exists', left: { key: 'b.return' } } })
    .setDataMap('c.y', 'b.return.x', { default: 0 })
    .setDataValue('n', 5)
    .setOutput('c', 'c.return');

const seen = (builder: FlowBuilder) =>
  JSON.stringify([builder.build(), builder.steps, builder.links, builder.data, builder.outputs]);

const refused: [name: string, change: (builder: FlowBuilder) => unknown][] = [
  ['a step of a bad id', (b) => b.addStep('a b', step)],
  ['a step that is there', (b) => b.addStep('a', step)],
  ['a step without code', (b) => b.addStep('d', untyped(5))],
  ['a step of a bad template', (b) => b.addStep('d', step, { ok: 1, bad: '{{' })],
  ['a step of a bad key', (b) => b.addStep('d', step, { x: '{{a..b}}' })],
  ['a step of a bad option', (b) => b.addStep('d', step, { x: 1 }, { retry: { count: -1 } })],
  ['a step of a bad condition', (b) => b.addStep('d', step, {}, { when: untyped({ op: 'x' }) })],
  ['a step of a bad schema', (b) => b.addStep('d', defineStep({ input: untyped(5), run: step }))],
  ['a step removed that is not there', (b) => b.removeStep('d')],
  ['a link of a bad id', (b) => b.addLink('a', 'b c')],
  ['a link of a bad option', (b) => b.addLink('a', 'b', untyped({ on: 'x' }))],
  ['a link of a bad condition', (b) => b.addLink('a', 'b', { when: untyped({ op: 'x' }) })],
  ['a link that contradicts', (b) => b.addLink('b', 'c', { description: 'no' })],
  ['a link that closes a cycle', (b) => b.addLink('c', 'a')],
  ['a tool link from no LLM', (b) => b.addLink('a', 'b', { isTool: true })],
  ['a link removed that is not there', (b) => b.removeLink('a->d')],
  ['a link removed that follows from data', (b) => b.removeLink('a->b')],
  ['an output without a name', (b) => b.setOutput('', 'a.return')],
  ['an output of a bad key', (b) => b.setOutput('x', 'a..b')],
  ['an output of no key', (b) => b.setOutput('x', untyped(5))],
  ['an output removed that is not there', (b) => b.removeOutput('x')],
  ['data of a bad key', (b) => b.setDataValue('a.b.c', 1)],
  ['data of a bad template', (b) => b.setDataValue('a.x', ['{{'])],
  ['data of undefined', (b) => b.setDataValue('a.x', undefined)],
  ['a map of a bad key', (b) => b.setDataMap('a.b.c', 'a.return')],
  ['a map of a bad source', (b) => b.setDataMap('c.x', 'a..b')],
  ['a map that closes a cycle', (b) => b.setDataMap('a.x', 'c.return')],
  ['an input of a bad key', (b) => b.setInput('a..x', 'n')],
  ['data removed that is not there', (b) => b.removeData('a.x')],
];

for (const [name, change] of refused) {
  test(`1.5 what is refused changes nothing: ${name}`, () => {
    const builder = full();
    const before = seen(builder);
    thrown(() => change(builder));
    expect(seen(builder)).toBe(before);
  });
}

test('1.1 a builder shows what it holds', () => {
  const builder = full();
  expect(Object.keys(builder.steps)).toEqual(['a', 'b', 'c']);
  expect(builder.steps['b']).toMatchObject({ id: 'b', settings: { retry: { count: 1 } } });
  expect(Object.keys(builder.links).sort()).toEqual(['a->b', 'a->c', 'b->c']);
  expect(builder.data).toEqual({
    n: { value: 5 },
    'a.n': { key: 'n' },
    'b.x': { key: 'a.return.n' },
    'c.y': { key: 'b.return.x', default: 0 },
  });
  expect(builder.outputs).toEqual({ c: { key: 'c.return' } });
});

test('1.1 what a builder shows cannot be used to change it', () => {
  const builder = full();
  const before = seen(builder);
  for (const shown of [builder.steps, builder.links, builder.data, builder.outputs]) {
    for (const each of Object.values(shown))
      expect(() =>
        Object.assign(each, { from: 'x', key: 'x', value: 'x', settings: {} }),
      ).toThrow();
    for (const name of Object.keys(shown)) delete untyped<Record<string, unknown>>(shown)[name];
  }
  expect(seen(builder)).toBe(before);
});

test('1.1 removing a step removes its params and the stated links from and to it', () => {
  const builder = full().removeStep('b');
  expect(Object.keys(builder.steps)).toEqual(['a', 'c']);
  expect(Object.keys(builder.data)).toEqual(['n', 'a.n', 'c.y']);
  // What others read of it stays, and is told.
  expect(thrown(() => builder.build()).issues?.map(({ path }) => path)).toEqual([
    'c.y',
    'condition of link "a->c"',
  ]);
  builder.removeData('c.y').removeLink('a->c').build();
  expect(Object.keys(builder.links)).toEqual([]);
});

test('1.1 a step that is removed and added again is a new one', () => {
  const builder = full().removeStep('b').addStep('b', step);
  expect(builder.data).not.toHaveProperty('b.x');
  expect(builder.links).not.toHaveProperty('a->b');
  expect(builder.links).toHaveProperty('b->c');
  expect(builder.links['b->c']).toMatchObject({ derived: true });
  builder.build();
});

test('1.1 removing a link removes what was stated; what data makes stays', () => {
  const builder = full().removeLink('b->c');
  expect(builder.links['b->c']).toMatchObject({ derived: true });
  expect(thrown(() => builder.removeLink('b->c')).message).toBe(
    'The link "b->c" follows from what "c" reads of "b", so it goes with it. Remove the data, or the condition, that reads "b". (invalid-link)',
  );
  builder.removeData('c.y').removeLink('a->c');
  expect(builder.links).not.toHaveProperty('b->c');
});

test('1.9 removing an output removes it', () => {
  const builder = full().setOutput('more', 'a.return').removeOutput('c');
  expect(Object.keys(builder.build().outputs)).toEqual(['more']);
});

test('1.9 an output that is set again is another one', async () => {
  const flow = full().setOutput('c', 'a.return.n').build();
  expect((await flow.complete({})).output).toEqual({ c: 5 });
});

test('1.6 removing data unbinds a param, or an input', async () => {
  const builder = full().removeData('c.y').removeData('n');
  expect(builder.data).not.toHaveProperty('c.y');
  expect((await builder.build().complete({ n: 7 })).output).toEqual({ c: {} });
});

test('1.6 data that is bound again is bound to the last', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', echo, { x: 1 })
    .setDataValue('a.x', 2)
    .setDataMap('a.x', 'n')
    .setDataValue('a.x', 'so {{n}}')
    .setOutput('a', 'a.return')
    .build();
  expect((await flow.complete({ n: 3 })).output).toEqual({ a: { x: 'so 3' } });
});

test('1.6 data that was bound for a step, and is bound no more, asks for no step', () => {
  const builder = new FlowBuilder('f').addStep('a', () => 1).setDataMap('b.x', 'a.return');
  expect(thrown(() => builder.build()).message).toContain('b: has params, but the flow has no');
  builder.removeData('b.x').build();
});

test('1.6 data may be bound before its step is there', async () => {
  const flow = new FlowBuilder('f')
    .setDataValue('a.x', 1)
    .addStep('a', echo, { y: 2 })
    .setOutput('a', 'a.return')
    .build();
  expect((await flow.complete({})).output).toEqual({ a: { x: 1, y: 2 } });
});

test('1.6 a param of any name can be bound', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', echo, { 'odd name': 1, return: 2, '0': 3 })
    .setDataValue('a["other name"]', 4)
    .setDataValue('a.error', 5)
    .addStep('b', echo)
    .setDataMap('b.x', 'a["odd name"]')
    .setOutput('a', 'a.return')
    .setOutput('b', 'b.return')
    .build();
  expect((await flow.complete({})).output).toEqual({
    a: { 'odd name': 1, return: 2, '0': 3, 'other name': 4, error: 5 },
    b: { x: 1 },
  });
  expect(Object.keys(flow.data)).toContain('a["odd name"]');
});

test('1.6 a default fills in for what is missing, not for null', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', () => ({ none: null, zero: 0 }))
    .addStep('b', echo)
    .setDataMap('b.none', 'a.return.none', { default: 'd' })
    .setDataMap('b.zero', 'a.return.zero', { default: 'd' })
    .setDataMap('b.gone', 'a.return.gone', { default: 'd' })
    .setDataMap('b.nil', 'a.return.gone', { default: null })
    .setOutput('b', 'b.return')
    .build();
  expect((await flow.complete({})).output).toEqual({
    b: { none: null, zero: 0, gone: 'd', nil: null },
  });
});

test('1.11 what is not there is named with what was meant and what there is', () => {
  const builder = new FlowBuilder('f')
    .addStep('fetch', step)
    .addStep('mail', step)
    .addLink('fetch', 'mail')
    .setDataValue('mail.title', 1)
    .setOutput('sent', 'mail.return');
  expect(thrown(() => builder.removeStep('fecth')).message).toBe(
    'The flow "f" has no step "fecth". Did you mean "fetch"? It has: fetch, mail. (invalid-definition)',
  );
  expect(thrown(() => builder.removeLink('fetch->mial')).message).toBe(
    'The flow "f" has no stated link "fetch->mial". Did you mean "fetch->mail"? It has: fetch->mail. (invalid-definition)',
  );
  expect(thrown(() => builder.removeData('mail.titel')).message).toBe(
    'The flow "f" has no bound key "mail.titel". Did you mean "mail.title"? It has: mail.title. (invalid-definition)',
  );
  expect(thrown(() => builder.removeOutput('snet')).message).toBe(
    'The flow "f" has no output "snet". Did you mean "sent"? It has: sent. (invalid-definition)',
  );
  expect(thrown(() => new FlowBuilder('f').removeStep('a')).message).toContain('It has: none.');
});

test('1.6 an output that names a step reads no input by that name', () => {
  const builder = new FlowBuilder('f').addStep('greet', step).setOutput('greeting', 'greet');
  expect(thrown(() => builder.build()).message).toBe(
    `The flow "f" has a problem: (invalid-definition)
  - output "greeting": reads "greet", which is a step. For its result write "greet.return"; for an input of that name declare the inputs of the flow`,
  );
});
