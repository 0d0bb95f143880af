import { each, Flow } from 'millrace';
import { concat, interval, map, type Observable, of, take, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { outputsAt } from './timed.ts';

const slow = ({ n }: { n: number }) => timer(n).pipe(map(() => n));

/** Tells n, n + 1, n + 2, one each 10 ms. */
const count = ({ n }: { n: number }) =>
  interval(10).pipe(
    take(3),
    map((i) => ({ n: n + i })),
  );

function lists(
  code: (item: { n: number }, context: { signal: AbortSignal }) => Observable<number>,
) {
  const flow = new Flow<{ n: number }>('lists');
  const a = flow.step('a', count, { n: flow.input.n });
  const b = flow.step('b', each(code), { items: a.chunks });
  return flow.output({ b: b.out });
}

test('6.1, 2.12 each over a stream in a live flow: every version has the items of its own', () => {
  const told = outputsAt(lists(slow), 'n', [
    [0, 1],
    [100, 5],
  ]);
  expect(told).toEqual([
    [33, { b: [1, 2, 3] }],
    [137, { b: [5, 6, 7] }],
  ]);
});

test('6.5 each over a stream in a live flow: a newer version cancels the items of the older one', () => {
  const cancelled: number[] = [];
  const flow = lists(({ n }, { signal }) => {
    signal.addEventListener('abort', () => cancelled.push(n));
    return timer(50).pipe(map(() => n));
  });
  const told = outputsAt(flow, 'n', [
    [0, 1],
    [25, 5],
  ]);
  expect(told).toEqual([[105, { b: [5, 6, 7] }]]);
  expect(cancelled.slice(0, 2)).toEqual([1, 2]);
});

test('6.6 each over a stream in a live flow: a source that fails fails its version, and the next one is tried', () => {
  const flow = new Flow<{ n: number }>('failing');
  const a = flow.step(
    'a',
    ({ n }: { n: number }) =>
      concat(
        of({ n }),
        timer(5).pipe(
          map(() => {
            if (n === 2) throw new Error('two');
            return { n };
          }),
        ),
      ),
    { n: flow.input.n },
  );
  const b = flow.step('b', each(slow), { items: a.chunks });
  const told = outputsAt(flow.output({ b: b.out }), 'n', [
    [0, 1],
    [20, 2],
    [40, 3],
  ]);
  expect(told).toEqual([
    [6, { b: [1, 1] }],
    [48, { b: [3, 3] }],
  ]);
});
