/** Small live flows, and what their tests ask of them. */
import { type CompiledFlow, Flow, type FlowEvent, type StepSettings } from 'millrace';
import { map, type Observable, type Observable as Stream, timer } from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { expect } from 'vitest';

export const inVirtualTime = (run: (helpers: RunHelpers) => void): void =>
  new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted)).run(run);

type N = { n: number };

/** One step that takes so many ms, with the settings in question. */
export function work(settings: StepSettings, ms: number | ((n: number) => number) = 3) {
  const flow = new Flow<N>('work');
  const takes = typeof ms === 'number' ? () => ms : ms;
  const step = flow.step(
    'step',
    ({ n }: N) => timer(takes(n)).pipe(map(() => n)),
    { n: flow.input.n },
    settings as never,
  );
  return flow.output({ n: step.out });
}

/** The numbers that come out, in time. */
export const numbers = <I>(flow: CompiledFlow<I, { n: number }>, n: Stream<number>) =>
  flow.live({ n } as never).output$.pipe(map((output) => String((output as N).n)));

/** Keeps what comes. */
export function kept<T>(source: Observable<T>): {
  readonly values: T[];
  readonly ended: { complete?: true; error?: unknown };
  stop(): void;
} {
  const values: T[] = [];
  const ended: { complete?: true; error?: unknown } = {};
  const subscription = source.subscribe({
    next: (value) => void values.push(value),
    error: (error: unknown) => {
      ended.error = error;
    },
    complete: () => {
      ended.complete = true;
    },
  });
  return { values, ended, stop: () => subscription.unsubscribe() };
}

/** Events in short: `2 STEP_OUTPUT step`. */
export const short = ({ version, type, path }: FlowEvent): string => `${version} ${type} ${path}`;
