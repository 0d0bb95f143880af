import fc from 'fast-check';
import { defineStep, each, eq, Flow, gt, predicate } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { canonicalJson } from '../../src/graph/hash.ts';

const step = () => 1;
const inner = new FlowBuilder('inner')
  .addStep('leaf', step, { x: '{{n}}' })
  .setOutput('x', 'leaf.return')
  .build();
const page = defineStep({
  input: z.object({ url: z.string() }),
  run: step,
  metadata: { b: 1, a: 2 },
});

type Change = readonly [name: string, apply: (builder: FlowBuilder) => unknown];

const changes: readonly Change[] = [
  ['a', (b) => b.addStep('a', step)],
  [
    'b',
    (b) => b.addStep('b', step, {}, { retry: { count: 1, delay: 2 }, metadata: { x: 1, y: 2 } }),
  ],
  ['c', (b) => b.addStep('c', inner, { n: 5 })],
  ['page', (b) => b.addStep('page', page)],
  ['page.url', (b) => b.setDataValue('page.url', 'so {{link}}')],
  ['b.x', (b) => b.setDataMap('b.x', 'a.return')],
  ['b.y', (b) => b.setDataValue('b.y', { p: 1, q: [{ r: '{{a.return}}' }] })],
  ['link', (b) => b.setDataValue('link', 'https://a.b')],
  ['other', (b) => b.setDataMap('other', 'link', { default: { m: 1, n: 2 } })],
  ['a->c', (b) => b.addLink('a', 'c', { on: 'settled' })],
  ['b->c', (b) => b.addLink('b', 'c', { when: { op: 'exists', left: { key: 'a.return' } } })],
  ['a->c again', (b) => b.addLink('a', 'c', { description: 'why', metadata: { k: 1, l: 2 } })],
  ['out', (b) => b.setOutput('out', 'c.return.x')],
  ['more', (b) => b.setOutput('more', 'b.return')],
];

const made = (order: readonly Change[]) => {
  const builder = new FlowBuilder('f', { description: 'd', metadata: { v: 1, w: 2 } });
  for (const [, apply] of order) apply(builder);
  return builder.build();
};

test('1.12 the order of insertion does not change the hash', () => {
  const { hash } = made(changes);
  expect(hash).toMatch(/^[0-9a-f]{32}$/);
  fc.assert(
    fc.property(fc.shuffledSubarray([...changes], { minLength: changes.length }), (order) => {
      expect(made(order).hash).toBe(hash);
    }),
    { numRuns: 300 },
  );
});

test('1.12 what is taken back does not change the hash', () => {
  const builder = new FlowBuilder('f').addStep('a', step).setOutput('a', 'a.return');
  const { hash } = builder.build();
  builder
    .addStep('b', step)
    .addLink('a', 'b')
    .setDataValue('b.x', 1)
    .setOutput('b', 'b.return')
    .removeOutput('b')
    .removeStep('b');
  expect(builder.build().hash).toBe(hash);
});

test('1.12 every part of a definition is in its hash', () => {
  // What others do not need in order to compile.
  const optional = changes.filter(([name]) => !['a', 'b', 'c', 'page'].includes(name));
  const hashes = [changes, ...optional.map((left) => changes.filter((change) => change !== left))]
    .filter(
      (order) => order.length === changes.length || order.some(([name]) => name === 'page.url'),
    )
    .map((order) => made(order).hash);
  expect(hashes).toHaveLength(optional.length);
  expect(new Set(hashes).size).toBe(hashes.length);
});

test('1.12 the smallest difference makes another hash', () => {
  const variants: ((flow: Flow<{ n: number }>) => Record<string, unknown>)[] = [
    (flow) => ({ a: flow.step('a', step, {}).out }),
    (flow) => ({ b: flow.step('a', step, {}).out }),
    (flow) => ({ a: flow.step('b', step, {}).out }),
    (flow) => ({ a: flow.step('a', step, { x: 1 } as never).out }),
    (flow) => ({ a: flow.step('a', step, { x: '1' } as never).out }),
    (flow) => ({ a: flow.step('a', step, { x: [1] } as never).out }),
    (flow) => ({ a: flow.step('a', step, { x: null } as never).out }),
    (flow) => ({ a: flow.step('a', step, { x: new Date(1) } as never).out }),
    (flow) => ({ a: flow.step('a', step, { x: new Date(2) } as never).out }),
    (flow) => ({ a: flow.step('a', step, { x: 1n } as never).out }),
    (flow) => ({ a: flow.step('a', step, { x: Number.NaN } as never).out }),
    (flow) => ({ a: flow.step('a', step, { x: flow.input.n } as never).out }),
    (flow) => ({ a: flow.step('a', step, {}, { when: gt(flow.input.n, 1) }).out }),
    (flow) => ({ a: flow.step('a', step, {}, { when: gt(flow.input.n, 2) }).out }),
    (flow) => ({ a: flow.step('a', step, {}, { when: eq(flow.input.n, 1) }).out }),
    (flow) => ({ a: flow.step('a', step, {}, { join: 'all' }).out }),
    (flow) => ({ a: flow.step('a', step, {}, { fallback: 1 }).out }),
    (flow) => ({ a: flow.step('a', step, {}, { timeout: { total: 1 } }).out }),
  ];
  const hashes = variants.map((variant) => {
    const flow = new Flow<{ n: number }>('f');
    return flow.output(variant(flow)).hash;
  });
  expect(new Set(hashes).size).toBe(variants.length);
});

test('1.12 code does not count', () => {
  const one = new Flow<{ n: number }>('f');
  const a = one.step('a', () => 1, {}, { when: predicate([one.input.n], (n) => n > 1) });
  const two = new Flow<{ n: number }>('f');
  const b = two.step('a', async () => 2, {}, { when: predicate([two.input.n], (n) => n > 2) });
  expect(two.output({ a: b.out }).hash).toBe(one.output({ a: a.out }).hash);
});

test('1.12 what is no data counts by its type, whatever it holds', () => {
  class Connection {
    open = 0;
    readonly self = this;
  }
  const connection = new Connection();
  const flow = new Flow('f');
  const a = flow.step('a', ({ db }: { db: Connection }) => db.open, { db: connection });
  const compiled = flow.output({ a: a.out });
  connection.open = 5;
  const again = new Flow('f');
  const b = again.step('a', ({ db }: { db: Connection }) => db.open, { db: connection });
  expect(again.output({ a: b.out }).hash).toBe(compiled.hash);
});

test('1.12 a literal with a cycle in it has a hash', () => {
  const value: Record<string, unknown> = { n: 1 };
  value['self'] = value;
  const flow = new FlowBuilder('f').addStep('a', step).setDataValue('a.x', value).build();
  expect(flow.hash).toMatch(/^[0-9a-f]{32}$/);
});

test('1.12 a flow of a subflow has another hash when the subflow has', () => {
  const make = (n: number) => {
    const sub = new FlowBuilder('sub').addStep('a', step, { n }).build();
    return new FlowBuilder('f').addStep('sub', sub).build().hash;
  };
  expect(make(1)).toBe(make(1));
  expect(make(1)).not.toBe(make(2));
});

test('1.12 the hash stays from release to release', () => {
  // A change here means that no stored run can be resumed by the new version: say so in the changelog.
  // (A schema is in it as its JSON Schema, which is its library's to word, so there is none here.)
  const plain = changes.filter(([name]) => !name.startsWith('page'));
  expect(made(plain).hash).toBe('8f7a3eec692e2e8448a482cb0cafdaa1');
});

test('1.12 equal data has the same canonical text, different data another', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const shuffled = JSON.parse(JSON.stringify(value), (_, part: unknown) =>
        typeof part === 'object' && part !== null && !Array.isArray(part)
          ? Object.fromEntries(Object.entries(part).reverse())
          : part,
      ) as unknown;
      expect(canonicalJson(shuffled)).toBe(canonicalJson(JSON.parse(JSON.stringify(value))));
    }),
  );
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const [x, y] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))] as unknown[];
      let same = true;
      try {
        expect(x).toEqual(y);
      } catch {
        same = false;
      }
      expect(canonicalJson(x) === canonicalJson(y)).toBe(same);
    }),
  );
});

test('1.12 a step around another one has a hash', () => {
  const flow = new Flow<{ items: string[] }>('f');
  const all = flow.step('all', each(page, { as: 'url' }), { items: flow.input.items });
  expect(flow.output({ all: all.out }).hash).toMatch(/^[0-9a-f]{32}$/);
});
