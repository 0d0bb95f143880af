import { defineStep, Flow, repeat } from 'millrace';
import { map, type Observable, of, timer, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { atOnce, chunksOf, endings, errorOf, lines, outputOf, virtually } from '../run/told.ts';

type N = { n: number };
const increment = ({ n }: N) => ({ n: n + 1 });

function flowOf<T>(step: T, params: object = { n: 0 }, settings = {}) {
  const flow = new Flow('loop');
  const a = flow.step('a', step as never, params as never, settings);
  return flow.output({ a: a.out });
}

test('repeat runs once at least, and again while its condition holds', () => {
  expect(outputOf(atOnce(flowOf(repeat(increment, { while: () => false, max: 9 })), {}))).toEqual({
    a: { n: 1 },
  });
  expect(
    outputOf(atOnce(flowOf(repeat(increment, { while: ({ n }) => n < 4, max: 9 })), {})),
  ).toEqual({ a: { n: 4 } });
});

test('repeat stops at max: the last result stands', () => {
  const told = atOnce(flowOf(repeat(increment, { while: () => true, max: 3 })), {});
  expect(outputOf(told)).toEqual({ a: { n: 3 } });
  expect(endings(told)).toEqual({
    'a[0]': 'success',
    'a[1]': 'success',
    'a[2]': 'success',
    a: 'success',
  });
});

test('repeat asks its condition with the result and the number of the round', () => {
  const seen: [number, number][] = [];
  const step = repeat(increment, {
    while: ({ n }, round) => {
      seen.push([n, round]);
      return round < 2;
    },
    max: 9,
  });
  atOnce(flowOf(step, { n: 10 }), {});
  expect(seen).toEqual([
    [11, 0],
    [12, 1],
    [13, 2],
  ]);
});

test('repeat gives a round the result of the one before, beside the params that it does not name', () => {
  const step = ({ n, by }: { n: number; by: number }) => ({ n: n + by });
  expect(
    outputOf(
      atOnce(flowOf(repeat(step as never, { while: () => true, max: 3 }), { n: 0, by: 5 }), {}),
    ),
  ).toEqual({ a: { n: 15 } });
});

test('repeat: a result that names no params leaves them as they are', () => {
  const asked: unknown[] = [];
  const poll = (params: { id: string }): string => (asked.push(params) < 3 ? 'waiting' : 'done');
  const step = repeat(poll, { while: (status) => status !== 'done', max: 9 });
  expect(outputOf(atOnce(flowOf(step, { id: 'x' } as never), {}))).toEqual({ a: 'done' });
  expect(asked).toEqual([{ id: 'x' }, { id: 'x' }, { id: 'x' }]);
});

test('repeat: next makes the params of the next round', () => {
  const step = repeat(({ n }: N) => n * 2, {
    while: (result) => result < 100,
    max: 99,
    next: (n) => ({ n }),
  });
  expect(outputOf(atOnce(flowOf(step, { n: 3 }), {}))).toEqual({ a: 192 });
});

test('repeat tells every round at the path of the step with its number, each result as a chunk', () => {
  const told = atOnce(flowOf(repeat(increment, { while: ({ n }) => n < 2, max: 9 })), {});
  expect(lines(told)).toEqual([
    'FLOW_START',
    'STEP_START a',
    'STEP_START a[0]',
    'STEP_OUTPUT a[0]',
    'STEP_CHUNK a',
    'STEP_START a[1]',
    'STEP_OUTPUT a[1]',
    'STEP_CHUNK a',
    'STEP_OUTPUT a',
    'FLOW_OUTPUT',
  ]);
  expect(chunksOf(told, 'a')).toEqual([{ n: 1 }, { n: 2 }]);
});

test('repeat goes round after round, exact in time', () => {
  const told = virtually(
    flowOf(
      repeat(({ n }: N) => timer(10).pipe(map(() => ({ n: n + 1 }))), {
        while: ({ n }) => n < 3,
        max: 9,
      }),
    ),
    {},
  );
  expect(
    told.events.flatMap(({ type, path, t }) =>
      type === 'STEP_START' && path !== 'a' ? [[path, t]] : [],
    ),
  ).toEqual([
    ['a[0]', 0],
    ['a[1]', 10],
    ['a[2]', 20],
  ]);
});

test('repeat of a flow runs the flow in each round', () => {
  const inner = new Flow<N>('inner');
  const p = inner.step('p', ({ n }: N) => n + 1, { n: inner.input.n });
  const told = atOnce(
    flowOf(repeat(inner.output({ n: p.out }), { while: ({ n }) => n < 2, max: 9 })),
    {},
  );
  expect(outputOf(told)).toEqual({ a: { n: 2 } });
  expect(endings(told)).toMatchObject({
    'a[0].p': 'success',
    'a[1].p': 'success',
    'a[1]': 'success',
  });
});

test('repeat fails with a failed round, and names it', () => {
  const step = repeat(
    ({ n }: N) => {
      if (n === 2) throw new Error('no third');
      return { n: n + 1 };
    },
    { while: () => true, max: 9 },
  );
  expect(errorOf(atOnce(flowOf(step), {})).errors[0]?.message).toBe(
    'Step "a[2]" failed: no third (step-failed)',
  );
});

test('repeat fails when its condition, or next, throws', () => {
  const bad = () => {
    throw new Error('cannot tell');
  };
  for (const step of [
    repeat(increment, { while: bad, max: 9 }),
    repeat(increment, { while: () => true, max: 9, next: bad }),
  ]) {
    const error = errorOf(atOnce(flowOf(step), {})).errors[0];
    expect(error).toMatchObject({ path: 'a', code: 'step-failed' });
    expect(error?.message).toContain('cannot tell');
  }
});

test('repeat makes the params of a round once what the schema makes of them', () => {
  const step = defineStep({
    input: z.object({ n: z.string().transform(Number) }),
    run: ({ n }) => ({ n: String(n + 1) }),
  });
  const told = atOnce(
    flowOf(repeat(step, { while: ({ n }) => n !== '3', max: 9 }), { n: '0' }),
    {},
  );
  expect(outputOf(told)).toEqual({ a: { n: '3' } });
});

test('repeat requires what its step requires', () => {
  const step = defineStep({ input: z.object({ n: z.number() }), run: ({ n }) => ({ n }) });
  expect(() => flowOf(repeat(step, { while: () => false, max: 1 }), {})).toThrow('a.n');
});

test('repeat may be read as a stream, and stopped', () => {
  const flow = new Flow('stream');
  const a = flow.step('a', repeat(increment, { while: ({ n }) => n < 3, max: 9 }), { n: 0 });
  const b = flow.step(
    'b',
    ({ source }: { source: Observable<N> }) =>
      source.pipe(
        map(({ n }) => n),
        toArray(),
      ),
    { source: a.chunks as never },
  );
  expect(outputOf(atOnce(flow.output({ b: b.out }), {}))).toEqual({ b: [1, 2, 3] });
  let rounds = 0;
  const endless = flowOf(
    repeat(() => of({ n: ++rounds }), { while: () => true, max: Number.MAX_SAFE_INTEGER }),
  );
  const stop = new AbortController();
  endless.run({}, { signal: stop.signal }).subscribe({
    next: ({ path }) => {
      if (path === 'a[4]') stop.abort();
    },
    error: () => undefined,
  });
  expect(rounds).toBe(4);
});

test('repeat refuses options that cannot be', () => {
  for (const max of [0, -1, 1.5, Number.NaN, undefined]) {
    expect(() => repeat(increment, { while: () => true, max: max as number })).toThrow(
      'The option "max" of repeat() is ',
    );
  }
  expect(() => repeat(increment, { max: 3 } as never)).toThrow(
    'The option "while" of repeat() is undefined. It takes a function: (result, round) => boolean.',
  );
});
