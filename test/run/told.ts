/** What a run told, and questions that tests ask of it. */
import {
  type CompiledFlow,
  emptySnapshot,
  explain,
  FlowError,
  type FlowEvent,
  type RunOptions,
  reduce,
  type Snapshot,
} from 'millrace';
import { map, type Observable, timer } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { expect } from 'vitest';

export interface Told {
  readonly events: FlowEvent[];
  error?: unknown;
  isComplete: boolean;
}

/** Subscribes, and keeps what comes. */
export function listen(run$: Observable<FlowEvent>): Told {
  const told: Told = { events: [], isComplete: false };
  run$.subscribe({
    next: (event) => told.events.push(event),
    error: (error: unknown) => {
      told.error = error;
    },
    complete: () => {
      told.isComplete = true;
    },
  });
  return told;
}

/** Runs a flow whose steps are synchronous. */
export const atOnce = <Input, Output>(
  flow: CompiledFlow<Input, Output>,
  input: Input,
  options?: RunOptions,
): Told => listen(flow.run(input, options));

/** Runs work in RxJS's virtual time: every timer has fired when this returns, and a time is a frame. */
export function inVirtualTime<T>(work: (scheduler: TestScheduler) => T): T {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  return scheduler.run(() => work(scheduler));
}

/** Runs a flow in RxJS's virtual time, to its end. */
export const virtually = <Input, Output>(
  flow: CompiledFlow<Input, Output>,
  input: Input,
  options?: RunOptions,
): Told => inVirtualTime(() => listen(flow.run(input, options)));

/** A handler that gives the value after so many frames. */
export const after =
  <T>(ms: number, value: T) =>
  (): Observable<T> =>
    timer(ms).pipe(map(() => value));

/** A handler that fails, after so many frames where they are given. */
export const failing =
  (message = 'boom', ms?: number) =>
  (): Observable<number> | number => {
    if (ms === undefined) throw new Error(message);
    return timer(ms).pipe(
      map((): number => {
        throw new Error(message);
      }),
    );
  };

/** How each step ended, by path. A step that ended twice is an error. */
export function endings({ events }: Told): Record<string, string> {
  const ends: Record<string, string> = {};
  for (const event of events) {
    if (event.type !== 'STEP_OUTPUT' && event.type !== 'STEP_SKIP') continue;
    if (event.path in ends) throw new Error(`"${event.path}" ended twice`);
    ends[event.path] =
      event.type === 'STEP_SKIP' ? event.reason : event.error ? 'failure' : 'success';
  }
  return ends;
}

/** When each step started, by path. A step that started twice is an error. */
export function starts({ events }: Told): Record<string, number> {
  const started: Record<string, number> = {};
  for (const { type, path, t } of events) {
    if (type !== 'STEP_START') continue;
    if (path in started) throw new Error(`"${path}" started twice`);
    started[path] = t;
  }
  return started;
}

export const lines = ({ events }: Told): string[] =>
  events.map(({ type, path }) => (path ? `${type} ${path}` : type));

export const chunksOf = ({ events }: Told, path: string): unknown[] =>
  events.flatMap((event) =>
    event.type === 'STEP_CHUNK' && event.path === path ? [event.chunk] : [],
  );

/** The output of a run that succeeded. */
export function outputOf({ events, error }: Told): unknown {
  if (error) throw error;
  const last = events.at(-1);
  if (last?.type !== 'FLOW_OUTPUT') throw new Error(`the run ended in ${last?.type ?? 'nothing'}`);
  return last.output;
}

/** The error of a run that failed. */
export function errorOf({ error }: Told, code?: Parameters<typeof FlowError.is>[1]): FlowError {
  if (FlowError.is(error, code)) return error;
  throw new Error(`no FlowError${code ? ` (${code})` : ''}, but: ${String(error)}`);
}

export const stateOf = ({ events }: Told): Snapshot =>
  events.reduce(reduce, emptySnapshot('run', { id: 'flow', hash: '' }));

export const explained = (told: Told, path: string): string => explain(stateOf(told), path);

/** The error of a promise that must reject. */
export const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => Promise.reject(new Error('it did not reject')),
    (error: unknown) => error,
  );
