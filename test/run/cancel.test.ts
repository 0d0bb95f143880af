import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  each,
  Flow,
  FlowError,
  type FlowEvent,
  type Run,
  repeat,
  type StepContext,
} from 'millrace';
import { config, interval, Observable, timer } from 'rxjs';
import { afterEach, expect, test, vi } from 'vitest';
import { inVirtualTime, lines, listen, rejection } from './told.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

afterEach(() => {
  config.onStoppedNotification = null;
});

/** A promise and what settles it. */
function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** A step holding each kind of thing: a fetch, a timer, a child flow with one, and a promise that hears nothing. */
function holding(url: string, deaf: Promise<unknown>) {
  const inner = new Flow('inner');
  inner.step('ticks', () => interval(3), {});
  const compiled = inner.output({});
  const flow = new Flow('holding');
  flow.step(
    'fetch',
    async (_: unknown, { signal }: StepContext) => (await fetch(url, { signal })).text(),
    {},
  );
  flow.step('timer', () => timer(60_000), {});
  flow.step(
    'retried',
    () => Promise.reject(new Error('again')),
    {},
    { retry: { count: 9, delay: 60_000 } },
  );
  flow.step(
    'limited',
    () => timer(60_000),
    {},
    { timeout: { attempt: 60_000, total: 60_000, idle: 60_000 } },
  );
  flow.step('child', compiled, {});
  flow.step('apart', compiled, {}, { timeout: { total: 60_000 } });
  flow.step('each', each(compiled), { items: [{}, {}] });
  flow.step('deaf', () => deaf, {});
  return flow.output({});
}

/** A server that never answers, and tells of its sockets. */
async function silentServer() {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}/` };
}

test('3.5 unsubscribing 1 ms into a run stops everything that its steps hold', async () => {
  const { server, url } = await silentServer();
  const deaf = deferred<string>();
  const before = timers();
  const late: unknown[] = [];
  config.onStoppedNotification = (notification) => late.push(notification);
  const arrived = once(server, 'request');
  const subscription = holding(url, deaf.promise).run({}).subscribe();
  const [request] = (await arrived) as [
    { socket: { once(name: string, listener: () => void): void } },
  ];
  await new Promise((resolve) => setTimeout(resolve, 1));
  const closed = new Promise<void>((resolve) => request.socket.once('close', resolve));
  subscription.unsubscribe();
  expect(timers()).toBeLessThanOrEqual(before);
  await closed;
  deaf.resolve('nobody hears this');
  await turn();
  // RxJS reports what comes too late in a timer.
  await new Promise((resolve) => setTimeout(resolve));
  expect(late).toEqual([]);
  server.close();
});

test('3.5 a hot run that is cancelled settles at once; what the deaf step delivers is told as STEP_LATE', async () => {
  const { server, url } = await silentServer();
  const deaf = deferred<string>();
  const before = timers();
  const arrived = once(server, 'request');
  const run = holding(url, deaf.promise).start({});
  const told = listen(run.events$);
  const [request] = (await arrived) as [
    { socket: { once(name: string, listener: () => void): void } },
  ];
  const closed = new Promise<void>((resolve) => request.socket.once('close', resolve));
  const result = rejection(run.result);
  run.cancel('enough');
  const status = run.getSnapshot();
  expect(status.status).toBe('cancelled');
  expect(Object.values(status.steps).map((step) => step.status)).not.toContain('running');
  expect(FlowError.is(await result, 'cancelled')).toBe(true);
  expect(lines(told).at(-1)).toBe('FLOW_CANCEL');
  expect(told.isComplete).toBe(false);
  expect(timers()).toBeLessThanOrEqual(before);
  await closed;
  await turn();
  deaf.resolve('too late');
  await turn();
  expect(told.events.at(-1)).toMatchObject({ type: 'STEP_LATE', path: 'deaf', value: 'too late' });
  expect(lines(told).slice(-2)).toEqual(['FLOW_CANCEL', 'STEP_LATE deaf']);
  expect(told.isComplete).toBe(true);
  expect(run.getSnapshot()).toBe(status);
  server.close();
});

test('3.5 cancelling twice, or after the end, changes nothing', () => {
  const flow = new Flow('twice');
  flow.step('a', () => new Promise(() => undefined), {});
  const run = flow.output({}).start({});
  run.cancel('first');
  const told = listen(run.events$);
  run.cancel('second');
  expect(lines(told)).toEqual(['FLOW_START', 'STEP_START a', 'FLOW_CANCEL']);
  expect(told.events.at(-1)).toMatchObject({
    reason: { code: 'cancelled', cause: { message: 'first' } },
  });
});

const kinds: [string, (context: StepContext) => unknown][] = [
  ['a promise', () => new Promise(() => undefined)],
  ['an Observable', () => interval(1000)],
  ['a promise of an Observable', async () => interval(1000)],
  [
    'an async generator',
    async function* () {
      yield 1;
      await new Promise(() => undefined);
    },
  ],
  [
    'a promise of an async generator',
    async () =>
      (async function* () {
        yield 1;
        await new Promise(() => undefined);
      })(),
  ],
  ['a web stream', () => new ReadableStream({ pull: () => new Promise(() => undefined) })],
  [
    'a promise of a web stream',
    async () => new ReadableStream({ pull: () => new Promise(() => undefined) }),
  ],
];

test.each(kinds)(
  '3.5 %s that is at work is stopped: its signal aborts, the run settles, no timer is left',
  async (_, work) => {
    for (const settings of [{}, { retry: { count: 1 } }, { timeout: { attempt: 60_000 } }]) {
      const before = timers();
      let signal: AbortSignal | undefined;
      const flow = new Flow('stopped');
      flow.step(
        'a',
        (_: unknown, context: StepContext) => {
          signal = context.signal;
          return work(context);
        },
        {},
        settings,
      );
      const run = flow.output({}).start({});
      await turn();
      run.cancel();
      expect(signal?.aborted).toBe(true);
      expect((signal?.reason as Error | undefined)?.name).toBe('AbortError');
      expect(run.getSnapshot()).toMatchObject({
        status: 'cancelled',
        steps: { a: { status: 'cancelled' } },
      });
      expect(timers()).toBeLessThanOrEqual(before);
    }
  },
);

test('3.5 events$ of a cancelled run completes when nobody can be late any more', async () => {
  const heeding = (signal: AbortSignal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const works: ((context: StepContext) => unknown)[] = [
    () => interval(1000),
    async () => interval(1000),
    ({ signal }) => heeding(signal),
    async function* ({ signal }) {
      yield await heeding(signal);
    },
    async ({ signal }) =>
      (async function* () {
        yield await heeding(signal);
      })(),
    async function* ({ signal }) {
      await heeding(signal).catch(() => undefined);
    },
    () => new ReadableStream({ pull: () => new Promise(() => undefined) }),
    async () => new ReadableStream({ pull: () => new Promise(() => undefined) }),
  ];
  for (const [i, work] of works.entries()) {
    for (const settings of [{}, { retry: { count: 1, when: () => false } }]) {
      const flow = new Flow('silent');
      flow.step('a', (_: unknown, context: StepContext) => work(context), {}, settings);
      const run = flow.output({}).start({});
      const told = listen(run.events$);
      await turn();
      run.cancel();
      await turn();
      expect([i, told.isComplete, lines(told).at(-1)]).toEqual([i, true, 'FLOW_CANCEL']);
    }
  }
});

test('3.5 what a deaf async generator still yields, returns or throws is told as late', async () => {
  const gates = [deferred<void>(), deferred<void>(), deferred<void>()] as const;
  const flow = new Flow('late');
  flow.step(
    'yields',
    async function* () {
      await gates[0].promise;
      yield 'chunk';
      yield 'never asked for';
    },
    {},
  );
  flow.step(
    'returns',
    // biome-ignore lint/correctness/useYield: it returns without a chunk
    async function* () {
      await gates[1].promise;
      return 'result';
    },
    {},
  );
  flow.step(
    'throws',
    // biome-ignore lint/correctness/useYield: it throws before its first chunk
    async function* () {
      await gates[2].promise;
      throw new Error('late error');
    },
    {},
  );
  const run = flow.output({}).start({});
  const told = listen(run.events$);
  await turn();
  run.cancel();
  for (const gate of gates) {
    expect(told.isComplete).toBe(false);
    gate.resolve();
    await turn();
  }
  expect(
    told.events.flatMap((event) =>
      event.type === 'STEP_LATE' ? [[event.path, event.value ?? event.error?.message]] : [],
    ),
  ).toEqual([
    ['yields', 'chunk'],
    ['returns', 'result'],
    ['throws', 'late error'],
  ]);
  expect(told.isComplete).toBe(true);
});

test('3.5 events$ of a run whose steps failed asynchronously completes, with and without settings', async () => {
  for (const settings of [
    {},
    { retry: { count: 1 } },
    { fallback: 1 },
    { timeout: { attempt: 1000 } },
  ]) {
    const flow = new Flow('failed');
    flow.step('a', async () => Promise.reject(new Error('no')), {}, settings);
    flow.step(
      'b',
      async () => {
        throw new Error('no');
      },
      {},
      settings,
    );
    const run = flow.output({}).start({});
    const told = listen(run.events$);
    await run.result;
    expect(told.isComplete).toBe(true);
    expect(lines(told).at(-1)).toBe('FLOW_OUTPUT');
  }
});

test('3.5 a step that heeds its signal is not told as late, whatever AbortError it throws', async () => {
  const errors = [
    (signal: AbortSignal) => signal.reason as unknown,
    () => new DOMException('other', 'AbortError'),
  ];
  for (const error of errors) {
    const flow = new Flow('heeds');
    flow.step(
      'a',
      (_: unknown, { signal }: StepContext) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(error(signal)))),
      {},
    );
    const run = flow.output({}).start({});
    const told = listen(run.events$);
    run.cancel();
    await turn();
    expect(lines(told)).toEqual(['FLOW_START', 'STEP_START a', 'FLOW_CANCEL']);
    expect(told.isComplete).toBe(true);
  }
});

test('3.5 what is deaf below a step is told at its own path', async () => {
  const deaf = deferred<string>();
  const inner = new Flow('inner');
  inner.step('x', () => deaf.promise, {});
  const compiled = inner.output({});
  const flow = new Flow('outer');
  flow.step('sub', compiled, {});
  flow.step('apart', compiled, {}, { retry: { count: 1 } });
  flow.step('list', each(compiled), { items: [{}] });
  flow.step(
    'loop',
    repeat(() => deaf.promise, { while: () => false, max: 2 }),
    {},
  );
  const run = flow.output({}).start({});
  const told = listen(run.events$);
  run.cancel();
  deaf.resolve('late');
  await turn();
  expect(
    told.events.flatMap(({ type, path }) => (type === 'STEP_LATE' ? [path] : [])).sort(),
  ).toEqual(['apart.x', 'list[0].x', 'loop[0]', 'sub.x']);
  expect(told.events.map(({ seq }) => seq)).toEqual(told.events.map((_, i) => i));
  expect(told.isComplete).toBe(true);
});

test('3.5 a handler that cancels its own run is stopped like any other', async () => {
  for (const settings of [{}, { retry: { count: 1 } }]) {
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const flow = new Flow('own');
    flow.step(
      'a',
      (_: unknown, context: StepContext) => {
        signal = context.signal;
        controller.abort();
        return interval(1000);
      },
      {},
      settings,
    );
    const before = timers();
    const told = listen(flow.output({}).run({}, { signal: controller.signal }));
    expect(lines(told)).toEqual(['FLOW_START', 'STEP_START a', 'FLOW_CANCEL']);
    expect(signal?.aborted).toBe(true);
    expect(timers()).toBeLessThanOrEqual(before);
  }
});

test('3.5 a handler that cancels its own run, and is deaf to that, is waited for wherever it runs', async () => {
  type Code = (params: unknown, context: StepContext) => unknown;
  const inner = (code: Code) => {
    const flow = new Flow('inner');
    const wait = flow.step('wait', () => timer(1), {});
    flow.step('x', code, {}, { after: [wait] });
    return flow.output({});
  };
  const secondAttempt = (code: Code) => (params: unknown, context: StepContext) => {
    if (context.attempt === 1) throw new Error('again');
    return code(params, context);
  };
  const places: [string, (flow: Flow<unknown>, code: Code) => void][] = [
    ['sub.x', (flow, code) => flow.step('sub', inner(code), {})],
    ['sub.x', (flow, code) => flow.step('sub', inner(code), {}, { retry: { count: 1 } })],
    ['list[0].x', (flow, code) => flow.step('list', each(inner(code)), { items: [{}] })],
    ['list[1]', (flow, code) => flow.step('list', each(code), { items: timer(1, 1) })],
    [
      'a',
      (flow, code) => flow.step('a', secondAttempt(code), {}, { retry: { count: 1, delay: 1 } }),
    ],
  ];
  for (const [path, make] of places) {
    const deaf = deferred<string>();
    const flow = new Flow('own');
    let run: Run<unknown> | undefined;
    make(flow, (_, context) => {
      if (context.path !== path) return 0;
      run?.cancel('enough');
      return deaf.promise;
    });
    run = flow.output({}).start({});
    const told = listen(run.events$);
    await rejection(run.result);
    expect([path, told.isComplete]).toEqual([path, false]);
    deaf.resolve('late');
    await turn();
    expect(lines(told).slice(-2)).toEqual(['FLOW_CANCEL', `STEP_LATE ${path}`]);
    expect(told.isComplete).toBe(true);
  }
});

test('3.5 a step that waits for its schema, its place or its retry is cancelled, too', async () => {
  const slow = deferred<{ value: object }>();
  const flow = new Flow('waiting');
  const calls: string[] = [];
  flow.step(
    'schema',
    {
      handler: () => calls.push('schema'),
      input: { '~standard': { version: 1, vendor: 'x', validate: () => slow.promise } },
    } as never,
    {},
  );
  flow.step('first', () => timer(60_000), {}, { concurrency: 1 });
  const compiled = flow.output({});
  const before = timers();
  const [one, two] = [compiled.start({}), compiled.start({})];
  two.cancel();
  one.cancel();
  slow.resolve({ value: {} });
  await turn();
  expect(calls).toEqual([]);
  expect(timers()).toBeLessThanOrEqual(before);
  for (const run of [one, two]) expect(lines(listen(run.events$)).at(-1)).toBe('FLOW_CANCEL');
});

test('3.5 unsubscribing in the middle of synchronous steps below a step stops there', () => {
  const calls: string[] = [];
  const inner = new Flow('inner');
  const x = inner.step('x', () => calls.push('x'), {});
  inner.step('y', () => calls.push('y'), {}, { after: [x] });
  const compiled = inner.output({});
  const flow = new Flow('outer');
  flow.step('apart', compiled, {}, { retry: { count: 1 } });
  flow.step('list', each(compiled), { items: [{}, {}] });
  for (const [path, expected] of [
    ['apart.x', 0],
    ['apart.y', 1],
    ['list[0].y', 3],
    ['list[1].x', 4],
  ] as const) {
    calls.length = 0;
    const abort = new AbortController();
    flow
      .output({})
      .run({}, { signal: abort.signal })
      .subscribe({
        next: (event) => {
          if (event.type === 'STEP_START' && event.path === path) abort.abort();
        },
        error: () => undefined,
      });
    expect([path, calls.length]).toEqual([path, expected]);
  }
});

test('3.5 in virtual time: cancelling clears every timer at once', () => {
  inVirtualTime((scheduler) => {
    const flow = new Flow('virtual');
    flow.step('a', () => interval(10), {}, { timeout: { attempt: 500, idle: 20 } });
    const run = flow.output({}).start({});
    const told = listen(run.events$);
    timer(35).subscribe(() => run.cancel());
    scheduler.flush();
    expect(told.events.at(-1)).toMatchObject({ type: 'FLOW_CANCEL', t: 35 });
    expect(scheduler.frame).toBeLessThan(100);
  });
});

test('3.5 a web stream that waits for a chunk is cancelled, with everything behind it', async () => {
  for (const isPromise of [false, true]) {
    const cancelled: unknown[] = [];
    const flow = new Flow('stream');
    const stream = () =>
      new ReadableStream({
        pull: () => new Promise(() => undefined),
        cancel: () => {
          cancelled.push('cancelled');
        },
      });
    flow.step('a', isPromise ? async () => stream() : stream, {});
    const run = flow.output({}).start({});
    await turn();
    run.cancel();
    await turn();
    expect(cancelled).toEqual(['cancelled']);
  }
});

/** What is told of a run whose only step ends it by the signal of the run, and then does what `next` says. */
function endedByItself(next: (context: StepContext) => unknown) {
  const stop = new AbortController();
  const flow = new Flow('ended');
  flow.step(
    'a',
    (_: unknown, context: StepContext) => {
      const { signal } = context;
      stop.abort('enough');
      expect(signal.aborted).toBe(true);
      return next(context);
    },
    {},
  );
  const events: FlowEvent[] = [];
  let isComplete = false;
  flow
    .output({})
    .start({}, { signal: stop.signal })
    .events$.subscribe({
      next: (event) => events.push(event),
      complete: () => {
        isComplete = true;
      },
    });
  return {
    types: () => events.map(({ type }) => type),
    last: () => events.at(-1),
    isComplete: () => isComplete,
  };
}

const upToTheEnd = ['FLOW_START', 'STEP_START', 'FLOW_CANCEL'];

test('3.5 a handler that ends the run itself sees its signal abort at once, and what it returns is told as late', () => {
  const { types, last, isComplete } = endedByItself(() => 7);
  expect(types()).toEqual([...upToTheEnd, 'STEP_LATE']);
  expect(last()).toMatchObject({ type: 'STEP_LATE', path: 'a', value: 7 });
  expect(isComplete()).toBe(true);
});

test('3.5 what a handler throws after it has ended the run is told as late, unless it heeds its signal', () => {
  const thrown = endedByItself(() => {
    throw new Error('after all');
  });
  expect(thrown.types()).toEqual([...upToTheEnd, 'STEP_LATE']);
  expect(thrown.last()).toMatchObject({ error: { message: 'after all' } });
  const heeded = endedByItself(({ signal }) => signal.throwIfAborted());
  expect(heeded.types()).toEqual(upToTheEnd);
  expect(heeded.isComplete()).toBe(true);
});

test('3.5 the promise of a handler that has ended the run is waited for, and told as late', async () => {
  const { promise, resolve } = deferred<number>();
  const { types, last, isComplete } = endedByItself(() => promise);
  expect(types()).toEqual(upToTheEnd);
  resolve(7);
  await turn();
  expect(last()).toMatchObject({ type: 'STEP_LATE', path: 'a', value: 7 });
  expect(types()).toEqual([...upToTheEnd, 'STEP_LATE']);
  expect(isComplete()).toBe(true);
});

test('3.5 the stream of a handler that has ended the run is never subscribed to', () => {
  let subscribed = 0;
  const { types } = endedByItself(() => new Observable(() => void subscribed++));
  expect([subscribed, types()]).toEqual([0, upToTheEnd]);
});

test('3.1 the signal of a plain handler that throws aborts, so that what it left behind ends', () => {
  let left: AbortSignal | undefined;
  const flow = new Flow('failing');
  flow.step(
    'a',
    (_: unknown, { signal }: StepContext) => {
      left = signal;
      throw new Error('no');
    },
    {},
  );
  flow.output({}).start({});
  expect(left?.aborted).toBe(true);
});

test.each([
  ['a plain step', {}],
  ['a step with settings', { retry: { count: 1 } }],
])(
  '3.5 what the teardown of %s throws is told as late: it keeps nothing else from being stopped',
  async (_, settings) => {
    const flow = new Flow('closing');
    const teardown = () => {
      throw new Error('cannot close');
    };
    flow.step('broken', () => new Observable<string>(() => teardown), {}, settings);
    let signal: AbortSignal | undefined;
    flow.step(
      'waits',
      (_: unknown, context: StepContext) => {
        signal = context.signal;
        return new Promise(() => undefined);
      },
      {},
    );
    const error = vi.fn();
    const run = flow.output({}).start({}, { logger: { ...console, error } });
    const told: FlowEvent[] = [];
    run.events$.subscribe((event) => told.push(event));
    run.cancel('enough');
    expect(signal?.aborted).toBe(true);
    expect(await rejection(run.result)).toMatchObject({ code: 'cancelled' });
    const late = told.find(({ type }) => type === 'STEP_LATE');
    expect(late).toMatchObject({ path: 'broken', error: { name: 'UnsubscriptionError' } });
    expect(JSON.stringify(late)).toContain('cannot close');
    expect(error).toHaveBeenCalledOnce();
  },
);

test('3.5 a logger that throws keeps nothing from being stopped, nor the run from its end', async () => {
  const broken = (): never => {
    throw new Error('full disk');
  };
  const logger = { debug: broken, info: broken, warn: broken, error: broken };
  const flow = new Flow('deaf');
  const stopped: string[] = [];
  for (const id of ['a', 'b']) {
    const code = (_: object, { log }: StepContext) => {
      log.info('at work');
      return new Observable(() => () => {
        stopped.push(id);
        throw new Error('teardown');
      });
    };
    flow.step(id, code, {});
  }
  const run = flow.output({}).start({}, { logger });
  run.cancel();
  expect(await rejection(run.result)).toMatchObject({ code: 'cancelled' });
  expect(stopped).toEqual(['a', 'b']);
});
