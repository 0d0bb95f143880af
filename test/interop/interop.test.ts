/** Flows and what else speaks of values over time: signals that abort, loops, web streams, RxJS, stores. Each with the real thing. */
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Flow, FlowError, fromSubscribable, MemorySaver, toReadableStream } from 'millrace';
import {
  BehaviorSubject,
  EMPTY,
  finalize,
  firstValueFrom,
  from,
  lastValueFrom,
  map,
  NEVER,
  of,
  range,
  Subject,
  throwError,
  toArray,
} from 'rxjs';
import { expect, test } from 'vitest';
import { listen, rejection } from '../run/told.ts';

type N = { n: number };

function flowOf<T>(code: (params: N, context: { signal: AbortSignal }) => T) {
  const flow = new Flow<N>('interop');
  const a = flow.step('a', code, { n: flow.input.n });
  return flow.output({ a: a.out });
}

const double = flowOf(({ n }) => n * 2);

/** Waits for its signal, and notes that it came. */
function patient() {
  const aborted: unknown[] = [];
  const flow = flowOf((_, { signal }) => {
    signal.addEventListener('abort', () => aborted.push(signal.reason));
    return new Promise<number>(() => undefined);
  });
  return { flow, aborted };
}

// --- signals -----------------------------------------------------------------------------------------------------------------

test('2.15, 3.5 a signal ends a run: the signals of its steps abort, and whoever waits is told', async () => {
  const ways = [
    (flow: ReturnType<typeof patient>['flow'], signal: AbortSignal) =>
      flow.complete({ n: 1 }, { signal }),
    (flow: ReturnType<typeof patient>['flow'], signal: AbortSignal) =>
      flow.start({ n: 1 }, { signal }).result,
    (flow: ReturnType<typeof patient>['flow'], signal: AbortSignal) =>
      lastValueFrom(flow.run({ n: 1 }, { signal })),
  ];
  for (const way of ways) {
    const { flow, aborted } = patient();
    const stop = new AbortController();
    const waiting = rejection(way(flow, stop.signal));
    expect(aborted).toEqual([]);
    stop.abort('enough');
    const error = (await waiting) as FlowError;
    expect(FlowError.is(error, 'cancelled')).toBe(true);
    expect(error.message).toContain('enough');
    expect(aborted).toHaveLength(1);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  }
});

test('2.15 a signal that has aborted before lets no step start', async () => {
  let calls = 0;
  const flow = flowOf(() => ++calls);
  const error = await rejection(flow.complete({ n: 1 }, { signal: AbortSignal.abort() }));
  expect(FlowError.is(error, 'cancelled')).toBe(true);
  expect(calls).toBe(0);
});

test('2.15 a signal that outlives a run is not listened to any more', async () => {
  const stop = new AbortController();
  await double.complete({ n: 1 }, { signal: stop.signal });
  const run = double.start({ n: 1 }, { signal: stop.signal });
  await run.result;
  await firstValueFrom(double.live({ n: of(1) }, { signal: stop.signal }).output$);
  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  stop.abort();
  expect(run.getSnapshot().status).toBe('success');
});

test('6.1 a signal ends a live flow: its steps stop, its inputs are left, and its streams complete', () => {
  const { flow, aborted } = patient();
  const stop = new AbortController();
  const n = new BehaviorSubject(1);
  const told = listen(flow.live({ n }, { signal: stop.signal }).events$);
  expect(n.observed).toBe(true);
  stop.abort('enough');
  expect(aborted).toHaveLength(1);
  expect(n.observed).toBe(false);
  expect(told.isComplete).toBe(true);
  expect(told.events.at(-1)?.type).toBe('FLOW_CANCEL');
});

// --- loops -------------------------------------------------------------------------------------------------------------------

test('6.1 a loop over a live flow gets every output, also while it is busy, and ends with the inputs', async () => {
  const n = new Subject<number>();
  const got: number[] = [];
  const looping = (async () => {
    for await (const { a } of double.live({ n })) {
      got.push(a);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  await Promise.resolve();
  for (const value of [1, 2, 3]) n.next(value);
  n.complete();
  await looping;
  expect(got).toEqual([2, 4, 6]);
});

test('6.1 leaving a loop over a live flow stops it: its inputs are left, and what is at work is aborted', async () => {
  const aborted: number[] = [];
  const flow = flowOf(({ n }, { signal }) => {
    if (n === 1) return n;
    signal.addEventListener('abort', () => aborted.push(n));
    return new Promise<number>(() => undefined);
  });
  const n = new BehaviorSubject(1);
  for await (const output of flow.live({ n })) {
    expect(output).toEqual({ a: 1 });
    n.next(2);
    break;
  }
  expect(n.observed).toBe(false);
  expect(aborted).toEqual([2]);
});

test('6.1 a loop over a live flow throws what its inputs fail with', async () => {
  const live = double.live({ n: throwError(() => new Error('no input')) });
  const looping = async () => {
    for await (const _ of live);
  };
  await expect(looping()).rejects.toThrow('no input');
});

test('2.14 a loop over a run that is left early goes on elsewhere: a second loop hears all of it', async () => {
  const run = flowOf(async ({ n }) => n).start({ n: 1 });
  for await (const _ of run) break;
  const types: string[] = [];
  for await (const { type } of run) types.push(type);
  expect(types).toEqual(['FLOW_START', 'STEP_START', 'STEP_OUTPUT', 'FLOW_OUTPUT']);
});

const leaving = [
  ['return()', (loop: AsyncGenerator<unknown>) => loop.return(undefined)],
  ['throw()', (loop: AsyncGenerator<unknown>) => loop.throw(new Error('enough')).catch(() => {})],
] as const;

test.each(leaving)(
  '6.1 %s of a loop that waits for an output leaves at once, and who waits is told that there is none',
  async (_, leave) => {
    const n = new BehaviorSubject(1);
    const loop = double.live({ n })[Symbol.asyncIterator]();
    expect(await loop.next()).toEqual({ value: { a: 2 }, done: false });
    const waiting = loop.next();
    await leave(loop);
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(n.observed).toBe(false);
  },
);

test('6.1 what is left before it has begun never begins', async () => {
  const n = new BehaviorSubject(1);
  const loop = double.live({ n })[Symbol.asyncIterator]();
  await loop.return();
  expect(await loop.next()).toEqual({ value: undefined, done: true });
  expect(n.observed).toBe(false);
});

test('6.1 a stream of Node that is made of a live flow lets go of it when it is destroyed, whatever it waits for', async () => {
  const n = new BehaviorSubject(1);
  const stream = Readable.from(double.live({ n }));
  const closed = new Promise((resolve) => stream.on('close', resolve));
  await new Promise((resolve) => stream.once('data', resolve));
  stream.destroy();
  await closed;
  await new Promise((resolve) => setImmediate(resolve));
  expect(n.observed).toBe(false);
});

test('2.14 a loop over a run that is left while it waits ends at once, and the run goes on', async () => {
  const answer = new Subject<number>();
  const run = flowOf(() => answer).start({ n: 1 });
  const loop = run[Symbol.asyncIterator]();
  await loop.next();
  await loop.next();
  const waiting = loop.next();
  await loop.return?.();
  expect(await waiting).toEqual({ value: undefined, done: true });
  answer.next(3);
  answer.complete();
  expect(await run.result).toEqual({ a: 3 });
});

test('2.14, 5.5 a loop over a run that cannot begin throws why: no event tells of it', async () => {
  const saver = new MemorySaver();
  await double.complete({ n: 1 }, { id: 'taken', saver });
  const looping = async (run: AsyncIterable<unknown>) => {
    for await (const _ of run);
  };
  await expect(looping(double.start({ n: 1 }, { id: 'taken', saver }))).rejects.toMatchObject({
    code: 'run-exists',
  });
  const late = double.resume('nobody', { saver });
  await rejection(late.result);
  await expect(looping(late)).rejects.toMatchObject({ code: 'run-not-found' });
});

// --- web streams -------------------------------------------------------------------------------------------------------------

test('a web stream of outputs is what a Response and a stream of Node take', async () => {
  const n = of(1, 2, 3);
  const lines = () =>
    toReadableStream(
      double.live({ n }).output$.pipe(map((output) => `${JSON.stringify(output)}\n`)),
    );
  const expected = '{"a":2}\n{"a":4}\n{"a":6}\n';
  expect(await new Response(lines().pipeThrough(new TextEncoderStream())).text()).toBe(expected);
  const read = Readable.fromWeb(lines() as Parameters<typeof Readable.fromWeb>[0]);
  expect(String(await buffer(read.map((line: string) => Buffer.from(line))))).toBe(expected);
});

test('a web stream subscribes when it is first read, and starts no run before', async () => {
  let calls = 0;
  const stream = toReadableStream(flowOf(() => ++calls).run({ n: 1 }));
  await Promise.resolve();
  expect(calls).toBe(0);
  const { value } = await stream.getReader().read();
  expect(value?.type).toBe('FLOW_START');
  expect(calls).toBe(1);
});

test('a web stream that is read slowly loses nothing, and does not slow its source down: what is not read yet waits in it', async () => {
  let isDone = false;
  const source$ = range(0, 1000).pipe(
    finalize(() => {
      isDone = true;
    }),
  );
  const reader = toReadableStream(source$).getReader();
  expect(await reader.read()).toEqual({ done: false, value: 0 });
  expect(isDone).toBe(true);
  for (let i = 1; i < 1000; i++) expect((await reader.read()).value).toBe(i);
  expect((await reader.read()).done).toBe(true);
});

test('cancelling a web stream unsubscribes: a cold run is cancelled by it, a hot one goes on', async () => {
  const cold = patient();
  const reader = toReadableStream(cold.flow.run({ n: 1 })).getReader();
  await reader.read();
  await reader.cancel();
  expect(cold.aborted).toHaveLength(1);
  const hot = patient();
  const run = hot.flow.start({ n: 1 });
  const other = toReadableStream(run.events$).getReader();
  await other.read();
  await other.cancel();
  expect(hot.aborted).toEqual([]);
  run.cancel();
});

test('a web stream breaks with the error of its source', async () => {
  const failing = flowOf((): number => {
    throw new Error('boom');
  });
  const reader = toReadableStream(failing.start({ n: 1 }).output$).getReader();
  expect(FlowError.is(await rejection(reader.read()), 'run-failed')).toBe(true);
});

// --- RxJS --------------------------------------------------------------------------------------------------------------------

test('from() of RxJS takes a run for the Observable of its events, at once and to the end', () => {
  const run = double.start({ n: 1 });
  const types: string[] = [];
  let isComplete = false;
  from(run).subscribe({
    next: ({ type }) => types.push(type),
    complete: () => {
      isComplete = true;
    },
  });
  expect(types).toEqual(['FLOW_START', 'STEP_START', 'STEP_OUTPUT', 'FLOW_OUTPUT']);
  expect(isComplete).toBe(true);
});

test('from() of RxJS takes a live flow for the Observable of its outputs; unsubscribing stops it', () => {
  const n = new BehaviorSubject(1);
  const got: unknown[] = [];
  const subscription = from(double.live({ n }))
    .pipe(map(({ a }) => a))
    .subscribe((a) => got.push(a));
  n.next(5);
  subscription.unsubscribe();
  expect(got).toEqual([2, 10]);
  expect(n.observed).toBe(false);
});

test('a live flow is an input of another one', () => {
  const n = new BehaviorSubject(1);
  const inner = from(double.live({ n })).pipe(map(({ a }) => a));
  const got: unknown[] = [];
  double.live({ n: inner }).output$.subscribe(({ a }) => got.push(a));
  n.next(5);
  expect(got).toEqual([4, 20]);
});

// --- what has a method `subscribe` --------------------------------------------------------------------------------------------

/** As svelte/store makes them: it calls what it is given, and the second argument as well. */
function writable<T>(value: T) {
  const listeners = new Set<[(value: T) => void, () => void]>();
  return {
    set(next: T) {
      value = next;
      for (const [run, invalidate] of listeners) {
        invalidate();
        run(value);
      }
    },
    subscribe(run: (value: T) => void, invalidate: () => void = () => undefined) {
      const listener: [(value: T) => void, () => void] = [run, invalidate];
      listeners.add(listener);
      run(value);
      return () => void listeners.delete(listener);
    },
    get size() {
      return listeners.size;
    },
  };
}

test('6.1 a store whose subscribe takes a function is a live input, and is left when the live flow stops', () => {
  const store = writable(1);
  const got: unknown[] = [];
  const subscription = double
    .live({ n: fromSubscribable(store) })
    .output$.subscribe(({ a }) => got.push(a));
  store.set(2);
  store.set(7);
  expect(got).toEqual([2, 4, 14]);
  expect(store.size).toBe(1);
  subscription.unsubscribe();
  expect(store.size).toBe(0);
});

test('6.1 a store is a live input as it is, and so is an object with nothing but subscribe', () => {
  const store = writable(1);
  const plain = {
    subscribe: ({ next }: { next(value: number): void }) => {
      next(10);
      next(20);
      return { unsubscribe: () => undefined };
    },
  };
  for (const [source, expected] of [
    [store, [2]],
    [plain, [20, 40]],
  ] as const) {
    const got: unknown[] = [];
    double.live({ n: source }).output$.subscribe(({ a }) => got.push(a));
    expect(got).toEqual(expected);
  }
});

test('2.10 a store that a step returns tells chunks, and is left with the run', () => {
  const store = writable('a');
  const told = listen(flowOf(() => store).run({ n: 1 }));
  store.set('b');
  expect(told.events.flatMap((event) => (event.type === 'STEP_CHUNK' ? event.chunk : []))).toEqual([
    'a',
    'b',
  ]);
  expect(store.size).toBe(1);
});

test('fromSubscribable: whatever a store gives back is taken, also what ends nothing', async () => {
  for (const given of [5, {}, null, 'id']) {
    const store = {
      subscribe: (listener: (value: number) => void) => {
        listener(1);
        return given;
      },
    };
    expect(await firstValueFrom(fromSubscribable(store))).toBe(1);
    fromSubscribable(store).subscribe().unsubscribe();
  }
});

test('fromSubscribable: what a foreign Observable says of its end comes through, and a source that never stops by itself can be stopped', async () => {
  const failing = { subscribe: (o: { error(e: unknown): void }) => o.error(new Error('foreign')) };
  await expect(firstValueFrom(fromSubscribable(failing as never))).rejects.toThrow('foreign');
  const ending = { subscribe: (o: { complete(): void }) => o.complete() };
  expect(await firstValueFrom(fromSubscribable(ending as never).pipe(toArray()))).toEqual([]);
  expect(await firstValueFrom(fromSubscribable(EMPTY).pipe(toArray()))).toEqual([]);
  expect(fromSubscribable(NEVER)).toBe(NEVER);
});
