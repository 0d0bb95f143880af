import { explain, Flow, type FlowEvent } from 'millrace';
import { asyncScheduler, map, Observable, Subject, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { inVirtualTime, kept, numbers, short, work } from './flows.ts';

const after =
  (ms: number) =>
  ({ n }: { n: number }) =>
    timer(ms).pipe(map(() => n));

//            12---3----4|
const busy = '12---3----4|';

test('6.5 switch, the default: a newer version cancels the work on an older one', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>(busy, { 1: 1, 2: 2, 3: 3, 4: 4 });
    expectObservable(numbers(work({}), n)).toBe('----2---3----(4|)');
  });
});

test('6.5 concat: versions queue', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>(busy, { 1: 1, 2: 2, 3: 3, 4: 4 });
    expectObservable(numbers(work({ policy: 'concat' }), n)).toBe('---1--2--3---(4|)');
  });
});

test('6.5 concat with maxPending: of those that wait, the oldest goes', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('1234|', { 1: 1, 2: 2, 3: 3, 4: 4 });
    const flow = work({ policy: 'concat', maxPending: 1 }, 5);
    expectObservable(numbers(flow, n)).toBe('-----1----(4|)');
  });
});

test('6.5 concat with concurrency: side by side, results in the order of versions', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('12-3|', { 1: 1, 2: 2, 3: 3 });
    const flow = work({ policy: 'concat', concurrency: 2 }, (n) => (n === 1 ? 6 : 2));
    // 2 is there at frame 3, and waits for 1. A version that waits holds no place: 3 starts at once.
    expectObservable(numbers(flow, n)).toBe('------(123|)');
  });
});

test('6.5 merge: side by side, and what is late is dropped', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('12-3|', { 1: 1, 2: 2, 3: 3 });
    const flow = work({ policy: 'merge' }, (n) => (n === 1 ? 8 : 3));
    expectObservable(numbers(flow, n)).toBe('----2-(3|)');
  });
});

test('6.5 merge with concurrency: so many side by side, as mergeMap has it; the others wait', () => {
  inVirtualTime(({ hot, expectObservable, flush }) => {
    const n = hot<number>('1234|', { 1: 1, 2: 2, 3: 3, 4: 4 });
    const starts: string[] = [];
    const live = work({ policy: 'merge', concurrency: 2 }, 5).live({ n } as never);
    live.events$.subscribe(({ type, version }) => {
      if (type === 'STEP_START') starts.push(`${version} at ${asyncScheduler.now()}`);
    });
    expectObservable(live.output$.pipe(map((output) => String((output as { n: number }).n)))).toBe(
      '-----12---3(4|)',
    );
    flush();
    expect(starts).toEqual(['1 at 0', '2 at 1', '3 at 5', '4 at 6']);
  });
});

test('6.5 merge with maxPending: of those that wait, the oldest goes', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('1234|', { 1: 1, 2: 2, 3: 3, 4: 4 });
    const flow = work({ policy: 'merge', concurrency: 1, maxPending: 1 }, 5);
    expectObservable(numbers(flow, n)).toBe('-----1----(4|)');
  });
});

test('6.5 exhaust: versions that come while it works are dropped', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('12---34|', { 1: 1, 2: 2, 3: 3, 4: 4 });
    expectObservable(numbers(work({ policy: 'exhaust' }), n)).toBe('---1----(3|)');
  });
});

test('6.5 conflate: it finishes, then takes the latest', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('1234|', { 1: 1, 2: 2, 3: 3, 4: 4 });
    expectObservable(numbers(work({ policy: 'conflate' }, 6), n)).toBe('------1-----(4|)');
  });
});

test('6.5 superseded work: its signal aborts, and an event says so', () => {
  const aborted: number[] = [];
  const flow = new Flow<{ n: number }>('signals');
  const a = flow.step(
    'a',
    ({ n }: { n: number }, { signal }) => {
      signal.addEventListener('abort', () => aborted.push(n));
      return new Observable<number>();
    },
    { n: flow.input.n },
  );
  const n = new Subject<number>();
  const live = flow.output({ a: a.out }).live({ n });
  const { values } = kept(live.events$);
  n.next(1);
  n.next(2);
  expect(aborted).toEqual([1]);
  expect(values.map(short)).toEqual([
    '1 FLOW_START ',
    '1 STEP_START a',
    '2 FLOW_START ',
    '1 STEP_SKIP a',
    '2 STEP_START a',
    '1 FLOW_CANCEL ',
  ]);
  const skip = values.find(({ type }) => type === 'STEP_SKIP') as FlowEvent & { reason: string };
  expect(skip.reason).toBe('superseded');
});

test('6.5 a version that changes nothing for a busy step gets the answer of its work', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const flow = new Flow<{ n: number }>('parity');
    const calls: number[] = [];
    const even = flow.step('even', ({ n }: { n: number }) => n % 2, { n: flow.input.n });
    const slow = flow.step(
      'slow',
      ({ even }: { even: number }) => {
        calls.push(even);
        return timer(5).pipe(map(() => even));
      },
      { even: even.out },
    );
    const n = hot<number>('13----2|', { 1: 1, 2: 2, 3: 3 });
    const out = flow.output({ n: slow.out });
    expectObservable(numbers(out, n)).toBe('-----1-----(0|)');
  });
});

test('6.5 a version that really differs cancels, whatever shares the fate of the work', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const flow = new Flow<{ n: number }>('parity');
    const even = flow.step('even', ({ n }: { n: number }) => n % 2, { n: flow.input.n });
    const slow = flow.step('slow', ({ even }: { even: number }) => timer(5).pipe(map(() => even)), {
      even: even.out,
    });
    const n = hot<number>('132|', { 1: 1, 2: 2, 3: 3 });
    expectObservable(numbers(flow.output({ n: slow.out }), n)).toBe('-------(0|)');
  });
});

test('6.5 back to what was answered before: the newer work is cancelled, and nothing runs again', () => {
  inVirtualTime(({ hot, expectObservable, flush }) => {
    const calls: number[] = [];
    const flow = new Flow<{ n: number }>('back');
    const slow = flow.step(
      'slow',
      ({ n }: { n: number }) => {
        calls.push(n);
        return timer(3).pipe(map(() => n));
      },
      { n: flow.input.n },
    );
    const n = hot<number>('1---21--|', { 1: 1, 2: 2 });
    const live = flow.output({ n: slow.out }).live({ n });
    expectObservable(live.output$.pipe(map((output) => output.n))).toBe('---n----|', { n: 1 });
    flush();
    expect(calls).toEqual([1, 2]);
  });
});

test('6.5 exhaust drops no version that changes nothing for it', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const flow = new Flow<{ n: number; m: number }>('side');
    const slow = flow.step(
      'slow',
      ({ n }: { n: number }) => timer(4).pipe(map(() => n)),
      { n: flow.input.n },
      { policy: 'exhaust' },
    );
    const both = flow.step('both', ({ n, m }: { n: number; m: number }) => `${n}${m}`, {
      n: slow.out,
      m: flow.input.m,
    });
    const n = hot<number>('1---------|', { 1: 1 });
    const m = hot<number>('1-2-------|', { 1: 1, 2: 2 });
    const live = flow.output({ both: both.out }).live({ n, m });
    expectObservable(live.output$.pipe(map(({ both }) => both))).toBe('----x-----|', { x: '12' });
  });
});

test('6.5 a policy on a flow that is a step concerns the flow as a whole', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('12--|', { 1: 1, 2: 2 });
    const outer = new Flow<{ n: number }>('outer');
    const inner = outer.step('inner', work({}, 3), { n: outer.input.n }, { policy: 'concat' });
    expectObservable(numbers(outer.output({ n: inner.out.n }), n)).toBe('---1--(2|)');
  });
});

test('6.5 exhaust: a version that is dropped leaves the state to the one that is at work', () => {
  inVirtualTime(({ hot, flush }) => {
    const n = hot<number>('12----3|', { 1: 1, 2: 2, 3: 3 });
    const states: unknown[] = [];
    work({ policy: 'exhaust' }, 3)
      .live({ n } as never)
      .state$.subscribe(({ status, version, output, error }) => {
        states.push([status, version, output, error].filter((each) => each !== undefined));
      });
    flush();
    const changes = states.filter((each, i) => String(each) !== String(states[i - 1]));
    expect(changes).toEqual([
      ['pending'],
      ['running', 1],
      ['running', 2],
      ['running', 1],
      ['success', 1, { n: 1 }],
      ['running', 3, { n: 1 }],
      ['success', 3, { n: 3 }],
    ]);
  });
});

test('6.5 exhaust: whoever looks at the state late sees what came of the version that was at work', () => {
  inVirtualTime(({ hot, flush }) => {
    const n = hot<number>('12-----34-----|', { 1: 1, 2: 2, 3: 3, 4: 4 });
    const live = work({ policy: 'exhaust' }, 3).live({ n } as never);
    const seen: unknown[] = [];
    live.output$.subscribe();
    for (const at of [2, 5, 9, 12])
      timer(at).subscribe(() => {
        const { status, output } = live.getSnapshot();
        seen.push([status, output]);
      });
    flush();
    expect(seen).toEqual([
      ['running', undefined],
      ['success', { n: 1 }],
      ['running', { n: 1 }],
      ['success', { n: 3 }],
    ]);
  });
});

test('6.5 exhaust: where all versions were given up in the end, whoever looks late sees that, as those who heard it', () => {
  const flow = new Flow<{ n: number }>('torn');
  const once = flow.step('once', after(3), { n: flow.input.n }, { policy: 'exhaust' });
  const newest = flow.step('newest', after(2), { n: flow.input.n });
  const torn = flow.output({ once: once.out, newest: newest.out });
  for (const row of [
    '12---------|',
    '0-----12--------|',
    '0-----12-----3----|',
    '0-----12----34----|',
  ]) {
    inVirtualTime(({ hot, flush }) => {
      const n = hot<number>(row, { 0: 0, 1: 1, 2: 2, 3: 3, 4: 4 });
      const [heard, looked] = [torn.live({ n }), torn.live({ n })];
      heard.state$.subscribe();
      looked.output$.subscribe();
      for (const at of [2, 4, 5, 8, 10, 12, 14, 15])
        timer(at).subscribe(() => {
          const [wanted, seen] = [heard, looked].map((live) => {
            const { status, input, output, error } = live.getSnapshot();
            return { row, at, status, input, output, error: error?.message };
          });
          expect(seen).toEqual(wanted);
        });
      flush();
    });
  }
});

/** Why versions, and steps at them, were given up, as the events say it. */
function givenUp(events: readonly FlowEvent[]): string[] {
  return events.flatMap((event) => {
    if (event.type === 'FLOW_CANCEL') return `${event.version}: ${event.reason.message}`;
    if (event.type !== 'STEP_SKIP' || event.reason !== 'superseded') return [];
    return `${event.version} ${event.path}: ${event.detail.message}`;
  });
}

test('6.5 exhaust: a version that is dropped is told as that, not as one that a newer version has superseded', () => {
  const n = new Subject<number>();
  const live = work({ policy: 'exhaust' }, 1000).live({ n });
  const { values, stop } = kept(live.events$);
  n.next(1);
  n.next(2);
  expect(givenUp(values)).toEqual([
    '2: The run of "work" was cancelled: "step" was at work on an older version, and drops what comes meanwhile (cancelled)',
  ]);
  stop();
});

test('6.5 exhaust: the flow around the step that dropped a version, and what reads its chunks, say the same', () => {
  const n = new Subject<number>();
  const outer = new Flow<{ n: number }>('outer');
  const inner = outer.step('inner', work({ policy: 'exhaust' }, 1000), { n: outer.input.n });
  const other = outer.step('other', ({ n }: { n: number }) => n, { n: outer.input.n });
  const live = outer.output({ inner: inner.out.n, other: other.out }).live({ n });
  const { values, stop } = kept(live.events$);
  n.next(1);
  n.next(2);
  const why = '"inner.step" was at work on an older version, and drops what comes meanwhile';
  expect(givenUp(values)).toEqual([
    `2 inner: ${why}`,
    `2: The run of "outer" was cancelled: ${why} (cancelled)`,
  ]);
  expect(explain(live.getSnapshot(), 'inner')).toBe(`"inner" was skipped: ${why}.`);
  stop();
});

test('6.5 concat: a version that waits while too many do is told as that', () => {
  const n = new Subject<number>();
  const live = work({ policy: 'concat', maxPending: 1 }, 1000).live({ n });
  const { values, stop } = kept(live.events$);
  for (const i of [1, 2, 3]) n.next(i);
  expect(givenUp(values)).toEqual([
    '2: The run of "work" was cancelled: the version was the oldest of more than 1 that waited for "step" (cancelled)',
  ]);
  stop();
});

test('6.5 exhaust: a newer version that reads what an older one has not got says so', () => {
  inVirtualTime(({ hot, flush }) => {
    const flow = new Flow<{ n: number; m: number }>('two');
    const slow = flow.step(
      'slow',
      ({ n }: { n: number }) => timer(5).pipe(map(() => n)),
      { n: flow.input.n },
      { policy: 'exhaust' },
    );
    const n = hot<number>('12-----|');
    const m = hot<number>('1-2----|');
    const { values } = kept(
      flow.output({ slow: slow.out, m: flow.input.m }).live({ n, m }).events$,
    );
    flush();
    expect(givenUp(values)).toEqual([
      '2: The run of "two" was cancelled: "slow" was at work on an older version, and drops what comes meanwhile (cancelled)',
      '3: The run of "two" was cancelled: what it reads was given up with an older version (cancelled)',
    ]);
  });
});

test('6.5 maxPending without a queue is refused where it is written', () => {
  const settings = [
    {},
    { policy: 'switch' },
    { policy: 'exhaust' },
    { policy: 'conflate' },
  ] as const;
  for (const given of [...settings, { policy: 'merge' }, { concurrency: 2 }] as const) {
    expect(() => work({ ...given, maxPending: 3 })).toThrow(
      'The option "maxPending" of step "step" is for policy: "concat", or "merge" with "concurrency". (invalid-option)',
    );
  }
  for (const given of [{ policy: 'concat' }, { policy: 'merge', concurrency: 2 }] as const)
    work({ ...given, maxPending: 3 });
});

test('6.5 switch: a version that a newer one has superseded is told as that', () => {
  const n = new Subject<number>();
  const live = work({}, 1000).live({ n });
  const { values, stop } = kept(live.events$);
  n.next(1);
  n.next(2);
  expect(givenUp(values)).toEqual([
    '1 step: a newer version of the input came',
    '1: The run of "work" was cancelled: a newer version of the input came (cancelled)',
  ]);
  stop();
});
