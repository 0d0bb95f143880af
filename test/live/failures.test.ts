import { Flow, type FlowEvent, gt } from 'millrace';
import { map, Subject, throwError, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { inVirtualTime, kept, short } from './flows.ts';

type N = { n: number };

/** Fails for 2. */
function fragile() {
  const flow = new Flow<N>('fragile');
  const a = flow.step(
    'a',
    ({ n }: N) => {
      if (n === 2) throw new Error('two');
      return n;
    },
    { n: flow.input.n },
  );
  const b = flow.step('b', ({ n }: N) => n * 10, { n: a.out }, { when: gt(a.out, 1) });
  return flow.output({ a: a.out, b: b.out });
}

test('6.6 a failure is the outcome of its version, and the next one goes on as if nothing had been', () => {
  const n = new Subject<number>();
  const { values, ended } = kept(fragile().live({ n }).output$);
  for (const value of [1, 2, 3]) n.next(value);
  expect(values).toEqual([{ a: 1 }, { a: 3, b: 30 }]);
  expect(ended).toEqual({});
});

test('6.6 the state tells of the failure as long as the failed version is the newest', () => {
  const n = new Subject<number>();
  const live = fragile().live({ n });
  kept(live.state$);
  n.next(2);
  expect(live.getSnapshot()).toMatchObject({
    version: 1,
    status: 'failure',
    error: { code: 'run-failed' },
    steps: { a: { status: 'failure' }, b: { status: 'skipped', reason: 'upstream-failed' } },
  });
  n.next(3);
  expect(live.getSnapshot()).toMatchObject({
    version: 2,
    status: 'success',
    steps: { a: { status: 'success' }, b: { status: 'success', output: 30 } },
  });
});

test('6.6 a failure that no output needs fails no version', () => {
  const flow = new Flow<N>('aside');
  const a = flow.step('a', ({ n }: N) => n, { n: flow.input.n });
  flow.step('b', () => throwError(() => new Error('aside')), { n: flow.input.n });
  const n = new Subject<number>();
  const { values } = kept(flow.output({ a: a.out }).live({ n }).output$);
  n.next(1);
  n.next(2);
  expect(values).toEqual([{ a: 1 }, { a: 2 }]);
});

test('2.7 a condition is asked for each version', () => {
  const n = new Subject<number>();
  const { values } = kept(fragile().live({ n }).output$);
  for (const value of [3, 1, 3]) n.next(value);
  expect(values).toEqual([{ a: 3, b: 30 }, { a: 1 }, { a: 3, b: 30 }]);
});

test('3.3 a step is tried again for its version, unless a newer one comes meanwhile', () => {
  inVirtualTime(({ hot, expectObservable, flush }) => {
    const calls: number[] = [];
    const flow = new Flow<N>('again');
    const a = flow.step(
      'a',
      ({ n }: N) => {
        calls.push(n);
        return timer(1).pipe(
          map(() => {
            if (n === 1 || calls.length < 3) throw new Error('not yet');
            return n;
          }),
        );
      },
      { n: flow.input.n },
      { retry: { count: 5, delay: 2 } },
    );
    const n = hot<number>('1---2----------|', { 1: 1, 2: 2 });
    const out = flow.output({ n: a.out }).live({ n }).output$;
    expectObservable(out.pipe(map(({ n }) => String(n)))).toBe('-----2---------|');
    flush();
    expect(calls).toEqual([1, 1, 2]);
  });
});

test('6.2 every version ends: in an output, an error, or given up for a newer one', () => {
  inVirtualTime(({ hot, flush }) => {
    const flow = new Flow<N>('ends');
    const a = flow.step(
      'a',
      ({ n }: N) =>
        timer(3).pipe(
          map(() => {
            if (n === 3) throw new Error('three');
            return n;
          }),
        ),
      { n: flow.input.n },
    );
    const n = hot<number>('12----3----4----|', { 1: 1, 2: 2, 3: 3, 4: 4 });
    const events: FlowEvent[] = [];
    flow
      .output({ n: a.out })
      .live({ n })
      .events$.subscribe((event) => events.push(event));
    flush();
    const ends = ['FLOW_OUTPUT', 'FLOW_ERROR', 'FLOW_CANCEL'];
    expect(events.filter(({ type }) => ends.includes(type)).map(short)).toEqual([
      '1 FLOW_CANCEL ',
      '2 FLOW_OUTPUT ',
      '3 FLOW_ERROR ',
      '4 FLOW_OUTPUT ',
    ]);
  });
});

test('3.5 the signal of a call that failed is not that of the next one', () => {
  const signals: AbortSignal[] = [];
  const flow = new Flow<{ n: number }>('signals');
  const a = flow.step(
    'a',
    ({ n }, { signal }) => {
      signals.push(signal);
      if (n === 1) throw new Error('1');
      return n;
    },
    { n: flow.input.n },
  );
  const live = flow.output({ a: a.out }).live({ n: 1 });
  const { values } = kept(live.output$);
  live.next({ n: 2 });
  live.next({ n: 3 });
  expect(values).toEqual([{ a: 2 }, { a: 3 }]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false]);
  expect(new Set(signals).size).toBe(3);
});
