import {
  eq,
  Flow,
  FlowError,
  type FlowEvent,
  isFinal,
  question,
  type Run,
  type Snapshot,
} from 'millrace';
import {
  concat,
  config,
  firstValueFrom,
  interval,
  map,
  Observable,
  of,
  Subject,
  take,
  timer,
  toArray,
} from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  after,
  atOnce,
  failing,
  inVirtualTime,
  lines,
  listen,
  outputOf,
  rejection,
} from './told.ts';

const one = () => 1;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function simple(handler: () => unknown = () => timer(10).pipe(map(() => 1))) {
  const flow = new Flow<{ n: number }>('simple');
  const a = flow.step('a', handler, {});
  const b = flow.step('b', ({ n }: { n: number }) => n + 1, { n: flow.input.n }, { after: [a] });
  return flow.output({ b: b.out });
}

test('2.1 run is cold: nothing happens before subscribe, and each subscription is a run of its own', () => {
  let calls = 0;
  const run$ = simple(() => ++calls).run({ n: 1 });
  expect(calls).toBe(0);
  const [first, second] = [listen(run$), listen(run$)];
  expect(calls).toBe(2);
  const ids = [first, second].map(({ events }) => new Set(events.map(({ runId }) => runId)));
  expect(ids.map(({ size }) => size)).toEqual([1, 1]);
  expect([...(ids[0] as Set<string>)]).not.toEqual([...(ids[1] as Set<string>)]);
});

test('2.1 run ids sort by time', () => {
  const run$ = simple(one).run({ n: 1 });
  const ids = Array.from(
    { length: 5000 },
    () => listen(run$.pipe(take(1))).events[0]?.runId as string,
  );
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
});

test('2.1 a flow of synchronous steps emits everything before subscribe returns', () => {
  const told = atOnce(simple(one), { n: 1 });
  expect(told.isComplete).toBe(true);
  expect(outputOf(told)).toEqual({ b: 2 });
});

test('2.1 a flow without steps gives its input back at once', () => {
  const flow = new Flow<{ x: number }>('no-steps');
  expect(outputOf(atOnce(flow.output({ y: flow.input.x, z: 3 }), { x: 1 }))).toEqual({
    y: 1,
    z: 3,
  });
});

test('2.1 unsubscribing cancels: the handler is stopped and nothing more is told', () => {
  inVirtualTime(() => {
    const stopped: number[] = [];
    const late: unknown[] = [];
    config.onStoppedNotification = (notification) => late.push(notification);
    const run$ = simple(() => new Observable(() => () => stopped.push(1))).run({ n: 1 });
    const told = listen(run$);
    run$.subscribe().unsubscribe();
    expect(stopped).toHaveLength(1);
    expect(late).toEqual([]);
    config.onStoppedNotification = null;
    expect(told.isComplete).toBe(false);
  });
});

test('2.1 unsubscribing in the middle of synchronous events stops there: no handler is called any more', () => {
  for (const settings of [{}, { retry: { count: 1 } }]) {
    const calls: string[] = [];
    const flow = new Flow('middle');
    const a = flow.step('a', () => calls.push('a'), {}, settings);
    flow.step('b', () => calls.push('b'), {}, { after: [a], ...settings });
    const told = listen(flow.output({}).run({}).pipe(take(2)));
    expect(lines(told)).toEqual(['FLOW_START', 'STEP_START a']);
    expect(calls).toEqual([]);
  }
});

test('2.1 unsubscribing at a chunk stops an endless synchronous producer', () => {
  const kinds = [
    function* () {
      for (let i = 0; ; i++) yield i;
    },
    () =>
      new Observable<number>((out) => {
        for (let i = 0; !out.closed; i++) out.next(i);
      }),
  ];
  for (const kind of kinds) {
    for (const settings of [{}, { retry: { count: 1 } }, { timeout: { attempt: 1000 } }]) {
      const flow = new Flow('endless');
      flow.step('a', kind, {}, settings);
      const told = listen(flow.output({}).run({}).pipe(take(5)));
      expect(lines(told).slice(2)).toEqual(['STEP_CHUNK a', 'STEP_CHUNK a', 'STEP_CHUNK a']);
    }
  }
});

test('2.1 unsubscribing at a chunk that came at once also stops what comes later', async () => {
  for (const settings of [{}, { retry: { count: 1 } }]) {
    const flow = new Flow('mixed');
    let signal: AbortSignal | undefined;
    let live = 0;
    flow.step(
      'a',
      (_: unknown, context: { signal: AbortSignal }) => {
        signal = context.signal;
        return concat(
          of('at once'),
          new Observable(() => {
            live++;
            return () => {
              live--;
            };
          }),
        );
      },
      {},
      settings,
    );
    listen(flow.output({}).run({}).pipe(take(3)));
    expect([live, signal?.aborted]).toEqual([0, true]);
  }
});

test('2.14 start is hot: it runs without a subscriber, and replays to whoever comes', () => {
  inVirtualTime(() => {
    let calls = 0;
    const run = simple(() => {
      calls++;
      return after(10, 1)();
    }).start({ n: 1 });
    expect(calls).toBe(1);
    const early = listen(run.events$);
    expect(lines(early)).toEqual(['FLOW_START', 'STEP_START a']);
    run.events$.subscribe({
      complete: () => {
        const late = listen(run.events$);
        expect(late.events).toEqual(early.events);
        expect(late.isComplete).toBe(true);
        expect(lines(late).at(-1)).toBe('FLOW_OUTPUT');
        expect(calls).toBe(1);
      },
    });
  });
});

test('2.14 a run outlives its subscribers', () => {
  const source$ = new Subject<number>();
  const run = simple(() => source$.pipe(take(1))).start({ n: 1 });
  const subscription = run.events$.subscribe();
  run.state$.subscribe().unsubscribe();
  run.output$.subscribe().unsubscribe();
  subscription.unsubscribe();
  source$.next(1);
  expect(run.getSnapshot().status).toBe('success');
});

test('2.14 id is the id of the run in all its events', () => {
  const run = simple(one).start({ n: 1 });
  expect(new Set(listen(run.events$).events.map(({ runId }) => runId))).toEqual(new Set([run.id]));
});

test('2.14 state$ gives the state now at once, then each change; the same state is the same object', () => {
  const source$ = new Subject<number>();
  const run = simple(() => source$.pipe(take(2))).start({ n: 1 });
  const states: Snapshot[] = [];
  run.state$.subscribe((state) => states.push(state));
  expect(states).toHaveLength(1);
  expect(states[0]).toBe(run.getSnapshot());
  expect(states[0]).toMatchObject({ status: 'running', steps: { a: { status: 'running' } } });
  source$.next(1); // a chunk changes no state
  expect(states).toHaveLength(1);
  source$.next(2);
  const [last] = states.slice(-1);
  expect(last).toBe(run.getSnapshot());
  expect(run.getSnapshot()).toBe(run.getSnapshot());
  expect(last).toMatchObject({ status: 'success', output: { b: 2 } });
  expect(new Set(states).size).toBe(states.length);
  expect(Object.isFrozen(last)).toBe(true);
});

test('2.14 what did not change between two states is the same object', () => {
  const source$ = new Subject<number>();
  const flow = new Flow('shared');
  const a = flow.step('a', () => ({ big: [1, 2, 3] }), {});
  flow.step('b', () => source$.pipe(take(1)), {}, { after: [a] });
  const run = flow.output({}).start({});
  const before = run.getSnapshot();
  source$.next(1);
  const now = run.getSnapshot();
  expect(now).not.toBe(before);
  expect(now.steps['a']).toBe(before.steps['a']);
  expect(now.steps['b']).not.toBe(before.steps['b']);
});

test('2.14 state$ completes with the run and never errors', async () => {
  for (const flow of [simple(one), simple(failing())]) {
    const run = flow.start({ n: 1 });
    const states = await firstValueFrom(run.state$.pipe(toArray()));
    expect(states.at(-1)).toBe(run.getSnapshot());
  }
});

test('2.14 output$ and result give the output, whenever they are asked', async () => {
  const run = simple(async () => 1).start({ n: 1 });
  const early = run.result;
  expect(await firstValueFrom(run.output$)).toEqual({ b: 2 });
  expect(await early).toEqual({ b: 2 });
  expect(await run.result).toEqual({ b: 2 });
  expect(run.result).toBe(run.result);
});

test('2.14 output$ and result fail with the error of the run; nobody asking is no unhandled rejection', async () => {
  const flow = new Flow('fails');
  const a = flow.step('a', failing('boom'), {});
  const run = flow.output({ a: a.out }).start({});
  await turn();
  expect(FlowError.is(await rejection(run.result), 'run-failed')).toBe(true);
  expect(FlowError.is(await rejection(firstValueFrom(run.output$)), 'run-failed')).toBe(true);
  expect(listen(run.events$)).toMatchObject({ isComplete: true });
});

test('2.14 chunks$ gives the chunks of a step from its first one, then those that come', () => {
  const source$ = new Subject<string>();
  const run = simple(() => source$.pipe(take(3))).start({ n: 1 });
  source$.next('x');
  const seen: unknown[] = [];
  run.chunks$('a').subscribe((chunk) => seen.push(chunk));
  expect(seen).toEqual(['x']);
  source$.next('y');
  source$.next('z');
  expect(seen).toEqual(['x', 'y', 'z']);
  expect(() => run.chunks$('x')).toThrow('The flow "simple" has no step "x".');
});

test('2.14 subscribe and getSnapshot are what useSyncExternalStore takes: no call at once, one per change, none after', () => {
  const source$ = new Subject<number>();
  const { subscribe, getSnapshot } = simple(() => source$.pipe(take(1))).start({ n: 1 });
  const seen: Snapshot[] = [];
  const stop = subscribe(() => seen.push(getSnapshot()));
  let others = 0;
  subscribe(() => others++);
  expect(seen).toEqual([]);
  stop();
  source$.next(1);
  expect(seen).toEqual([]);
  expect(others).toBeGreaterThan(0);
});

test('2.14 whoever answers, or cancels, as soon as the state is told hears the states that come of it', async () => {
  const flow = new Flow<{ n: number }>('asks');
  const ask = question({ answer: z.string() });
  const asked = flow.step('ask', ask, { n: flow.input.n });
  const asks = flow.output({ answer: asked.out });
  const acts = [
    (run: Run<unknown>) => void run.answer('ask', 'yes'),
    (run: Run<unknown>) => run.cancel(),
  ];
  const ends: (string | undefined)[] = [];
  for (const act of acts) {
    const run = asks.start({ n: 1 });
    const seen: string[] = [];
    run.state$.subscribe({
      next: ({ status, steps }) => {
        seen.push(status);
        if (steps['ask']?.status === 'waiting') act(run);
      },
      complete: () => ends.push(seen.at(-1)),
    });
  }
  expect(ends).toEqual(['success', 'cancelled']);
});

test('2.14 async iteration gives every event up to the final one, also to a late and a slow reader', async () => {
  const run = simple(async () => 1).start({ n: 1 });
  const types: string[] = [];
  for await (const event of run) {
    types.push(event.type);
    await turn();
  }
  expect(types).toEqual([
    'FLOW_START',
    'STEP_START',
    'STEP_OUTPUT',
    'STEP_START',
    'STEP_OUTPUT',
    'FLOW_OUTPUT',
  ]);
  const again: FlowEvent[] = [];
  for await (const event of run) again.push(event);
  expect(again.map(({ type }) => type)).toEqual(types);
});

test('2.14 leaving an async iteration does not stop the run', async () => {
  const source$ = new Subject<number>();
  const run = simple(() => source$.pipe(take(1))).start({ n: 1 });
  for await (const event of run) if (event.type === 'STEP_START') break;
  source$.next(1);
  expect(await run.result).toEqual({ b: 2 });
});

test('2.14 async iteration of a run that fails or is cancelled ends with the final event, and throws nothing', async () => {
  const flow = new Flow('fails');
  const a = flow.step('a', failing('boom'), {});
  let last: FlowEvent | undefined;
  for await (const event of flow.output({ a: a.out }).start({})) last = event;
  expect(last?.type).toBe('FLOW_ERROR');
  const cancelled = simple(() => new Promise(() => {})).start({ n: 1 });
  cancelled.cancel();
  for await (const event of cancelled) last = event;
  expect(last?.type).toBe('FLOW_CANCEL');
});

test('2.14 cancel ends a run once; a final status is final', async () => {
  const source$ = new Subject<number>();
  const run = simple(() => source$.pipe(take(1))).start({ n: 1 });
  run.cancel('enough');
  run.cancel('again');
  source$.next(1);
  const told = listen(run.events$);
  expect(lines(told)).toEqual(['FLOW_START', 'STEP_START a', 'FLOW_CANCEL']);
  expect(run.getSnapshot().status).toBe('cancelled');
  const error = await rejection(run.result);
  expect(FlowError.is(error, 'cancelled')).toBe(true);
  expect((error as FlowError).message).toContain('enough');
  const done = simple(one).start({ n: 1 });
  done.cancel();
  expect(done.getSnapshot().status).toBe('success');
  expect(await done.result).toEqual({ b: 2 });
});

test('3.6 an error thrown by a subscriber never disturbs the run, nor other subscribers', async () => {
  const thrown: unknown[] = [];
  config.onUnhandledError = (error) => thrown.push(error);
  const boom = () => {
    throw new Error('bad subscriber');
  };
  const run = simple(async () => 1).start({ n: 1 });
  run.events$.subscribe(boom);
  run.state$.subscribe(boom);
  run.output$.subscribe(boom);
  run.subscribe(boom);
  const told = listen(run.events$);
  expect(await run.result).toEqual({ b: 2 });
  expect(isFinal(told.events.at(-1) as FlowEvent)).toBe(true);
  const cold: string[] = [];
  simple(one)
    .run({ n: 1 })
    .subscribe((event) => {
      cold.push(event.type);
      boom();
    });
  expect(cold).toHaveLength(6);
  await new Promise((resolve) => setTimeout(resolve));
  expect(thrown.length).toBeGreaterThan(6);
  expect(new Set(thrown.map((error) => (error as Error).message))).toEqual(
    new Set(['bad subscriber']),
  );
  config.onUnhandledError = null;
});

test('2.14 a subscriber may cancel the run from within an event', () => {
  const flow = new Flow('within');
  const a = flow.step('a', one, {});
  flow.step('b', one, {}, { after: [a], when: eq(a.out, 1) });
  const controller = new AbortController();
  const seen: string[] = [];
  let error: unknown;
  flow
    .output({})
    .run({}, { signal: controller.signal })
    .subscribe({
      next: ({ type }) => {
        seen.push(type);
        if (type === 'STEP_OUTPUT') controller.abort();
      },
      error: (thrown: unknown) => {
        error = thrown;
      },
    });
  expect(seen).toEqual(['FLOW_START', 'STEP_START', 'STEP_OUTPUT', 'FLOW_CANCEL']);
  expect(FlowError.is(error, 'cancelled')).toBe(true);
});

test('2.14 whoever cancels from within an event, others get all events in their order', () => {
  const source$ = new Subject<number>();
  const run = simple(() => source$.pipe(take(2))).start({ n: 1 });
  run.events$.subscribe((event) => {
    if (event.type === 'STEP_CHUNK') run.cancel();
  });
  const other = listen(run.events$);
  const states: string[] = [];
  run.state$.subscribe(({ status }) => states.push(status));
  source$.next(1);
  expect(lines(other)).toEqual(['FLOW_START', 'STEP_START a', 'STEP_CHUNK a', 'FLOW_CANCEL']);
  expect(other.isComplete).toBe(true);
  expect(states).toEqual(['running', 'cancelled']);
});

test('2.14 complete resolves to the id, the output and the last state', async () => {
  const { runId, output, snapshot } = await simple(async () => 1).complete({ n: 1 });
  expect(output).toEqual({ b: 2 });
  expect(snapshot).toMatchObject({
    runId,
    status: 'success',
    output,
    steps: { b: { status: 'success' } },
  });
});

test('2.14 events of a run that waits come as they happen', () => {
  inVirtualTime(() => {
    const run = simple(() => interval(10).pipe(take(2))).start({ n: 1 });
    const times: string[] = [];
    run.events$.subscribe(({ type, t }) => times.push(`${t} ${type}`));
    run.events$.subscribe({
      complete: () =>
        expect(times).toEqual([
          '0 FLOW_START',
          '0 STEP_START',
          '10 STEP_CHUNK',
          '20 STEP_CHUNK',
          '20 STEP_OUTPUT',
          '20 STEP_START',
          '20 STEP_OUTPUT',
          '20 FLOW_OUTPUT',
        ]),
    });
  });
});
