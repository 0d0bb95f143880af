import { Flow, type FlowEvent, gt } from 'millrace';
import { map, Subject, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { inVirtualTime, kept, short } from './flows.ts';

type N = { n: number };

/** A flow of two steps, one of which reads `n` and one of which reads `m`. */
function inner(calls: string[]) {
  const flow = new Flow<{ n: number; m: number }>('inner');
  const called = (id: string, value: number) => {
    calls.push(id);
    return value;
  };
  const a = flow.step('a', ({ n }: N) => called('a', n + 1), { n: flow.input.n });
  const b = flow.step('b', ({ m }: { m: number }) => called('b', m * 2), { m: flow.input.m });
  return flow.output({ a: a.out, b: b.out });
}

test('6.3 in a flow that is a step only what depends on the change runs', () => {
  const calls: string[] = [];
  const outer = new Flow<{ n: number; m: number }>('outer');
  const step = outer.step('step', inner(calls), { n: outer.input.n, m: outer.input.m });
  const sum = outer.step(
    'sum',
    ({ a, b }: { a: number; b: number }) => {
      calls.push('sum');
      return a + b;
    },
    { a: step.out.a, b: step.out.b },
  );
  const live = outer.output({ sum: sum.out }).live({ n: 1, m: 1 });
  const { values } = kept(live.output$);
  expect(calls.splice(0).sort()).toEqual(['a', 'b', 'sum']);
  live.next({ m: 2 });
  expect(calls.splice(0)).toEqual(['b', 'sum']);
  live.next({ n: 2 });
  expect(calls.splice(0)).toEqual(['a', 'sum']);
  expect(values.map(({ sum }) => sum)).toEqual([4, 6, 7]);
});

test('6.3 who reads an output of a flow does not run for another one', () => {
  const calls: string[] = [];
  const outer = new Flow<{ n: number; m: number }>('outer');
  const step = outer.step('step', inner([]), { n: outer.input.n, m: outer.input.m });
  const a = outer.step('a', ({ a }: { a: number }) => calls.push(`a${a}`), { a: step.out.a });
  const b = outer.step('b', ({ b }: { b: number }) => calls.push(`b${b}`), { b: step.out.b });
  const live = outer.output({ a: a.out, b: b.out }).live({ n: 1, m: 1 });
  kept(live.output$);
  calls.length = 0;
  live.next({ m: 5 });
  expect(calls).toEqual(['b10']);
});

test('6.4 a flow that is a step, and its steps, see one version', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const nested = new Flow<N>('nested');
    const slow = nested.step('slow', ({ n }: N) => timer(4).pipe(map(() => n)), {
      n: nested.input.n,
    });
    const quick = nested.step('quick', ({ n }: N) => n, { n: nested.input.n });
    const built = nested.output({ slow: slow.out, quick: quick.out });
    const outer = new Flow<N>('outer');
    const step = outer.step('step', built, { n: outer.input.n });
    const all = outer.step(
      'all',
      ({ slow, quick, n }: { slow: number; quick: number; n: number }) => `${slow}${quick}${n}`,
      { slow: step.out.slow, quick: step.out.quick, n: outer.input.n },
    );
    const n = hot<number>('1-2------3|', { 1: 1, 2: 2, 3: 3 });
    const live = outer.output({ all: all.out }).live({ n });
    expectObservable(live.output$.pipe(map(({ all }) => all))).toBe('------x------(y|)', {
      x: '222',
      y: '333',
    });
  });
});

test('2.7 a flow that is skipped for one version runs for the next', () => {
  const calls: string[] = [];
  const outer = new Flow<N>('outer');
  const step = outer.step(
    'step',
    inner(calls),
    { n: outer.input.n, m: outer.input.n },
    { when: gt(outer.input.n, 1) },
  );
  const n = new Subject<number>();
  const { values } = kept(outer.output({ a: step.out.a }).live({ n }).output$);
  for (const value of [1, 2, 1, 3]) n.next(value);
  expect(values).toEqual([{}, { a: 3 }, {}, { a: 4 }]);
});

test('4.3 events of the steps of a flow stand under its path, each with its version', () => {
  const outer = new Flow<N>('outer');
  const step = outer.step('step', inner([]), { n: outer.input.n, m: 1 });
  const n = new Subject<number>();
  const events: FlowEvent[] = [];
  outer
    .output({ a: step.out.a })
    .live({ n })
    .events$.subscribe((event) => events.push(event));
  n.next(1);
  events.length = 0;
  n.next(2);
  expect(events.map(short)).toEqual([
    '2 FLOW_START ',
    '2 STEP_START step',
    '2 STEP_START step.a',
    '2 STEP_OUTPUT step.a',
    '2 STEP_OUTPUT step',
    '2 FLOW_OUTPUT ',
  ]);
});
