import {
  and,
  defineStep,
  eq,
  exists,
  Flow,
  gt,
  orElse,
  type RefOf,
  required,
  text,
} from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { atOnce, endings, errorOf, explained, failing, outputOf, type Told } from './told.ts';

const one = () => 1;

const skipOf = (told: Told, path: string) => {
  const event = told.events.find((each) => each.type === 'STEP_SKIP' && each.path === path);
  return event?.type === 'STEP_SKIP' ? { reason: event.reason, ...event.detail } : undefined;
};

test('2.7 condition-false tells the condition and the values that it read', () => {
  const flow = new Flow<{ n: number; who: string }>('condition');
  const a = flow.step('a', ({ n }: { n: number }) => ({ n }), { n: flow.input.n });
  flow.step('b', one, {}, { when: and(gt(a.out.n, 5), eq(flow.input.who, 'Ada')) });
  const told = atOnce(flow.output({}), { n: 1, who: 'Bob' });
  expect(skipOf(told, 'b')).toEqual({
    reason: 'condition-false',
    message:
      'the condition "a.return.n > 5 and who = "Ada"" was false: a.return.n was 1, who was "Bob"',
    values: { 'a.return.n': 1, who: 'Bob' },
  });
  expect(explained(told, 'b')).toBe(
    '"b" was skipped: the condition "a.return.n > 5 and who = "Ada"" was false: a.return.n was 1, who was "Bob".',
  );
});

test('2.7 condition-false of a link tells the link', () => {
  const flow = new Flow('link-condition');
  const a = flow.step('a', one, {});
  flow.step('b', one, {});
  flow.link(a, 'b', { when: gt(a.out, 5) });
  const told = atOnce(flow.output({}), {});
  expect(skipOf(told, 'b')).toEqual({
    reason: 'condition-false',
    message: 'the condition of the link "a->b", "a.return > 5", was false: a.return was 1',
    values: { 'a.return': 1 },
    link: 'a->b',
  });
});

test('2.7 a condition on a value that is missing says so', () => {
  const flow = new Flow('missing-value');
  const a = flow.step('a', (): { score?: number } => ({}), {});
  flow.step('b', one, {}, { when: gt(a.out.score, 5) });
  expect(explained(atOnce(flow.output({}), {}), 'b')).toBe(
    '"b" was skipped: the condition "a.return.score > 5" was false: a.return.score was missing.',
  );
});

test('2.7 a false condition that read a long value shows its beginning', () => {
  const flow = new Flow<{ words: string }>('long');
  flow.step('b', one, {}, { when: eq(flow.input.words, 'no') });
  const message = skipOf(atOnce(flow.output({}), { words: 'word '.repeat(1000) }), 'b')?.message;
  expect(message?.length).toBeLessThan(150);
});

test('2.7 a condition that read what JSON cannot carry is false all the same', () => {
  const flow = new Flow('odd');
  const a = flow.step('a', () => 1n, {});
  const b = flow.step(
    'b',
    () => {
      const loop: { self?: unknown } = {};
      loop.self = loop;
      return loop;
    },
    {},
  );
  flow.step('c', one, {}, { when: gt(a.out, 5n) });
  flow.step('d', one, {}, { when: eq(b.out, {}) });
  const told = atOnce(flow.output({}), {});
  expect(endings(told)).toMatchObject({ c: 'condition-false', d: 'condition-false' });
  expect(explained(told, 'c')).toContain('a.return was 1n');
});

test('2.7 upstream-skipped leads to its source; explain follows the chain to the root cause', () => {
  const flow = new Flow<{ n: number }>('chain');
  const a = flow.step('a', one, {}, { when: gt(flow.input.n, 5) });
  const b = flow.step('b', one, {}, { after: [a] });
  flow.step('c', one, {}, { after: [b] });
  const told = atOnce(flow.output({}), { n: 1 });
  expect(skipOf(told, 'c')).toEqual({
    reason: 'upstream-skipped',
    message: '"b" was skipped',
    source: 'b',
  });
  expect(explained(told, 'c')).toBe(
    '"c" was skipped: "b" was skipped: "a" was skipped: the condition "n > 5" was false: n was 1.',
  );
});

test('2.7 upstream-failed leads to the failure, over any number of steps', () => {
  const flow = new Flow('failed');
  const a = flow.step('a', failing('no more paper'), {});
  const b = flow.step('b', one, {}, { after: [a] });
  flow.step('c', one, {}, { after: [b] });
  const told = atOnce(flow.output({}), {});
  expect(skipOf(told, 'b')).toEqual({
    reason: 'upstream-failed',
    message: '"a" failed',
    source: 'a',
  });
  expect(explained(told, 'c')).toBe(
    '"c" was skipped: "b" was skipped because of a failure: "a" failed: Step "a" failed: no more paper (step-failed).',
  );
});

test('2.7 a link for another outcome than its source had says which', () => {
  const flow = new Flow('wrong-outcome');
  const a = flow.step('a', one, {});
  flow.step('repair', one, {});
  flow.link(a, 'repair', { on: 'failure' });
  expect(explained(atOnce(flow.output({}), {}), 'repair')).toBe(
    '"repair" was skipped: "a" ended in success, and the link "a->repair" is for its failure.',
  );
});

test('2.8 a required param of a skipped source skips the step: missing-input, with param and source', () => {
  const flow = new Flow<{ n: number }>('missing');
  const a = flow.step('a', one, {});
  const b = flow.step('b', one, {}, { when: gt(flow.input.n, 5) });
  const sum = defineStep({
    input: z.object({ a: z.number(), b: z.number() }),
    run: ({ a, b }) => a + b,
  });
  flow.step('sum', sum, { a: a.out, b: required(b.out) });
  const told = atOnce(flow.output({}), { n: 1 });
  expect(skipOf(told, 'sum')).toEqual({
    reason: 'missing-input',
    message: 'its param "b" has no value: b.return is missing',
    param: 'b',
    source: 'b',
  });
  expect(explained(told, 'sum')).toBe(
    '"sum" was skipped: its param "b" has no value: b.return is missing: the condition "n > 5" was false: n was 1.',
  );
});

test('2.8 required() asks for a value without a schema', () => {
  const flow = new Flow<{ n: number }>('required');
  const a = flow.step('a', one, {});
  const b = flow.step('b', one, {}, { when: gt(flow.input.n, 5) });
  flow.step('strict', ({ a, b }: { a: number; b: number }) => a + b, {
    a: a.out,
    b: required(b.out),
  });
  flow.step('lax', ({ a, b }: { a: number; b: number | undefined }) => a + (b ?? 0), {
    a: a.out,
    b: b.out,
  });
  expect(endings(atOnce(flow.output({}), { n: 1 }))).toMatchObject({
    strict: 'missing-input',
    lax: 'success',
  });
});

test('2.8 a required param with a default takes it where the source was skipped or failed', () => {
  const flow = new Flow<{ n: number }>('default');
  const a = flow.step('a', one, {});
  const b = flow.step('b', one, {}, { when: gt(flow.input.n, 5) });
  const bad = flow.step('bad', failing(), {});
  const sum = defineStep({
    input: z.object({ a: z.number(), b: z.number() }),
    run: ({ a, b }) => a + b,
  });
  const skipped = flow.step('skipped', sum, { a: a.out, b: orElse(b.out, 10) });
  const failed = flow.step(
    'failed',
    sum,
    { a: a.out, b: orElse(bad.out, 20) },
    { join: 'settled' },
  );
  expect(
    outputOf(atOnce(flow.output({ skipped: skipped.out, failed: failed.out }), { n: 1 })),
  ).toEqual({
    skipped: 11,
    failed: 21,
  });
});

test('2.8 a required param of a failed source skips a step that is not poisoned', () => {
  const flow = new Flow('failed-source');
  const bad = flow.step('bad', failing(), {});
  const step = defineStep({ input: z.object({ x: z.number() }), run: ({ x }) => x });
  flow.step('b', step, { x: bad.out }, { join: 'settled' });
  const told = atOnce(flow.output({}), {});
  expect(skipOf(told, 'b')).toMatchObject({ reason: 'missing-input', param: 'x', source: 'bad' });
  expect(explained(told, 'b')).toContain('Step "bad" failed: boom');
});

test('2.8 null is a value, undefined is absence', () => {
  const flow = new Flow('nothing');
  const nil = flow.step('nil', () => null, {});
  const nothing = flow.step('nothing', () => undefined, {});
  const seen: unknown[] = [];
  const see = (params: unknown) => {
    seen.push(params);
    return Object.keys(params as object).length;
  };
  flow.step('optional', see, { nil: nil.out, nothing: nothing.out } as never);
  flow.step('gets-nil', see, { x: required(nil.out as never) } as never);
  flow.step('lacks', see, { x: required(nothing.out as never) } as never);
  const told = atOnce(flow.output({ nil: nil.out, nothing: nothing.out }), {});
  expect(seen).toContainEqual({ nil: null });
  expect(seen).toContainEqual({ x: null });
  expect(seen).toHaveLength(2);
  expect(skipOf(told, 'lacks')).toMatchObject({ reason: 'missing-input', param: 'x' });
  expect(outputOf(told)).toEqual({ nil: null });
});

test('2.8 exists tells null from absence', () => {
  const flow = new Flow('exists');
  const a = flow.step('a', (): { nil: null; no?: number } => ({ nil: null }), {});
  flow.step('b', one, {}, { when: exists(a.out.nil) });
  flow.step('c', one, {}, { when: exists(a.out.no) });
  expect(endings(atOnce(flow.output({}), {}))).toEqual({
    a: 'success',
    b: 'success',
    c: 'condition-false',
  });
});

test('2.8 a part of a result that is not there is missing; a part of null is, too', () => {
  const flow = new FlowBuilder('parts')
    .addStep('a', () => ({ list: [], nil: null }))
    .addStep('b', defineStep({ input: z.object({ x: z.unknown() }), run: () => 1 }))
    .addStep('c', defineStep({ input: z.object({ x: z.string() }), run: () => 1 }))
    .setDataMap('b.x', 'a.return.nil.deep.down')
    .setDataMap('c.x', 'a.return.list[3].name')
    .build();
  const told = atOnce(flow, {});
  expect(skipOf(told, 'c')).toMatchObject({ reason: 'missing-input', param: 'x' });
});

test('2.8 a text with a missing part is missing as a whole', () => {
  const flow = new Flow<{ n: number }>('text');
  const a = flow.step('a', one, {});
  const b = flow.step('b', one, {}, { when: gt(flow.input.n, 5) });
  const step = defineStep({ input: z.object({ t: z.string() }), run: ({ t }) => t });
  const c = flow.step('c', step, { t: text`${a.out} and ${b.out}` as RefOf<string> });
  const compiled = flow.output({ c: c.out });
  expect(skipOf(atOnce(compiled, { n: 1 }), 'c')).toMatchObject({
    reason: 'missing-input',
    message: 'its param "t" has no value: {{a.return}} and {{b.return}} is missing',
    param: 't',
    source: 'b',
  });
  expect(outputOf(atOnce(compiled, { n: 9 }))).toEqual({ c: '1 and 1' });
});

test('2.8 a text of a value that JSON cannot carry fails its step, not the run', () => {
  const flow = new Flow('no-json');
  const loop: { self?: unknown } = {};
  loop.self = loop;
  const a = flow.step('a', () => loop, {});
  const b = flow.step('b', ({ t }: { t: string }) => t, { t: text`Is ${a.out}` });
  const c = flow.step('c', one, {}, { after: [a] });
  const told = atOnce(flow.output({ c: c.out, b: orElse(b.out, 'none') }), {});
  expect(endings(told)).toEqual({ a: 'success', b: 'failure', c: 'success' });
  expect(outputOf(told)).toEqual({ b: 'none', c: 1 });
});

test('2.7 a skipped flow skips its steps, each with a reason that leads to the root cause', () => {
  const inner = new Flow<{ x: number }>('inner');
  const p = inner.step('p', ({ x }: { x: number }) => x, { x: inner.input.x });
  inner.step('q', one, {}, { after: [p] });
  const flow = new Flow<{ n: number }>('outer');
  const sub = flow.step('sub', inner.output({ p: p.out }), { x: 1 }, { when: gt(flow.input.n, 5) });
  flow.step('after', one, {}, { after: [sub] });
  const told = atOnce(flow.output({}), { n: 1 });
  expect(endings(told)).toEqual({
    'sub.p': 'upstream-skipped',
    'sub.q': 'upstream-skipped',
    sub: 'condition-false',
    after: 'upstream-skipped',
  });
  expect(explained(told, 'sub.q')).toBe(
    '"sub.q" was skipped: the flow "sub" it belongs to was skipped: the condition "n > 5" was false: n was 1.',
  );
});

test('2.7 the reason of a step in a flow names steps by their paths from the root', () => {
  const inner = new Flow('inner');
  const bad = inner.step('bad', failing('tilt'), {});
  inner.step('next', one, {}, { after: [bad] });
  const flow = new Flow('outer');
  flow.step('sub', inner.output({}), {});
  const told = atOnce(flow.output({}), {});
  expect(skipOf(told, 'sub.next')).toMatchObject({
    source: 'sub.bad',
    message: '"sub.bad" failed',
  });
  expect(explained(told, 'sub.next')).toBe(
    '"sub.next" was skipped: "sub.bad" failed: Step "sub.bad" failed: tilt (step-failed).',
  );
});

test('2.7 the same holds in a flow with settings of its own, which runs apart', () => {
  const inner = new Flow('inner');
  const bad = inner.step('bad', failing('tilt'), {});
  inner.step('next', one, {}, { after: [bad] });
  const flow = new Flow('outer');
  flow.step('sub', inner.output({}), {}, { retry: { count: 1 } });
  const told = atOnce(flow.output({}), {});
  expect(skipOf(told, 'sub.next')).toMatchObject({
    source: 'sub.bad',
    message: '"sub.bad" failed',
  });
});

test('2.7 not-needed is told of every step that no wanted output needs', () => {
  const flow = new Flow('needed');
  const a = flow.step('a', one, {});
  const b = flow.step('b', ({ x }: { x: number }) => x, { x: a.out });
  const c = flow.step('c', one, {});
  const told = atOnce(flow.output({ b: b.out, c: c.out }), {}, { outputs: ['b'] });
  expect(endings(told)).toEqual({ a: 'success', b: 'success', c: 'not-needed' });
  expect(explained(told, 'c')).toBe('"c" was skipped: no wanted output needs it.');
});

test('2.14 explain says of every other step what became of it', async () => {
  const flow = new Flow('all');
  let n = 0;
  const a = flow.step('a', one, {});
  flow.step('bad', failing('nope'), {});
  flow.step(
    'third',
    () => {
      if (++n < 3) throw new Error('again');
    },
    {},
    { retry: { count: 5 } },
  );
  flow.step('open', () => new Promise(() => {}), {});
  flow.step(
    'later',
    one,
    {},
    { after: [a, 'open'].map((id) => (typeof id === 'string' ? { ...a, id } : id)) },
  );
  const run = flow.output({}).start({});
  expect(run.explain('a')).toBe('"a" ran and succeeded.');
  expect(run.explain('bad')).toBe('"bad" failed: Step "bad" failed: nope (step-failed).');
  expect(run.explain('third')).toBe('"third" ran and succeeded in attempt 3.');
  expect(run.explain('open')).toBe('"open" is running.');
  expect(run.explain('later')).toBe(
    '"later" has not started: not all steps before it have ended. Steps that something happened to: a, bad, open, third.',
  );
  expect(run.explain('latr')).toBe('The flow "all" has no step "latr". Did you mean "later"?');
  for (const name of ['toString', '__proto__', undefined as unknown as string])
    expect(run.explain(name)).toBe(`The flow "all" has no step "${name}".`);
  run.cancel();
  expect(run.explain('open')).toBe('"open" was cancelled while it ran.');
  expect(run.explain('later')).toContain('"later" has not run: the run ended in cancelled before.');
});

test('2.8 a flow used as a step requires what its steps require: missing-input, not failed', () => {
  const inner = new Flow<{ x: number }>('inner');
  const p = inner.step('p', defineStep({ input: z.object({ x: z.number() }), run: ({ x }) => x }), {
    x: inner.input.x,
  });
  const compiled = inner.output({ p: p.out });
  const flow = new Flow<{ n: number }>('outer');
  const a = flow.step('a', one, {});
  const b = flow.step('b', one, {}, { when: gt(flow.input.n, 5) });
  flow.step('sub', compiled, { x: b.out as RefOf<number> }, { after: [a] });
  flow.step('apart', compiled, { x: b.out as RefOf<number> }, { after: [a], retry: { count: 1 } });
  expect(endings(atOnce(flow.output({}), { n: 1 }))).toEqual({
    a: 'success',
    b: 'condition-false',
    'sub.p': 'upstream-skipped',
    sub: 'missing-input',
    apart: 'missing-input',
  });
});

test('2.7 an output that is a text of what JSON cannot carry fails the run, and says why', () => {
  const flow = new Flow('no-output');
  const loop: { self?: unknown } = {};
  loop.self = loop;
  const a = flow.step('a', () => loop, {});
  const told = atOnce(flow.output({ t: text`Is ${a.out}` }), {});
  expect(errorOf(told, 'run-failed').message).toContain(
    'its output "t" cannot be made: Converting circular',
  );
});
