import {
  type CompiledFlow,
  each,
  Flow,
  type FlowError,
  repeat,
  type Step,
  type StepContext,
  type StepOptions,
} from 'millrace';
import { interval, NEVER, Observable, of, take, timer } from 'rxjs';
import { expect, test } from 'vitest';
import {
  after,
  atOnce,
  endings,
  errorOf,
  failing,
  inVirtualTime,
  lines,
  listen,
  outputOf,
  starts,
  virtually,
} from './told.ts';

function flowOf(
  handler: (params: unknown, context: StepContext) => unknown,
  options: StepOptions<unknown>,
) {
  const flow = new Flow('timed');
  const a = flow.step('a', handler, {}, options);
  return flow.output({ a: a.out as never });
}

test('3.3 timeout.attempt: an attempt that takes longer fails at that frame, and its signal aborts', () => {
  let signal: AbortSignal | undefined;
  let isStopped = false;
  const told = virtually(
    flowOf(
      (_, context) => {
        signal = context.signal;
        return new Observable(() => () => {
          isStopped = true;
        });
      },
      { timeout: { attempt: 50 } },
    ),
    {},
  );
  const [error] = errorOf(told).errors;
  expect(error).toMatchObject({ code: 'step-timeout', path: 'a', attempt: 1 });
  expect(error?.message).toContain('Step "a" took longer than 50 ms');
  expect(told.events.at(-1)?.t).toBe(50);
  expect([signal?.aborted, isStopped]).toEqual([true, true]);
});

test('3.3 timeout.attempt: one that is just in time succeeds, and leaves no timer', () => {
  const told = virtually(
    flowOf(after(49, 'x'), { timeout: { attempt: 50, total: 1000, idle: 1000 } }),
    {},
  );
  expect(outputOf(told)).toEqual({ a: 'x' });
  expect(told.events.at(-1)?.t).toBe(49);
});

test('3.3 timeout.attempt: each attempt has its own', () => {
  const told = virtually(
    flowOf(() => NEVER, { timeout: { attempt: 50 }, retry: { count: 2, delay: 10 } }),
    {},
  );
  expect(told.events.flatMap((event) => (event.type === 'STEP_RETRY' ? [event.t] : []))).toEqual([
    50, 110,
  ]);
  expect(errorOf(told).errors[0]).toMatchObject({ code: 'step-timeout', attempt: 3 });
  expect(told.events.at(-1)?.t).toBe(170);
});

test('3.3 timeout.total: attempts and delays together', () => {
  const told = virtually(
    flowOf(failing('again', 30), { timeout: { total: 100 }, retry: { count: 50, delay: 15 } }),
    {},
  );
  expect(told.events.filter(({ type }) => type === 'STEP_RETRY').map(({ t }) => t)).toEqual([
    30, 75,
  ]);
  expect(errorOf(told).errors[0]?.code).toBe('step-timeout');
  expect(errorOf(told).errors[0]?.message).toContain('100 ms');
  expect(told.events.at(-1)?.t).toBe(100);
});

test('3.3 timeout.idle: silence between chunks, counted anew from each', () => {
  const steady = virtually(
    flowOf(() => interval(40).pipe(take(5)), { timeout: { idle: 50 } }),
    {},
  );
  expect(outputOf(steady)).toEqual({ a: 4 });
  const silent = virtually(
    flowOf(() => new Observable((out) => void out.add(timer(40).subscribe((n) => out.next(n)))), {
      timeout: { idle: 50 },
    }),
    {},
  );
  expect(errorOf(silent).errors[0]).toMatchObject({ code: 'step-timeout', path: 'a' });
  expect(errorOf(silent).errors[0]?.message).toContain('told nothing for 50 ms');
  expect(silent.events.at(-1)?.t).toBe(90);
});

test('3.3 timeout.idle: a step that never emits is silent from its start', () => {
  const told = virtually(
    flowOf(() => NEVER, { timeout: { idle: 50 } }),
    {},
  );
  expect(told.events.at(-1)?.t).toBe(50);
});

test('3.3 timeout.idle: of a step that runs others its chunks count, and not who hears of these', () => {
  const inner = new Flow('inner');
  const x = inner.step('x', after(8, 1), {});
  const y = inner.step('y', after(8, 2), {}, { after: [x] });
  const quiet = inner.output({ y: y.out });
  const telling = inner.output({ x: x.out, y: y.out });
  const forever = { while: () => true, max: 3, next: () => ({}) };
  const codes: [Step | CompiledFlow<unknown, unknown>, object, string][] = [
    [quiet, {}, 'step-timeout'],
    [telling, {}, ''],
    [each(after(8, 1), { concurrency: 1 }), { items: [1, 2, 3] }, ''],
    [each(quiet, { concurrency: 1 }), { items: [{}, {}] }, 'step-timeout'],
    [repeat(after(8, 1), forever), {}, ''],
    [repeat(quiet, forever), {}, 'step-timeout'],
  ];
  for (const [code, params, expected] of codes) {
    const flow = new Flow('outer');
    const s = flow.step('s', code as never, params as never, { timeout: { idle: 12 } });
    const outer = flow.output({ s: s.out });
    inVirtualTime(() => {
      const codeOf = (error: unknown) => (error as FlowError).errors[0]?.code;
      const seen: unknown[] = ['', ''];
      outer.run({}).subscribe({ error: (error: unknown) => seen.splice(0, 1, codeOf(error)) });
      of({})
        .pipe(outer.operator())
        .subscribe({ error: (error: unknown) => seen.splice(1, 1, codeOf(error)) });
      timer(100).subscribe(() => expect(seen).toEqual([expected, expected]));
    });
  }
});

test('3.3 timeout: what a deaf promise delivers later is dropped and told as late', async () => {
  let deliver: (value: string) => void = () => undefined;
  const slow = new Promise<string>((resolve) => {
    deliver = resolve;
  });
  let attempt = 0;
  const run = flowOf(
    () =>
      ++attempt === 1
        ? slow
        : new Promise((resolve) => slow.then(() => setImmediate(resolve, 'good'))),
    {
      timeout: { attempt: 5 },
      retry: { count: 1 },
    },
  )
    .with({})
    .start({});
  const told = listen(run.events$);
  await new Promise<void>((resolve) => {
    run.events$.subscribe(({ type }) => {
      if (type === 'STEP_RETRY') resolve();
    });
  });
  deliver('too late');
  await run.result;
  expect(lines(told)).toEqual([
    'FLOW_START',
    'STEP_START a',
    'STEP_RETRY a',
    'STEP_LATE a',
    'STEP_OUTPUT a',
    'FLOW_OUTPUT',
  ]);
  expect(told.events[3]).toMatchObject({ value: 'too late' });
  expect(await run.result).toEqual({ a: 'good' });
});

test('3.3 timeout of a flow used as a step cancels its steps', () => {
  let isStopped = false;
  const inner = new Flow('inner');
  const x = inner.step(
    'x',
    () =>
      new Observable<number>(() => () => {
        isStopped = true;
      }),
    {},
  );
  const flow = new Flow('outer');
  const sub = flow.step('sub', inner.output({ x: x.out }), {}, { timeout: { total: 20 } });
  const told = virtually(flow.output({ x: sub.out.x }), {});
  expect(errorOf(told).errors.map(({ path, code }) => [path, code])).toEqual([
    ['sub', 'step-timeout'],
  ]);
  expect(isStopped).toBe(true);
  expect(endings(told)['sub']).toBe('failure');
});

test('3.3 timeout of 0 ms: a synchronous step is in time, any other is not', () => {
  expect(
    outputOf(
      atOnce(
        flowOf(() => 1, { timeout: { attempt: 0, total: 0, idle: 0 } }),
        {},
      ),
    ),
  ).toEqual({ a: 1 });
  expect(
    errorOf(virtually(flowOf(after(1, 1), { timeout: { attempt: 0 } }), {})).errors[0]?.code,
  ).toBe('step-timeout');
});

test('3.3 all timers go through the clock that a run is given', () => {
  const timers: { ms: number; callback: () => void; isOff: boolean }[] = [];
  let now = 1000;
  const clock = {
    now: () => now,
    after(ms: number, callback: () => void) {
      const timer = { ms, callback, isOff: false };
      timers.push(timer);
      return () => {
        timer.isOff = true;
      };
    },
  };
  const told = listen(
    flowOf(() => NEVER, {
      timeout: { attempt: 50, total: 500, idle: 40 },
      retry: { count: 1, delay: 7 },
    }).run({}, { clock }),
  );
  expect(timers.map(({ ms }) => ms).sort((a, b) => a - b)).toEqual([40, 50, 500]);
  now = 1040;
  timers.find(({ ms }) => ms === 40)?.callback();
  expect(told.events.at(-1)).toMatchObject({ type: 'STEP_RETRY', delay: 7, t: 1040 });
  expect(timers.find(({ ms }) => ms === 50)?.isOff).toBe(true);
  timers.find(({ ms }) => ms === 500)?.callback();
  expect(told.error).toBeDefined();
  expect(timers.filter(({ ms, isOff }) => ms !== 500 && !isOff && ms !== 40)).toEqual([]);
});

test('3.3 two runs under TestScheduler.run do not share their time', () => {
  const frames = [1, 2].map(
    () => virtually(flowOf(after(25, 1), { retry: { count: 1, delay: 5 } }), {}).events.at(-1)?.t,
  );
  expect(frames).toEqual([25, 25]);
});

test('3.3 a flow with Observable steps, retries, delays and timeouts is exact in a marble test', () => {
  inVirtualTime((scheduler) => {
    const flow = new Flow('marbles');
    let attempt = 0;
    const a = flow.step(
      'a',
      () => (++attempt < 3 ? failing('x', 2)() : after(3, 'A')()),
      {},
      { retry: { count: 2, delay: 4 } },
    );
    const b = flow.step('b', () => NEVER, {}, { timeout: { attempt: 7 }, fallback: 'B' });
    const c = flow.step(
      'c',
      ({ a, b }: { a: unknown; b: unknown }) => timer(1).pipe(() => after(1, `${a}${b}`)()),
      {
        a: a.out,
        b: b.out,
      },
    );
    scheduler
      .expectObservable(of({}).pipe(flow.output({ c: c.out }).operator()))
      .toBe('16ms (c|)', { c: { c: 'AB' } });
  });
});

test('3.3 starts of steps after retries are exact', () => {
  const flow = new Flow('exact');
  let attempt = 0;
  const a = flow.step(
    'a',
    () => (++attempt < 3 ? failing('x', 2)() : after(3, 'A')()),
    {},
    { retry: { count: 2, delay: 4 } },
  );
  flow.step('b', () => 1, {}, { after: [a] });
  expect(starts(virtually(flow.output({}), {}))).toEqual({ a: 0, b: 2 + 4 + 2 + 4 + 3 });
});
