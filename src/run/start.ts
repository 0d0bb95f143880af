/** The ways to run a plan: as a cold stream of events, of its output, or as a promise. */
import { Observable } from 'rxjs';
import { FlowError } from '../errors.ts';
import type { FlowEvent } from '../state/event.ts';
import { emptySnapshot, reduce, type Snapshot } from '../state/snapshot.ts';
import type { Plan } from '../wire/plan.ts';
import { Execution } from './execution.ts';
import { checkOptions, type RunOptions } from './options.ts';
import type { Listener } from './setup.ts';

/** Cold: each subscription is a run of its own, and unsubscribing cancels it. */
export const eventsOf = (plan: Plan, input: unknown, options: RunOptions): Observable<FlowEvent> =>
  cold(plan, input, options, (out) => ({
    event: (event) => out.next(event),
    output: () => out.complete(),
    error: (error) => out.error(error),
    suspended: () => out.complete(),
  }));

/** Cold. Nobody hears the events, and so none are made. */
export const outputOf = (plan: Plan, input: unknown, options: RunOptions): Observable<unknown> =>
  cold(plan, input, options, (out) => ({
    output: (output) => {
      out.next(output);
      out.complete();
    },
    error: (error) => out.error(error),
    suspended: (questions) => out.error(suspendedError(plan, questions)),
  }));

function cold<T>(
  plan: Plan,
  input: unknown,
  options: RunOptions,
  listen: (out: {
    next(value: T): void;
    error(error: unknown): void;
    complete(): void;
  }) => Listener,
): Observable<T> {
  checkOptions(options, plan);
  return new Observable((out) => {
    const execution = new Execution(plan, options, listen(out));
    out.add(() => execution.cancel());
    execution.begin(input);
  });
}

export interface Completed<Output> {
  readonly runId: string;
  readonly output: Output;
  /** The state at the end; put together when it is read. */
  readonly snapshot: Snapshot;
}

export function completed<Output>(
  plan: Plan,
  hash: () => string,
  input: unknown,
  options: RunOptions,
): Promise<Completed<Output>> {
  return new Promise((resolve, reject) => {
    checkOptions(options, plan);
    const told: FlowEvent[] = [];
    let snapshot: Snapshot | undefined;
    const execution: Execution = new Execution(plan, options, {
      event: (event) => {
        if (event.type !== 'STEP_CHUNK') told.push(event);
      },
      output: (output) =>
        resolve({
          runId: execution.runId,
          output: output as Output,
          get snapshot() {
            snapshot ??= told.reduce(
              reduce,
              emptySnapshot(execution.runId, { id: plan.definition.id, hash: hash() }),
            );
            return snapshot;
          },
        }),
      error: reject,
      suspended: (questions) => reject(suspendedError(plan, questions, execution.runId)),
    });
    execution.begin(input);
  });
}

/** The error of whoever waits for an output that only answers can bring. */
export function suspendedError(
  plan: Plan,
  questions: Readonly<Record<string, unknown>>,
  runId?: string,
): FlowError {
  const open = Object.keys(questions).sort();
  return new FlowError(
    'suspended',
    `The run${runId === undefined ? '' : ` "${runId}"`} of "${plan.definition.id}" waits for answers to: ${open.join(', ')}. Answer with run.answer(path, value), or later with flow.resume(runId, { answers })`,
    { issues: open.map((path) => ({ path, message: JSON.stringify(questions[path]) ?? '' })) },
  );
}
