import { defineStep, Flow, FlowError, type Handler, type Reduce } from 'millrace';
import { concat, from, interval, NEVER, Observable, of, take, throwError } from 'rxjs';
import { expect, test } from 'vitest';
import { atOnce, chunksOf, errorOf, outputOf, rejection, type Told, virtually } from './told.ts';

const flowOf = (run: Handler<unknown>, reduce?: Reduce) => {
  const flow = new Flow('one');
  const a = flow.step('a', defineStep({ run, ...(reduce && { reduce }) }), {});
  return flow.output({ a: a.out });
};

const seen = (told: Told) => ({
  result: (outputOf(told) as { a?: unknown }).a,
  chunks: chunksOf(told, 'a'),
});

/** Runs to the end in real time, for results that come in microtasks. */
const told = (run: Handler<unknown>, reduce?: Reduce): Promise<Told> =>
  new Promise((resolve) => {
    const all: Told = { events: [], isComplete: false };
    flowOf(run, reduce)
      .run({})
      .subscribe({
        next: (event) => all.events.push(event),
        error: (error: unknown) => resolve({ ...all, error }),
        complete: () => resolve({ ...all, isComplete: true }),
      });
  });

const sync = (run: Handler<unknown>, reduce?: Reduce) => seen(atOnce(flowOf(run, reduce), {}));
const later = async (run: Handler<unknown>, reduce?: Reduce) => seen(await told(run, reduce));

test.each([
  ['a number', 1],
  ['a text', 'text'],
  ['null', null],
  ['undefined', undefined],
  ['false', false],
  ['an array', [1, 2]],
  ['a Map', new Map([[1, 2]])],
  ['a Set', new Set([1])],
  ['a Date', new Date(0)],
  ['an Error', new Error('as a value')],
  ['a function', () => 1],
  ['an object with a next that is no iterator', { next: 'page 2' }],
  ['an object with a next() that is no iterator', { next: () => 1, [Symbol.iterator]: undefined }],
  ['an object that is no async iterable', { [Symbol.asyncIterator]: undefined }],
  ['an object whose async iterator is null', { [Symbol.asyncIterator]: null, subscribe: null }],
  ['a typed array', new Uint8Array([1, 2])],
])('2.10 %s is a result as it is, without chunks', (_, value) => {
  expect(sync(() => value)).toEqual({ result: value, chunks: [] });
});

test('2.10 the value of a promise is the result', async () => {
  expect(await later(async () => 'x')).toEqual({ result: 'x', chunks: [] });
  expect(await later(() => Promise.resolve(null))).toEqual({ result: null, chunks: [] });
});

test('2.10 anything with a then is a promise', async () => {
  const thenable = {
    // biome-ignore lint/suspicious/noThenProperty: a promise of another make is what this is about
    then: (resolve: (value: number) => void) => resolve(3),
  };
  expect(await later(() => thenable)).toEqual({ result: 3, chunks: [] });
});

test('2.10 the last value of an Observable is the result, each value a chunk', () => {
  expect(sync(() => of(1, 2, 3))).toEqual({ result: 3, chunks: [1, 2, 3] });
});

test('2.10 null is an ordinary chunk and an ordinary result', () => {
  expect(sync(() => of(1, null))).toEqual({ result: null, chunks: [1, null] });
  expect(sync(() => of(null, null), 'collect')).toEqual({
    result: [null, null],
    chunks: [null, null],
  });
  expect(
    sync(function* () {
      yield null;
      yield 1;
    }),
  ).toEqual({ result: [null, 1], chunks: [null, 1] });
});

test('2.10 an Observable that completes without a value fails the step, and the message says what to do', () => {
  const error = errorOf(
    atOnce(
      flowOf(() => from([])),
      {},
    ),
  ).errors[0];
  expect(error).toMatchObject({ path: 'a' });
  expect(error?.message).toContain('stream completed without a value');
  expect(error?.message).toContain('defaultIfEmpty(null)');
});

test('2.10 chunks are told as they come, while the handler still works', () => {
  const { events } = virtually(
    flowOf(() => interval(10).pipe(take(3))),
    {},
  );
  expect(events.map(({ type, t }) => `${t} ${type}`)).toEqual([
    '0 FLOW_START',
    '0 STEP_START',
    '10 STEP_CHUNK',
    '20 STEP_CHUNK',
    '30 STEP_CHUNK',
    '30 STEP_OUTPUT',
    '30 FLOW_OUTPUT',
  ]);
});

test('2.10 an object with subscribe is a stream: a store, another RxJS, a platform Observable', () => {
  const source = {
    subscribe(observer: { next(value: string): void; complete(): void }) {
      observer.next('a');
      observer.next('b');
      observer.complete();
    },
  };
  expect(sync(() => source)).toEqual({ result: 'b', chunks: ['a', 'b'] });
});

test('2.10 an object with subscribe is stopped by whatever its subscribe gave back, a platform Observable by its signal', () => {
  const stopped: string[] = [];
  const subscribables = [
    { subscribe: () => () => stopped.push('function') },
    { subscribe: () => ({ unsubscribe: () => stopped.push('subscription') }) },
    {
      subscribe: (_: unknown, { signal }: { signal: AbortSignal }) => {
        signal.addEventListener('abort', () => stopped.push('signal'));
      },
      forEach: () => undefined,
    },
  ];
  for (const subscribable of subscribables)
    flowOf(() => subscribable)
      .run({})
      .subscribe()
      .unsubscribe();
  expect(stopped).toEqual(['function', 'subscription', 'signal']);
});

test('2.10 what a generator returns is the result, what it yields are chunks', () => {
  expect(
    sync(function* () {
      yield 1;
      yield 2;
      return 'end';
    }),
  ).toEqual({ result: 'end', chunks: [1, 2] });
});

test('2.10 a generator that returns null has the result null', () => {
  expect(
    sync(function* () {
      yield 1;
      return null;
    }),
  ).toEqual({ result: null, chunks: [1] });
});

test('2.10 a generator that returns nothing gives its chunks: texts joined, else a list', () => {
  expect(
    sync(function* () {
      yield 'Hello ';
      yield 'Ada';
    }),
  ).toEqual({ result: 'Hello Ada', chunks: ['Hello ', 'Ada'] });
  expect(
    sync(function* () {
      yield 'a';
      yield 1;
    }),
  ).toEqual({ result: ['a', 1], chunks: ['a', 1] });
  expect(sync(function* () {})).toEqual({ result: undefined, chunks: [] });
});

test('2.10 async generators keep the same rules', async () => {
  expect(
    await later(async function* () {
      yield 'a';
      yield 'b';
    }),
  ).toEqual({ result: 'ab', chunks: ['a', 'b'] });
  expect(
    await later(async function* () {
      yield 'a';
      return 7;
    }),
  ).toEqual({ result: 7, chunks: ['a'] });
  expect(
    await later(async function* () {
      yield* [1, 2];
    }),
  ).toEqual({ result: [1, 2], chunks: [1, 2] });
});

test('2.10 an iterator and an async iterable that are no generators are streams, too', async () => {
  expect(sync(() => [1, 2][Symbol.iterator]())).toEqual({ result: [1, 2], chunks: [1, 2] });
  const iterable = {
    [Symbol.asyncIterator]: () => {
      let n = 0;
      return {
        next: async () => (n < 2 ? { done: false, value: n++ } : { done: true, value: undefined }),
      };
    },
  };
  expect(await later(() => iterable)).toEqual({ result: [0, 1], chunks: [0, 1] });
});

test('2.10 an async iterator that answers without a promise is read as for await reads it', async () => {
  const iterable = {
    [Symbol.asyncIterator]: () => {
      let n = 0;
      return { next: () => (n < 2 ? { done: false, value: n++ } : { done: true, value: 'end' }) };
    },
  };
  expect(await later(() => iterable)).toEqual({ result: 'end', chunks: [0, 1] });
});

test('2.10 a web stream gives chunks', async () => {
  expect(
    await later(() => new Response('stream').body?.pipeThrough(new TextDecoderStream())),
  ).toEqual({
    result: 'stream',
    chunks: ['stream'],
  });
});

test('2.10 a web stream without async iteration gives chunks', async () => {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue('a');
      controller.enqueue('b');
      controller.close();
    },
  });
  const plain = { getReader: () => stream.getReader() };
  expect(await later(() => plain)).toEqual({ result: 'ab', chunks: ['a', 'b'] });
});

test('2.10 a promise of a stream is a stream', async () => {
  expect(await later(async () => of(1, 2))).toEqual({ result: 2, chunks: [1, 2] });
  expect(
    await later(async () =>
      (async function* () {
        yield 'a';
        yield 'b';
      })(),
    ),
  ).toEqual({
    result: 'ab',
    chunks: ['a', 'b'],
  });
  expect(
    await later(async () => new Response('x').body?.pipeThrough(new TextDecoderStream())),
  ).toEqual({
    result: 'x',
    chunks: ['x'],
  });
});

test.each<[string, Reduce, unknown]>([
  ['last', 'last', 'c'],
  ['concat', 'concat', 'abc'],
  ['collect', 'collect', ['a', 'b', 'c']],
  ['a function', (chunks: readonly string[]) => chunks.length, 3],
])('2.10 reduce: %s overrides, for every kind of stream', async (_, reduce, result) => {
  const kinds: Handler<unknown>[] = [
    () => of('a', 'b', 'c'),
    function* () {
      yield* ['a', 'b', 'c'];
      return 'returned';
    },
    async function* () {
      yield* ['a', 'b', 'c'];
      return 'returned';
    },
    async () => of('a', 'b', 'c'),
    () => from(['a', 'b', 'c']),
  ];
  for (const kind of kinds)
    expect(await later(kind, reduce)).toEqual({ result, chunks: ['a', 'b', 'c'] });
});

test('2.10 reduce does not touch a plain value or a promise of one', async () => {
  expect(sync(() => 'x', 'collect')).toEqual({ result: 'x', chunks: [] });
  expect(await later(async () => 'x', 'collect')).toEqual({ result: 'x', chunks: [] });
});

test('2.10 collect and concat of an empty stream are empty', () => {
  expect(sync(() => from([]), 'collect').result).toEqual([]);
  expect(sync(() => from([]), 'concat').result).toBe('');
});

test('2.10 a reduce function that throws fails the step', () => {
  const failed = atOnce(
    flowOf(
      () => of(1),
      () => {
        throw new Error('no sum');
      },
    ),
    {},
  );
  expect(errorOf(failed).errors[0]?.message).toBe('Step "a" failed: no sum (step-failed)');
});

test('2.10 a stream that fails fails the step; its chunks stand', async () => {
  const boom = new Error('boom');
  const kinds: Handler<unknown>[] = [
    () =>
      concat(
        of(1),
        throwError(() => boom),
      ),
    function* () {
      yield 1;
      throw boom;
    },
    async function* () {
      yield 1;
      throw boom;
    },
    async () =>
      concat(
        of(1),
        throwError(() => boom),
      ),
  ];
  for (const kind of kinds) {
    const failed = await told(kind);
    expect(chunksOf(failed, 'a')).toEqual([1]);
    expect(errorOf(failed).errors[0]).toMatchObject({ code: 'step-failed', cause: boom });
  }
});

test('2.10 a then, a subscribe or an iterator that throws fails the step', async () => {
  const throwing = () => {
    throw new Error('bad protocol');
  };
  const kinds: Handler<unknown>[] = [
    // biome-ignore lint/suspicious/noThenProperty: a promise of another make is what this is about
    () => ({ then: throwing }),
    () => ({ subscribe: throwing }),
    () => ({ [Symbol.asyncIterator]: throwing }),
    () => ({ next: throwing, [Symbol.iterator]: () => undefined }),
    () => ({ [Symbol.asyncIterator]: () => ({ next: throwing }) }),
    () => ({ getReader: throwing }),
  ];
  for (const kind of kinds) {
    expect(errorOf(await told(kind)).errors[0]?.message).toBe(
      'Step "a" failed: bad protocol (step-failed)',
    );
    const run = flowOf(kind).start({});
    let isComplete = false;
    await rejection(run.result);
    run.events$.subscribe({
      next: ({ type }) => expect(type).not.toBe('STEP_LATE'),
      complete: () => {
        isComplete = true;
      },
    });
    expect(isComplete).toBe(true);
  }
});

test('2.10 a locked web stream fails the step', async () => {
  const stream = new Response('x').body as ReadableStream;
  stream.getReader();
  expect(FlowError.is(await rejection(flowOf(() => stream).complete({})), 'run-failed')).toBe(true);
});

test('2.13 results and chunks are frozen, whatever they came from', () => {
  const result = { deep: { list: [1] } };
  sync(() => result);
  expect(Object.isFrozen(result.deep.list)).toBe(true);
  const chunk = { n: 1 };
  sync(() => of(chunk));
  expect(Object.isFrozen(chunk)).toBe(true);
});

test('2.10 a stream that never ends does not keep others from their result', () => {
  const flow = new Flow('endless');
  flow.step('endless', () => NEVER, {});
  const b = flow.step('b', () => 1, {});
  const run = flow.output({ b: b.out }).start({});
  expect(run.getSnapshot().steps).toMatchObject({
    endless: { status: 'running' },
    b: { status: 'success' },
  });
  run.cancel();
});

test('2.10 a stream is subscribed once', () => {
  let subscriptions = 0;
  const source = new Observable<number>((out) => {
    subscriptions++;
    out.next(1);
    out.complete();
  });
  sync(() => source);
  expect(subscriptions).toBe(1);
});

test('2.10 of all that a thenable says, the first thing counts, as with a promise', async () => {
  type Settle = (value: unknown) => void;
  const say = (then: (resolve: Settle, reject: Settle) => void) => () => ({ then });
  const late = of('late');
  const cases = [
    say((resolve) => resolve('once')),
    say((resolve) => {
      resolve('once');
      throw new Error('after');
    }),
    say((resolve) => {
      resolve(Promise.resolve('once'));
      throw new Error('after');
    }),
    say((resolve, reject) => {
      resolve(Promise.resolve('once'));
      reject(new Error('after'));
    }),
    say((resolve) => {
      resolve(Promise.resolve('once'));
      resolve(late);
    }),
  ];
  for (const run of cases) expect(await later(run)).toEqual({ result: 'once', chunks: [] });
});
