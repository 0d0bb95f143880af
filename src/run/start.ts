/** The ways to run a flow: as a cold stream of events, of its output, or as a promise. */
import { isObservable, Observable, type Subscription, type Unsubscribable } from 'rxjs';
import { FlowError, listed } from '../errors.ts';
import type { FlowEvent } from '../state/event.ts';
import { Fold } from '../state/reduce.ts';
import type { Snapshot } from '../state/snapshot.ts';
import type { Plan } from '../wire/plan.ts';
import { subscribeTo } from '../wire/subscribe.ts';
import { cancelledError, saverFailed } from './changes.ts';
import { Execution } from './execution.ts';
import type { RunOptions } from './options.ts';
import { newRun, type Prepared, type RunnableFlow } from './prepare.ts';
import type { Listener } from './setup.ts';
import type { Out } from './turns.ts';

/** Whoever has a run launched. */
export interface Launcher {
  /** It begins: who hears of it. */
  listen(prepared: Prepared): Listener;
  /** It could not begin, or was cancelled before it did. */
  error(error: FlowError): void;
}

/** A run on its way: being prepared, or running. */
export class Launched implements Unsubscribable {
  execution: Execution | undefined;
  private preparing: Subscription | undefined;
  private readonly plan: Plan;
  private readonly launcher: Launcher;

  constructor(plan: Plan, launcher: Launcher) {
    this.plan = plan;
    this.launcher = launcher;
  }

  /** Runs what is prepared, as soon as it is: at once where no saver takes its time. */
  launch(prepared: Prepared | Observable<Prepared>): void {
    if (!isObservable(prepared)) {
      this.begin(prepared);
      return;
    }
    const what = `saver failed before the run of "${this.plan.definition.id}" could start`;
    const error = (cause: unknown) => this.launcher.error(saverFailed(what, cause));
    subscribeTo(prepared, { next: (ready) => this.begin(ready), error }, (subscription) => {
      this.preparing = subscription;
    });
  }

  unsubscribe(): void {
    this.cancel();
  }

  cancel(reason?: unknown): void {
    const { execution, preparing } = this;
    if (execution) execution.cancel(reason);
    else if (preparing && !preparing.closed) {
      preparing.unsubscribe();
      this.launcher.error(cancelledError(this.plan.definition.id, reason));
    }
  }

  private begin(prepared: Prepared): void {
    const setup = prepared.setup((change) => this.execution?.tellRun(change));
    const listener = this.launcher.listen(prepared);
    this.execution = new Execution(this.plan, prepared.options, listener, setup);
    this.execution.begin(prepared.input);
  }
}

/** Runs for whoever hears of it. Whoever has gone is told nothing, not even of the end. */
abstract class Heard<T> implements Launcher {
  protected readonly out: Out<T>;

  constructor(out: Out<T>) {
    this.out = out;
  }

  error(error: FlowError): void {
    if (!this.out.closed) this.out.error(error);
  }

  listen(): Listener {
    return this;
  }

  abstract output(output: unknown): void;
}

class ToEvents extends Heard<FlowEvent> {
  event(event: FlowEvent): void {
    if (!this.out.closed) this.out.next(event);
  }

  output(): void {
    this.out.complete();
  }

  suspended(): void {
    this.out.complete();
  }
}

/** Nobody hears the events, and so none are made. */
class ToOutput extends Heard<unknown> {
  private readonly plan: Plan;
  private readonly options: RunOptions;

  constructor(out: Out<unknown>, plan: Plan, options: RunOptions) {
    super(out);
    this.plan = plan;
    this.options = options;
  }

  output(output: unknown): void {
    this.out.next(output);
    this.out.complete();
  }

  suspended(questions: Questions, runId: string): void {
    this.out.error(suspendedError(this.plan, questions, runId, this.options));
  }
}

function launch(
  flow: RunnableFlow,
  input: unknown,
  options: RunOptions,
  launcher: Launcher,
  out: Pick<Out<never>, 'add'>,
): void {
  const launched = new Launched(flow.plan, launcher);
  // First: the first events may cancel it.
  out.add(launched);
  launched.launch(newRun(flow, input, options));
}

/** Cold: each subscription is a run of its own, and unsubscribing cancels it. */
export const eventsOf = (
  flow: RunnableFlow,
  input: unknown,
  options: RunOptions,
): Observable<FlowEvent> =>
  new Observable((out) => launch(flow, input, options, new ToEvents(out), out));

export const runForOutput = (
  flow: RunnableFlow,
  input: unknown,
  options: RunOptions,
  out: Out<unknown>,
): void => launch(flow, input, options, new ToOutput(out, flow.plan, options), out);

export interface Completed<Output> {
  readonly runId: string;
  readonly output: Output;
  /** The state at the end; put together when it is read. */
  readonly snapshot: Snapshot;
}

export const completed = <Output>(
  plan: Plan,
  runId: string,
  prepared: Prepared | Observable<Prepared>,
): Promise<Completed<Output>> =>
  new Promise((resolve, reject) => {
    const listen = (ready: Prepared): Listener => {
      const told: FlowEvent[] = [];
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
              const fold = new Fold(ready.snapshot);
              for (const event of told) fold.take(event);
              snapshot = fold.snapshot;
              return snapshot;
            },
          }),
        error: reject,
        suspended: (questions) => reject(suspendedError(plan, questions, runId, ready.options)),
      };
    };
    new Launched(plan, { listen, error: reject }).launch(prepared);
  });

type Questions = Readonly<Record<string, unknown>>;

/** The error of whoever waits for an output that only answers can bring. */
export function suspendedError(
  plan: Plan,
  questions: Questions,
  id: string,
  { saver }: RunOptions,
): FlowError {
  const open = Object.keys(questions).sort();
  return new FlowError(
    'suspended',
    `The run "${id}" of "${plan.definition.id}" waits for answers to: ${listed(open)}. ${saver ? `Give them with flow.resume("${id}", { answers: { [path]: value } })` : 'Start it with flow.start() and use run.answer(path, value), or give it a saver'}`,
    { issues: open.map((path) => ({ path, message: JSON.stringify(questions[path]) ?? '' })) },
  );
}
