import { defineOperator, Flow } from 'millrace';
import {
  bufferCount,
  concatMap,
  delay,
  EMPTY,
  map,
  mergeMap,
  type Observable,
  type OperatorFunction,
  of,
  pipe,
  scan,
  switchMap,
  take,
  tap,
  timer,
} from 'rxjs';
import { expect, test } from 'vitest';
import { untyped } from '../graph/thrown.ts';
import { atOnce, chunksOf, errorOf, outputOf, virtually } from './told.ts';

test('2.11 a plain RxJS operator is a step: its source emits the params, its last value is the result', () => {
  const words = defineOperator({
    operator: (source: Observable<{ text: string }>) =>
      source.pipe(mergeMap(({ text }) => text.split(' '))),
  });
  const flow = new Flow<{ text: string }>('words');
  const a = flow.step('a', words, { text: flow.input.text });
  const told = atOnce(flow.output({ a: a.out }), { text: 'one two three' });
  expect(outputOf(told)).toEqual({ a: 'three' });
  expect(chunksOf(told, 'a')).toEqual(['one', 'two', 'three']);
});

test('2.11 operators of RxJS itself are steps as they are', () => {
  type N = { n: number };
  const flow = new Flow<N>('as-they-are');
  const n = { n: flow.input.n };
  const a = flow.step('a', defineOperator({ operator: map(({ n }: N) => n + 1) }), n);
  const b = flow.step('b', defineOperator({ operator: switchMap(({ n }: N) => of(n, n * 10)) }), n);
  const c = flow.step(
    'c',
    defineOperator({
      operator: pipe(
        delay<N>(10),
        map(({ n }) => n),
      ),
    }),
    n,
  );
  const d = flow.step(
    'd',
    defineOperator({
      operator: pipe(
        map(({ n }: N) => n),
        scan((sum, x) => sum + x, 5),
      ),
    }),
    n,
  );
  const e = flow.step('e', defineOperator({ operator: bufferCount<N>(3) }), n);
  const told = virtually(flow.output({ a: a.out, b: b.out, c: c.out, d: d.out, e: e.out }), {
    n: 1,
  });
  expect(outputOf(told)).toEqual({ a: 2, b: 10, c: 1, d: 6, e: [{ n: 1 }] });
  expect(told.events.at(-1)?.t).toBe(10);
});

test('2.11 reduce overrides which of the values is the result', () => {
  const flow = new Flow('reduced');
  const a = flow.step(
    'a',
    Object.freeze({
      ...defineOperator({ operator: concatMap(() => of(1, 2, 3)) }),
      reduce: 'collect' as const,
    }),
    {},
  );
  expect(outputOf(atOnce(flow.output({ a: a.out }), {}))).toEqual({ a: [1, 2, 3] });
});

test('2.11 an operator that completes without a value fails its step', () => {
  const flow = new Flow('empty');
  const a = flow.step('a', defineOperator({ operator: concatMap(() => EMPTY) }), {});
  const [error] = errorOf(atOnce(flow.output({ a: a.out }), {})).errors;
  expect(error?.path).toBe('a');
  expect(error?.message).toContain('stream completed without a value');
});

test('2.11 an operator that throws when it is applied fails its step', () => {
  const flow = new Flow('throws');
  const a = flow.step(
    'a',
    defineOperator({
      operator: (): Observable<number> => {
        throw new Error('at once');
      },
    }),
    {},
  );
  expect(errorOf(atOnce(flow.output({ a: a.out }), {})).errors[0]?.message).toBe(
    'Step "a" failed: at once (step-failed)',
  );
});

test('2.11 an operator that gives no Observable fails its step, which says what it gave', () => {
  for (const [given, type] of [
    ['text', 'string'],
    [undefined, 'undefined'],
    [null, 'null'],
    [[1], 'array'],
    [Promise.resolve(1), 'Promise'],
    [map(String), 'function'],
    [{ subscribe: true }, 'object'],
  ] as const) {
    const flow = new Flow('silent');
    const words = defineOperator({
      operator: untyped<OperatorFunction<unknown, string>>(() => given),
    });
    const a = flow.step('words', words, {});
    expect(errorOf(atOnce(flow.output({ a: a.out }), {})).errors[0]?.message).toBe(
      `Step "words" failed: its operator must give an Observable, not ${type} (step-failed)`,
    );
  }
});

test('2.11 a retry applies the operator anew', () => {
  let count = 0;
  const flow = new Flow('retried');
  const a = flow.step(
    'a',
    defineOperator({
      operator: pipe(
        switchMap(() => timer(5)),
        tap(() => {
          if (++count < 3) throw new Error('again');
        }),
        map(() => count),
        take(1),
      ),
    }),
    {},
    { retry: { count: 2, delay: 10 } },
  );
  const told = virtually(flow.output({ a: a.out }), {});
  expect(outputOf(told)).toEqual({ a: 3 });
  expect(told.events.at(-1)?.t).toBe(35);
});

test('2.11 unsubscribing from the run unsubscribes from the operator', () => {
  const seen: string[] = [];
  const flow = new Flow('unsubscribed');
  flow.step(
    'a',
    defineOperator({
      operator: switchMap(() =>
        timer(1000).pipe(tap({ unsubscribe: () => seen.push('unsubscribed') })),
      ),
    }),
    {},
  );
  flow.output({}).run({}).subscribe().unsubscribe();
  expect(seen).toEqual(['unsubscribed']);
});
