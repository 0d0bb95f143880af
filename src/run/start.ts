/** The ways to run a prepared run: as a cold stream of events, of its output, or as a promise. */
import { Observable, type Subscription } from 'rxjs';
import { FlowError } from '../errors.ts';
import type { Change, FlowEvent } from '../state/event.ts';
import { Fold } from '../state/reduce.ts';
import type { Snapshot } from '../state/snapshot.ts';
import type { Plan } from '../wire/plan.ts';
import { subscribeTo } from '../wire/subscribe.ts';
import { cancelledError } from './changes.ts';
import { Execution } from './execution.ts';
import type { RunOptions } from './options.ts';
import type { Prepared } from './prepare.ts';
import type { Listener } from './setup.ts';

/** A run on its way: being prepared, or running. */
export interface Launched {
  execution(): Execution | undefined;
  cancel(reason?: unknown): void;
}

/**
 * Runs what is prepared, as soon as it is: at once where no saver takes its time. `take` gets hold of the run before it begins: its first
 * events may cancel it.
 */
export function launch(
  plan: Plan,
  prepared$: Observable<Prepared>,
  listen: (prepared: Prepared) => Listener,
  failed: (error: FlowError) => void,
  take?: (launched: Launched) => void,
): Launched {
  let execution: Execution | undefined;
  let preparing: Subscription | undefined;
  const launched: Launched = {
    execution: () => execution,
    cancel: (reason) => {
      if (execution) execution.cancel(reason);
      else if (preparing && !preparing.closed) {
        preparing.unsubscribe();
        failed(cancelledError(plan.definition.id, reason));
      }
    },
  };
  take?.(launched);
  const tell = (change: Change) => execution?.tellRun(change);
  subscribeTo(
    prepared$,
    {
      next: (prepared) => {
        execution = new Execution(plan, prepared.options, listen(prepared), prepared.setup(tell));
        execution.begin(prepared.input);
      },
      error: (error: unknown) =>
        failed(
          FlowError.is(error)
            ? error
            : new FlowError(
                'saver-failed',
                `The saver failed before the run of "${plan.definition.id}" could start: ${String((error as Error | null)?.message ?? error)}`,
                { cause: error },
              ),
        ),
    },
    (subscription) => {
      preparing = subscription;
    },
  );
  return launched;
}

/** Cold: each subscription is a run of its own, and unsubscribing cancels it. */
export const eventsOf = (plan: Plan, prepare: () => Observable<Prepared>): Observable<FlowEvent> =>
  new Observable((out) => {
    const listener: Listener = {
      // Whoever has unsubscribed is told nothing, not even of the end.
      event: (event) => out.closed || out.next(event),
      output: () => out.complete(),
      error: (error) => out.closed || out.error(error),
      suspended: () => out.complete(),
    };
    launch(
      plan,
      prepare(),
      () => listener,
      listener.error,
      (run) => out.add(() => run.cancel()),
    );
  });

/** Cold. Nobody hears the events, and so none are made. */
export const outputOf = (plan: Plan, prepare: () => Observable<Prepared>): Observable<unknown> =>
  new Observable((out) => {
    const listen = ({ options }: Prepared): Listener => ({
      output: (output) => {
        out.next(output);
        out.complete();
      },
      error: (error) => out.closed || out.error(error),
      suspended: (questions) => out.error(suspendedError(plan, questions, options)),
    });
    const failed = (error: FlowError) => out.closed || out.error(error);
    launch(plan, prepare(), listen, failed, (run) => out.add(() => run.cancel()));
  });

export interface Completed<Output> {
  readonly runId: string;
  readonly output: Output;
  /** The state at the end; put together when it is read. */
  readonly snapshot: Snapshot;
}

export const completed = <Output>(
  plan: Plan,
  prepared$: Observable<Prepared>,
): Promise<Completed<Output>> =>
  new Promise((resolve, reject) => {
    const listen = (prepared: Prepared): Listener => {
      const told: FlowEvent[] = [];
      const runId = prepared.options.id as string;
      let snapshot: Snapshot | undefined;
      return {
        event: (event) => {
          if (event.type !== 'STEP_CHUNK') told.push(event);
        },
        output: (output) =>
          resolve({
            runId,
            output: output as Output,
            get snapshot() {
              if (snapshot) return snapshot;
              const fold = new Fold(prepared.snapshot);
              for (const event of told) fold.take(event);
              snapshot = fold.snapshot;
              return snapshot;
            },
          }),
        error: reject,
        suspended: (questions) => reject(suspendedError(plan, questions, prepared.options)),
      };
    };
    launch(plan, prepared$, listen, reject);
  });

/** The error of whoever waits for an output that only answers can bring. */
export function suspendedError(
  plan: Plan,
  questions: Readonly<Record<string, unknown>>,
  { id, saver }: RunOptions,
): FlowError {
  const open = Object.keys(questions).sort();
  return new FlowError(
    'suspended',
    `The run "${id}" of "${plan.definition.id}" waits for answers to: ${open.join(', ')}. ${saver ? `Give them with flow.resume("${id}", { answers: { [path]: value } })` : 'Nothing can answer it: start it with flow.start(), which stays open for run.answer(path, value), or give it a saver and resume it'}`,
    { issues: open.map((path) => ({ path, message: JSON.stringify(questions[path]) ?? '' })) },
  );
}
