/** What an author gives that cannot be read: it throws when it is, or is nested deeper than the stack. */
import { and, type Condition, exists, Flow, type FlowJson, not } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { thrown, untyped } from './thrown.ts';

const echo = (params: Readonly<Record<string, unknown>>) => params;
const deep = 20_000;
const nested = (
  leaf: unknown,
  around: (inner: unknown) => unknown = (inner) => [inner],
  depth = deep,
) => {
  let all = leaf;
  for (let i = 0; i < depth; i++) all = around(all);
  return untyped<never>(all);
};
const throwing = untyped<never>(
  Object.defineProperty({}, 'x', {
    enumerable: true,
    get: () => {
      throw new Error('no x today');
    },
  }),
);
const json = (data: object, steps: object = { a: {} }): FlowJson =>
  untyped({ v: 1, id: 'f', steps, links: [], data, outputs: {} });
const from = (given: FlowJson) => () => Flow.fromJSON(given, { steps: { a: echo } });

type Case = readonly [what: string, place: string, work: () => unknown];

const flow = new Flow<{ n: number }>('f');
const { n } = flow.input;

test.each<Case>([
  ['params', 'step "a"', () => new Flow('f').step('a', echo, throwing)],
  ['a param', 'step "a"', () => new Flow('f').step('a', echo, { p: [throwing] })],
  ['options', 'step "a"', () => new Flow('f').step('a', echo, {}, throwing)],
  ['metadata', 'step "a"', () => new Flow('f').step('a', echo, {}, { metadata: throwing })],
  ['options of a link', 'link "a->b"', () => new Flow('f').link('a', 'b', throwing)],
  ['options of a flow', 'flow "f"', () => new Flow('f', { metadata: throwing })],
  ['outputs', 'outputs of "f"', () => new Flow('f').output({ out: { deep: throwing } })],
  ['params by keys', 'step "a"', () => new FlowBuilder('f').addStep('a', echo, throwing)],
  ['settings by keys', 'step "a"', () => new FlowBuilder('f').addStep('a', echo, {}, throwing)],
  ['a link by keys', 'link "a->b"', () => new FlowBuilder('f').addLink('a', 'b', throwing)],
  ['data by keys', '"a.x"', () => new FlowBuilder('f').setDataValue('a.x', throwing)],
  ['a map of data', '"a.x"', () => new FlowBuilder('f').setDataMap('a.x', 'n', throwing)],
  ['JSON', 'JSON', from(json({ 'a.x': { value: throwing } }))],
])(
  '1.11 %s that throw when they are read: the error has a place, and the cause',
  (_, place, work) => {
    const error = thrown(work);
    expect(error.code).toBe('invalid-definition');
    expect(error.message).toContain(place);
    expect(error.message).toContain('no x today');
    expect(error.cause).toEqual(new Error('no x today'));
  },
);

test.each<Case>([
  ['references in a param', 'step "a"', () => flow.step('a', echo, { x: nested(n) })],
  [
    'a condition',
    'step "a"',
    () => flow.step('a', echo, {}, { when: nested(exists(n), (of) => not(of as Condition)) }),
  ],
  [
    'the condition of a link',
    'link "a->b"',
    () => flow.link('a', 'b', { when: nested(exists(n), (of) => and(of as Condition)) }),
  ],
  ['an output', 'outputs of "f"', () => flow.output({ x: nested(n) })],
  [
    'params by keys',
    'step "a"',
    () => new FlowBuilder('f').addStep('a', echo, { x: nested('{{n}}') }),
  ],
  ['data by keys', '"a.x"', () => new FlowBuilder('f').setDataValue('a.x', nested('{{n}}'))],
  [
    'a list in JSON',
    'JSON',
    from(json({ 'a.x': nested({ key: 'n' }, (part) => ({ array: [part] })) })),
  ],
  ['a template in JSON', 'JSON', from(json({ 'a.x': { template: nested('{{n}}') } }))],
  [
    'a condition in JSON',
    'JSON',
    from(json({}, { a: { when: nested(exists(n), (of) => ({ op: 'not', of })) } })),
  ],
  ['flows in JSON', 'JSON', from(nested(json({}, {}), (flow) => json({}, { a: { flow } })))],
])('1.11 %s nested 20 000 deep: the error has a place', (_, place, work) => {
  const error = thrown(work);
  expect(error.code).toBe('invalid-definition');
  expect(error.message).toContain(place);
  expect(error.message).toContain('nested');
});

test('1.11 references that can be bound, but are too deep to be looked through, are told of so', () => {
  for (let depth = 250; depth < deep; depth *= 1.25) {
    const outputs = { x: nested(n, undefined, depth) };
    const value = nested('{{n}}', undefined, depth);
    for (const work of [
      () => flow.output(outputs),
      () => new FlowBuilder('f').setDataValue('a.x', value),
    ]) {
      try {
        work();
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid-definition' });
      }
    }
  }
});

test('1.7 a value is data: any depth of it runs, and has a hash', async () => {
  const value = nested(1);
  const flow = new Flow('f');
  const a = flow.step('a', echo, { value }, { metadata: { value }, fallback: value });
  const compiled = flow.output({ a: a.out });
  expect(compiled.hash).toMatch(/^[0-9a-f]{32}$/);
  let found = (await compiled.complete({})).output.a['value'];
  for (let i = 0; i < deep; i++) found = (found as unknown[])[0];
  expect(found).toBe(1);
});

test('1.11 JSON cannot carry any depth: toJSON() says so', () => {
  const flow = new Flow('f');
  flow.step('a', echo, { value: nested(1) });
  const compiled = flow.output({});
  const error = thrown(() => compiled.toJSON());
  expect(error.code).toBe('not-serialisable');
  expect(error.message).toContain('flow "f"');
  expect(error.message).toContain('nested');
});
