import { Adds, type Cache, each, Flow, listOf, MemorySaver, orElse } from 'millrace';
import { firstValueFrom, type Observable, of, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { atOnce, endings, inVirtualTime, lines, listen, outputOf } from './told.ts';

function flowOf(cache: Cache<{ x: unknown }>, options: { fallback?: unknown } = {}) {
  const calls: unknown[] = [];
  const flow = new Flow<{ x: unknown }>('cached');
  const a = flow.step(
    'a',
    ({ x }: { x: unknown }) => {
      calls.push(x);
      if (x === 'bad') throw new Error('bad');
      return { x };
    },
    { x: flow.input.x },
    { cache, ...options },
  );
  return { calls, compiled: flow.output({ a: orElse(a.out, 'none') }) };
}

test('3.3 cache: the same params give the same result, over all runs, without a call', () => {
  const { calls, compiled } = flowOf({});
  const outputs = [1, 1, 2, 1].map((x) => outputOf(atOnce(compiled, { x })));
  expect(outputs).toEqual([{ a: { x: 1 } }, { a: { x: 1 } }, { a: { x: 2 } }, { a: { x: 1 } }]);
  expect(calls).toEqual([1, 2]);
});

test('3.3 cache: a kept result is told like any other, with 0 attempts', () => {
  const { compiled } = flowOf({});
  const first = atOnce(compiled, { x: 1 });
  const second = atOnce(compiled, { x: 1 });
  expect(lines(second)).toEqual(lines(first));
  expect(second.events.find(({ type }) => type === 'STEP_OUTPUT')).toMatchObject({
    attempts: 0,
    output: { x: 1 },
  });
});

test('3.3 cache: params are the same by their parts, whatever their order', () => {
  const { calls, compiled } = flowOf({});
  atOnce(compiled, { x: { a: 1, b: [1, { c: 2 }] } });
  atOnce(compiled, { x: { b: [1, { c: 2 }], a: 1 } });
  expect(calls).toHaveLength(1);
  atOnce(compiled, { x: { b: [{ c: 2 }, 1], a: 1 } });
  expect(calls).toHaveLength(2);
});

test('3.3 cache: values that JSON writes alike are not the same params', () => {
  const { calls, compiled } = flowOf({});
  const values = [
    new Map([[1, 2]]),
    new Map([[3, 4]]),
    new Date(0),
    '1970-01-01T00:00:00.000Z',
    null,
    Number.NaN,
  ];
  for (const x of values) atOnce(compiled, { x });
  expect(calls).toHaveLength(values.length);
});

test('3.3 cache: key says what makes calls the same', () => {
  const { calls, compiled } = flowOf({ key: ({ x }) => String(x).toLowerCase() });
  for (const x of ['A', 'a', 'B']) atOnce(compiled, { x });
  expect(calls).toEqual(['A', 'B']);
});

test('3.3 cache: a key that throws fails the step', () => {
  const { compiled } = flowOf({
    key: () => {
      throw new Error('no key');
    },
  });
  const told = atOnce(compiled, { x: 1 });
  expect(endings(told)).toEqual({ a: 'failure' });
  expect(lines(told)).toEqual(['FLOW_START', 'STEP_START a', 'STEP_OUTPUT a', 'FLOW_OUTPUT']);
});

test('3.3 cache: a result is good for ttl ms', () => {
  const { calls, compiled } = flowOf({ ttl: 100 });
  let now = 0;
  const clock = { now: () => now, after: () => () => undefined };
  for (const at of [0, 99, 100, 150, 199, 250]) {
    now = at;
    listen(compiled.run({ x: 1 }, { clock }));
  }
  expect(calls).toHaveLength(3);
});

test('3.3 cache: at most max results are kept, the least recently used goes first', () => {
  const { calls, compiled } = flowOf({ max: 2 });
  for (const x of [1, 2, 1, 3, 1, 2]) atOnce(compiled, { x });
  expect(calls).toEqual([1, 2, 3, 2]);
});

test('3.3 cache: failures are not kept, nor what a fallback gave', () => {
  const { calls, compiled } = flowOf({});
  atOnce(compiled, { x: 'bad' });
  atOnce(compiled, { x: 'bad' });
  expect(calls).toHaveLength(2);
  const second = flowOf({}, { fallback: 'B' });
  expect(outputOf(atOnce(second.compiled, { x: 'bad' }))).toEqual({ a: 'B' });
  atOnce(second.compiled, { x: 'bad' });
  expect(second.calls).toHaveLength(2);
});

test('3.3 cache: compiling twice shares the results of a step; another flow has its own', () => {
  let calls = 0;
  const make = () => {
    const flow = new Flow('shared');
    const a = flow.step('a', () => ++calls, {}, { cache: {} });
    return { first: flow.output({ a: a.out }), second: flow.output({ b: a.out }) };
  };
  const { first, second } = make();
  expect([outputOf(atOnce(first, {})), outputOf(atOnce(second, {}))]).toEqual([{ a: 1 }, { b: 1 }]);
  expect(outputOf(atOnce(make().first, {}))).toEqual({ a: 2 });
});

test('3.3 cache: a kept result comes synchronously, also of a step that took its time', () => {
  inVirtualTime(() => {
    const flow = new Flow('slow');
    const a = flow.step('a', () => of(1, 2), {}, { cache: {} });
    const compiled = flow.output({ a: a.out });
    atOnce(compiled, {});
    expect(outputOf(atOnce(compiled, {}))).toEqual({ a: 2 });
  });
});

test('3.3 cache: a kept result adds to the shared memory what it had added', async () => {
  const note = () => of(new Adds('log', ['told once']), 'done');
  const below = new Flow('below');
  const noted = below.step('note', note, {});
  const flow = new Flow('remembers');
  flow.step('a', note, {}, { cache: {} });
  flow.step('sub', below.output({ noted: noted.out }), {}, { cache: {} });
  flow.step('list', each(note), { items: [1] }, { cache: {} });
  const compiled = flow.output({});
  const saver = new MemorySaver();
  for (const id of ['one', 'two']) {
    await compiled.complete({}, { saver, id });
    const log$ = listOf(saver, id, 'log');
    expect(await firstValueFrom(log$)).toEqual(['told once', 'told once', 'told once']);
  }
});

test('3.3 cache: readers of a kept result get the chunks that it was made of', () => {
  const flow = new Flow('chunks');
  const a = flow.step('a', () => of('x', 'y'), {}, { cache: {} });
  const b = flow.step('b', ({ source }: { source: Observable<string> }) => source.pipe(toArray()), {
    source: a.chunks,
  });
  const compiled = flow.output({ b: b.out });
  expect(outputOf(atOnce(compiled, {}))).toEqual({ b: ['x', 'y'] });
  expect(outputOf(atOnce(compiled, {}))).toEqual({ b: ['x', 'y'] });
});
