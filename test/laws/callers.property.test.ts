import fc from 'fast-check';
import { Observable, Subject, takeUntil } from 'rxjs';
import { expect, test, vi } from 'vitest';
import { Flow, type FlowEvent } from '../../src/index.ts';
import {
  type Attempt,
  attemptAt,
  type Caller,
  chunkOf,
  expectedLines,
  type Limits,
  type Line,
  resultOf,
} from './callers.ts';
import { TestClock } from './clock.ts';
import { patience, runs } from './runs.ts';

vi.setConfig({ testTimeout: patience });

// No two instants are the same but those that follow from each other.
let count = 0;
const apart = (ms: number): number => {
  count = (count + 1) % 100_000;
  return ms + count / 2 ** 20;
};
const after = (least: number, most: number): fc.Arbitrary<number> =>
  fc.integer({ min: least, max: most }).map(apart);
const maybe = <T>(value: fc.Arbitrary<T>, freq = 2): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq });

const attempt: fc.Arbitrary<Attempt> = fc.record({
  chunks: fc.array(after(1, 8), { maxLength: 3 }).map((all) => all.sort((a, b) => a - b)),
  ends: fc.oneof(fc.constant(0), after(9, 30)),
  fails: fc.boolean(),
});

const caller: fc.Arbitrary<Caller> = fc
  .record({
    at: after(1, 30),
    cancelled: maybe(after(1, 60)),
    cutAt: maybe(fc.integer({ min: 1, max: 9 })),
    n: fc.nat({ max: 3 }),
    attempts: fc.array(attempt, { minLength: 1, maxLength: 4 }),
    fallback: attempt,
  })
  .map((made) => ({ ...made, cancelled: made.cancelled && made.at + made.cancelled }));

const limits: fc.Arbitrary<Limits> = fc.record({
  retry: maybe(
    fc.record({
      count: fc.nat({ max: 3 }),
      delay: fc.oneof(fc.constant(0), after(1, 10)),
      backoff: fc.constantFrom('fixed', 'exponential'),
      maxDelay: fc.constantFrom(1000, 7.5),
    }),
  ),
  timeout: maybe(
    fc.record(
      { attempt: after(1, 26), total: after(1, 51), idle: after(1, 16) },
      { requiredKeys: [] },
    ),
  ),
  hasFallback: fc.boolean(),
  concurrency: maybe(fc.integer({ min: 1, max: 3 })),
  cache: maybe(
    fc.record({ ttl: after(1, 40), max: fc.integer({ min: 1, max: 3 }) }, { requiredKeys: [] }),
  ),
});

function work(
  clock: TestClock,
  caller: number,
  call: number,
  { chunks, ends, fails }: Attempt,
): Observable<string> {
  return new Observable((out) => {
    const last = () => {
      if (fails) out.error(new Error('it fails'));
      else {
        out.next(resultOf(caller, call));
        out.complete();
      }
    };
    chunks.forEach((ms, i) => {
      const chunk = () => out.next(chunkOf(caller, call, i));
      if (ends === 0) chunk();
      else out.add(clock.after(ms, chunk));
    });
    if (ends === 0) last();
    else out.add(clock.after(ends, last));
  });
}

interface Params {
  readonly n: number;
  readonly caller: number;
}

/** The flow of one step that all callers run. */
function flowOf(callers: readonly Caller[], limits: Limits, clock: TestClock) {
  const { hasFallback, cache, retry, timeout, concurrency } = limits;
  const flow = new Flow<Params>('called');
  const { n, caller } = flow.input;
  const fallback = (_: unknown, params: unknown) => {
    const { caller: id } = params as Params;
    return work(clock, id, 0, (callers[id] as Caller).fallback);
  };
  const step = flow.step(
    'step',
    ({ caller: id }: Params, { attempt: call }) =>
      work(clock, id, call, attemptAt(callers[id] as Caller, call)),
    { n, caller },
    {
      ...(retry && { retry }),
      ...(timeout && { timeout }),
      ...(concurrency && { concurrency }),
      ...(cache && { cache: { ...cache, key: (params: Params) => String(params.n) } }),
      ...(hasFallback && { fallback: fallback as never }),
    } as object,
  );
  return flow.output({ step: step.out });
}

function lineOf(event: FlowEvent): string | undefined {
  switch (event.type) {
    case 'STEP_START':
      return 'start';
    case 'STEP_CHUNK':
      return `chunk ${event.chunk}`;
    case 'STEP_RETRY':
      return `retry ${event.attempt} after ${event.delay} ${event.error.code}`;
    case 'STEP_OUTPUT':
      return `${event.error?.code ?? event.output} in ${event.attempts}`;
    default:
      return event.path === '' ? undefined : event.type;
  }
}

function toldLines(callers: readonly Caller[], limits: Limits) {
  const clock = new TestClock();
  const flow = flowOf(callers, limits, clock);
  const lines = callers.map((): Line[] => []);
  const left = new Set(callers);
  callers.forEach((caller, id) => {
    const { at, cancelled, cutAt, n } = caller;
    const stop = new Subject<void>();
    const own = lines[id] as Line[];
    const cut = () => {
      left.delete(caller);
      stop.next();
    };
    const next = (event: FlowEvent) => {
      const text = lineOf(event);
      if (text && own.push({ t: event.t, text }) === cutAt) cut();
    };
    const end = () => left.delete(caller);
    clock.after(at, () => {
      const run$ = flow.run({ n, caller: id }, { clock }).pipe(takeUntil(stop));
      run$.subscribe({ next, error: end, complete: end });
    });
    if (cancelled !== undefined) clock.after(cancelled, cut);
  });
  clock.runTo();
  return { lines, running: left.size, pending: clock.pending };
}

const show = (all: readonly (readonly Line[])[]): readonly string[] =>
  all.flatMap((lines, id) => lines.map(({ t, text }) => `${id}: ${text} at ${t}`));

test('3.3-3.5: runs that share a step, its limit and its cache, with any settings, each cancelled at any moment, do what a sequential reading says, to the instant', () => {
  fc.assert(
    fc.property(fc.array(caller, { minLength: 1, maxLength: 7 }), limits, (callers, given) => {
      const { lines, running, pending } = toldLines(callers, given);
      expect(show(lines)).toEqual(show(expectedLines(callers, given)));
      expect({ running, pending }).toEqual({ running: 0, pending: 0 });
    }),
    runs<[Caller[], Limits]>(3000),
  );
});
