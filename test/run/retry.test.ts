import {
  type Clock,
  defineStep,
  Flow,
  FlowError,
  type StepContext,
  type StepOptions,
} from 'millrace';
import { type Observable, throwError, timer } from 'rxjs';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import {
  atOnce,
  endings,
  errorOf,
  failing,
  outputOf,
  starts,
  type Told,
  virtually,
} from './told.ts';

/** A handler that fails so many times, each after `ms`, then gives the number of its attempt. */
const failingTimes = (times: number, ms = 0) => {
  let attempt = 0;
  return (): Observable<number> | number => {
    if (++attempt <= times)
      return timer(ms).pipe(() => failing(`no ${attempt}`, ms)() as Observable<number>);
    return attempt;
  };
};

function flowOf(times: number, retry: NonNullable<StepOptions['retry']>, ms = 0) {
  const flow = new Flow('retried');
  const a = flow.step('a', failingTimes(times, ms), {}, { retry });
  return flow.output({ a: a.out });
}

const retries = ({ events }: Told) =>
  events.flatMap((event) =>
    event.type === 'STEP_RETRY' ? [[event.attempt, event.delay, event.t]] : [],
  );

test('3.3 retry: a failed attempt is tried again, count times', () => {
  const told = atOnce(flowOf(2, { count: 2 }, undefined as never), {});
  void told;
  const twice = virtually(flowOf(2, { count: 2 }), {});
  expect(outputOf(twice)).toEqual({ a: 3 });
  expect(twice.events.find(({ type }) => type === 'STEP_OUTPUT')).toMatchObject({ attempts: 3 });
  const thrice = virtually(flowOf(3, { count: 2 }), {});
  expect(errorOf(thrice).errors[0]).toMatchObject({ attempt: 3, path: 'a' });
  expect(errorOf(thrice).errors[0]?.message).toBe(
    'Step "a" failed in attempt 3: no 3 (step-failed)',
  );
});

test('3.3 retry: count 0 is no retry', () => {
  expect(retries(virtually(flowOf(1, { count: 0 }), {}))).toEqual([]);
});

test('3.3 retry: without a delay a synchronous step stays synchronous', () => {
  let attempt = 0;
  const flow = new Flow('sync');
  const a = flow.step(
    'a',
    () => {
      if (++attempt < 4) throw new Error('again');
      return attempt;
    },
    {},
    { retry: { count: 5 } },
  );
  expect(outputOf(atOnce(flow.output({ a: a.out }), {}))).toEqual({ a: 4 });
});

test('3.3 retry: fixed delays, exact to the frame', () => {
  const told = virtually(flowOf(3, { count: 3, delay: 100 }, 10), {});
  expect(retries(told)).toEqual([
    [1, 100, 10],
    [2, 100, 120],
    [3, 100, 230],
  ]);
  expect(told.events.at(-1)?.t).toBe(330);
});

test('3.3 retry: exponential delays double, up to maxDelay', () => {
  const told = virtually(
    flowOf(5, { count: 5, delay: 100, backoff: 'exponential', maxDelay: 450 }),
    {},
  );
  expect(retries(told).map(([, delay]) => delay)).toEqual([100, 200, 400, 450, 450]);
  expect(told.events.at(-1)?.t).toBe(1600);
});

test('3.3 retry: jitter takes up to its share of the delay away', () => {
  const random = vi.spyOn(Math, 'random');
  for (const [value, delay] of [
    [0, 1000],
    [0.5, 750],
    [0.999, 500.5],
  ] as const) {
    random.mockReturnValue(value);
    const told = virtually(flowOf(1, { count: 1, delay: 1000, jitter: 0.5 }), {});
    expect(retries(told)[0]?.[1]).toBeCloseTo(delay, 5);
  }
  random.mockRestore();
});

test('3.3 retry: a delay of 40 days is waited for, not cut off by the limit of timers', () => {
  const days = 40 * 24 * 3600 * 1000;
  const told = virtually(flowOf(1, { count: 1, delay: days }), {});
  expect(told.events.at(-1)?.t).toBe(days);
});

test('3.3 retry: when decides by the error that was thrown and the attempt', () => {
  const seen: unknown[] = [];
  const flow = new Flow('when');
  let attempt = 0;
  flow.step(
    'a',
    () => {
      throw new TypeError(`no ${++attempt}`);
    },
    {},
    {
      retry: {
        count: 10,
        when: (error, n) => {
          seen.push([(error as Error).constructor.name, (error as Error).message, n]);
          return n < 3;
        },
      },
    },
  );
  atOnce(flow.output({}), {});
  expect(attempt).toBe(3);
  expect(seen).toEqual([
    ['TypeError', 'no 1', 1],
    ['TypeError', 'no 2', 2],
    ['TypeError', 'no 3', 3],
  ]);
});

test('3.3 retry: a when that throws fails the step with that error', () => {
  const flow = new Flow('bad-when');
  const a = flow.step(
    'a',
    failing('root'),
    {},
    {
      retry: {
        count: 3,
        when: () => {
          throw new Error('bad when');
        },
      },
    },
  );
  const told = atOnce(flow.output({ a: a.out }), {});
  expect(errorOf(told).errors[0]?.message).toContain('bad when');
  expect(endings(told)).toEqual({ a: 'failure' });
});

test('3.4 violations of a schema are not retried unless when says so', () => {
  let calls = 0;
  const step = defineStep({
    output: z.number(),
    run: () => (++calls > 2 ? calls : ('text' as never)),
  });
  const run = (retry: NonNullable<StepOptions['retry']>) => {
    calls = 0;
    const flow = new Flow('violation');
    const a = flow.step('a', step, {}, { retry });
    return atOnce(flow.output({ a: a.out }), {});
  };
  expect(errorOf(run({ count: 5 })).errors[0]?.code).toBe('invalid-result');
  expect(calls).toBe(1);
  expect(
    outputOf(run({ count: 5, when: (error) => FlowError.is(error, 'invalid-result') })),
  ).toEqual({ a: 3 });
});

test('3.4 params that violate the schema are not retried', () => {
  const flow = new Flow('params');
  const source = flow.step('source', () => 'text' as unknown as number, {});
  const step = defineStep({ input: z.object({ n: z.number() }), run: ({ n }) => n });
  flow.step('a', step, { n: source.out }, { retry: { count: 5 } });
  const told = atOnce(flow.output({}), {});
  expect(retries(told)).toEqual([]);
  expect(endings(told)['a']).toBe('failure');
});

test('3.4 a cancelled run is not retried: its timer is cleared', () => {
  let calls = 0;
  const flow = new Flow('cancelled');
  flow.step(
    'a',
    () => {
      calls++;
      throw new Error('no');
    },
    {},
    { retry: { count: 5, delay: 20 } },
  );
  const run = flow.output({}).start({});
  expect(run.explain('a')).toBe(
    '"a" waits for its next attempt; attempt 1 failed: Step "a" failed: no (step-failed).',
  );
  run.cancel();
  expect(process.getActiveResourcesInfo()).not.toContain('Timeout:retry');
  expect(calls).toBe(1);
  expect(run.getSnapshot()).toMatchObject({
    status: 'cancelled',
    steps: { a: { status: 'cancelled' } },
  });
});

test('3.5 a run that is cancelled by whoever hears of a retry leaves no timer for it', () => {
  const flow = new Flow('cancelled');
  flow.step('a', failing(), {}, { retry: { count: 5, delay: 60_000 } });
  const timers = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    after(_, callback) {
      timers.add(callback);
      return () => timers.delete(callback);
    },
  };
  const abort = new AbortController();
  const run$ = flow.output({}).run({}, { clock, signal: abort.signal });
  run$.subscribe({
    next: ({ type }) => type === 'STEP_RETRY' && abort.abort(),
    error: () => undefined,
  });
  expect(abort.signal.aborted).toBe(true);
  expect(timers.size).toBe(0);
});

test('3.3 retry: attempts see their number and the same idempotency key', () => {
  const seen: [number, string][] = [];
  const flow = new Flow('context');
  flow.step(
    'a',
    (_: unknown, { attempt, idempotencyKey }: StepContext) => {
      seen.push([attempt, idempotencyKey]);
      if (attempt < 3) throw new Error('again');
    },
    {},
    { retry: { count: 5 } },
  );
  atOnce(flow.output({}), {}, { id: 'run1' });
  expect(seen).toEqual([
    [1, 'run1:a'],
    [2, 'run1:a'],
    [3, 'run1:a'],
  ]);
});

test('3.4 steps that do not need the retried one go on meanwhile; those that do wait', () => {
  const flow = new Flow('meanwhile');
  const a = flow.step('a', failingTimes(1), {}, { retry: { count: 1, delay: 100 } });
  const b = flow.step('b', () => timer(10), {});
  flow.step('c', () => 1, {}, { after: [b] });
  flow.step('d', () => 1, {}, { after: [a] });
  expect(starts(virtually(flow.output({}), {}))).toEqual({ a: 0, b: 0, c: 10, d: 100 });
});

test('3.3 retry of a stream tells the chunks of every attempt', () => {
  let attempt = 0;
  const flow = new Flow('stream');
  const a = flow.step(
    'a',
    function* () {
      yield ++attempt;
      if (attempt < 3) throw new Error('torn');
    },
    {},
    { retry: { count: 5 } },
  );
  const told = atOnce(flow.output({ a: a.out }), {});
  expect(
    told.events.flatMap((event) => (event.type === 'STEP_CHUNK' ? [event.chunk] : [])),
  ).toEqual([1, 2, 3]);
  expect(outputOf(told)).toEqual({ a: [3] });
});

test('3.3 retry of a flow used as a step runs the whole flow again', () => {
  let attempt = 0;
  const inner = new Flow('inner');
  const before = inner.step('before', () => ++attempt, {});
  const x = inner.step(
    'x',
    ({ n }: { n: number }) => (n < 3 ? throwError(() => new Error('again')) : [n]),
    {
      n: before.out,
    },
  );
  const flow = new Flow('outer');
  const sub = flow.step('sub', inner.output({ x: x.out }), {}, { retry: { count: 5 } });
  const told = atOnce(flow.output({ x: sub.out.x }), {});
  expect(outputOf(told)).toEqual({ x: [3] });
  expect(retries(told)).toHaveLength(2);
});
