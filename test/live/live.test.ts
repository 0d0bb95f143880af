import { Flow, type FlowEvent, gt } from 'millrace';
import { BehaviorSubject, delay, of, Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { expect, test } from 'vitest';

/** Notes that a step was called, and gives its result. */
function noted<T>(calls: string[], id: string, result: T): T {
  calls.push(id);
  return result;
}

const diamond = (latency: number, calls: string[] = []) => {
  const flow = new Flow<{ n: number }>('diamond');
  const a = flow.step(
    'a',
    ({ n }: { n: number }) => noted(calls, 'a', of(n).pipe(delay(latency))),
    { n: flow.input.n },
  );
  const b = flow.step('b', ({ n }: { n: number }) => noted(calls, 'b', n), { n: flow.input.n });
  const c = flow.step('c', ({ a, b }: { a: number; b: number }) => noted(calls, 'c', `${a}${b}`), {
    a: a.out,
    b: b.out,
  });
  return flow.output({ c: c.out });
};

test('6.4 a synchronous diamond never shows two versions at once', () => {
  const n = new BehaviorSubject(1);
  const got: unknown[] = [];
  const flow = new Flow<{ n: number }>('d');
  const a = flow.step('a', ({ n }: { n: number }) => n, { n: flow.input.n });
  const b = flow.step('b', ({ n }: { n: number }) => n, { n: flow.input.n });
  const c = flow.step('c', ({ a, b }: { a: number; b: number }) => `${a}${b}`, {
    a: a.out,
    b: b.out,
  });
  const live = flow.output({ c: c.out }).live({ n });
  live.output$.subscribe((v) => got.push(v.c));
  n.next(2);
  n.next(2);
  n.next(3);
  expect(got).toEqual(['11', '22', '33']);
});
test('6.5 switch cancels stale work', () => {
  new TestScheduler((a, e) => expect(a).toEqual(e)).run(({ hot, expectObservable }) => {
    const n = hot('1-2------3|', { 1: 1, 2: 2, 3: 3 });
    const live = diamond(4).live({ n });
    expectObservable(live.output$).toBe('------x------(y|)', { x: { c: '22' }, y: { c: '33' } });
  });
});
test('6.3 only what changed runs', () => {
  const calls: string[] = [];
  const flow = new Flow<{ x: number; y: number }>('p');
  const a = flow.step('a', ({ x }: { x: number }) => noted(calls, 'a', x % 2), { x: flow.input.x });
  const b = flow.step('b', ({ y }: { y: number }) => noted(calls, 'b', y), { y: flow.input.y });
  const c = flow.step('c', ({ a }: { a: number }) => noted(calls, 'c', a), { a: a.out });
  const d = flow.step('d', ({ c, b }: { c: number; b: number }) => noted(calls, 'd', c + b), {
    c: c.out,
    b: b.out,
  });
  const live = flow.output({ d: d.out }).live({ x: 1, y: 10 });
  const got: number[] = [];
  live.output$.subscribe(({ d }) => got.push(d));
  expect(calls.splice(0).sort()).toEqual(['a', 'b', 'c', 'd']);
  live.next({ x: 3 });
  expect(calls.splice(0)).toEqual(['a']);
  live.next({ y: 20 });
  expect(calls.splice(0)).toEqual(['b', 'd']);
  live.next({ x: 2, y: 30 });
  expect(calls.splice(0).sort()).toEqual(['a', 'b', 'c', 'd']);
  expect(got).toEqual([11, 21, 30]);
});
test('6.6 failures and skips are outcomes of a version', () => {
  const n = new Subject<number>();
  const flow = new Flow<{ n: number }>('f');
  const a = flow.step(
    'a',
    ({ n }: { n: number }) => {
      if (n === 2) throw new Error('two');
      return n;
    },
    { n: flow.input.n },
  );
  const b = flow.step('b', ({ n }: { n: number }) => n * 10, { n: a.out }, { when: gt(a.out, 1) });
  const live = flow.output({ a: a.out, b: b.out }).live({ n });
  const got: unknown[] = [];
  const events: FlowEvent[] = [];
  live.output$.subscribe((v) => got.push(v));
  live.events$.subscribe((v) => events.push(v));
  n.next(1);
  n.next(2);
  n.next(3);
  expect(got).toEqual([{ a: 1 }, { a: 3, b: 30 }]);
});
