import { Flow } from 'millrace';
import { BehaviorSubject, delay, map, of, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { inVirtualTime, kept } from './flows.ts';

type N = { n: number };

/** Two legs that take their time, and a join that shows what it has read. */
function diamond(left: number, right: number) {
  const flow = new Flow<N>('diamond');
  const leg = (id: string, ms: number) =>
    flow.step(id, ({ n }: N) => (ms === 0 ? n : of(n).pipe(delay(ms))), { n: flow.input.n });
  const a = leg('a', left);
  const b = leg('b', right);
  const both = flow.step('both', ({ a, b }: { a: number; b: number }) => `${a}${b}`, {
    a: a.out as never,
    b: b.out as never,
  });
  return flow.output({ both: both.out });
}

test('6.4 a synchronous diamond never shows two versions at once', () => {
  const n = new BehaviorSubject(1);
  const { values } = kept(diamond(0, 0).live({ n }).output$);
  for (const value of [2, 2, 3]) n.next(value);
  expect(values.map(({ both }) => both)).toEqual(['11', '22', '33']);
});

test.each([
  [0, 4],
  [4, 0],
  [2, 4],
  [4, 4],
])('6.4 nor one whose legs take %i and %i ms', (left, right) => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('1-2------3|', { 1: 1, 2: 2, 3: 3 });
    const both$ = diamond(left, right)
      .live({ n })
      .output$.pipe(map(({ both }) => both));
    expectObservable(both$).toBe('------x------(y|)', { x: '22', y: '33' });
  });
});

test('6.4 a join waits for the leg that a version reaches, and not for the one that it does not', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const flow = new Flow<{ slow: number; quick: number }>('legs');
    const a = flow.step('a', ({ n }: N) => timer(5).pipe(map(() => n)), { n: flow.input.slow });
    const b = flow.step('b', ({ n }: N) => n, { n: flow.input.quick });
    const both = flow.step('both', ({ a, b }: { a: number; b: number }) => `${a}${b}`, {
      a: a.out,
      b: b.out,
    });
    const slow = hot<number>('1---------2----------|', { 1: 1, 2: 2 });
    const quick = hot<number>('1-------2---3--------|', { 1: 1, 2: 2, 3: 3 });
    const live = flow.output({ both: both.out }).live({ slow, quick });
    // The third value of the quick leg comes while the slow one works: it waits for version 4, so as not to come before it.
    expectObservable(live.output$.pipe(map(({ both }) => both))).toBe('-----x--y------z-----|', {
      x: '11',
      y: '12',
      z: '23',
    });
  });
});

test('6.4 outputs come in the order of versions, whichever is ready first', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const flow = new Flow<N>('order');
    const step = flow.step(
      'step',
      ({ n }: N) => timer(10 - 3 * n).pipe(map(() => n)),
      { n: flow.input.n },
      { policy: 'concat', concurrency: 3 },
    );
    const n = hot<number>('123|', { 1: 1, 2: 2, 3: 3 });
    const live = flow.output({ n: step.out }).live({ n });
    expectObservable(live.output$.pipe(map(({ n }) => String(n)))).toBe('-------(123|)');
  });
});
