/** The ways to run a flow: as a cold stream of events, of its output, or as a promise. */
import { isObservable, Observable, type Subscriber, type Subscription } from 'rxjs';
import { FlowError } from '../errors.ts';
import type { FlowEvent } from '../state/event.ts';
import { Fold } from '../state/reduce.ts';
import type { Snapshot } from '../state/snapshot.ts';
import type { Plan } from '../wire/plan.ts';
import { subscribeTo } from '../wire/subscribe.ts';
import { cancelledError } from './changes.ts';
import { Execution } from './execution.ts';
import type { RunOptions } from './options.ts';
import { newRun, type Prepared, type RunnableFlow } from './prepare.ts';
import type { Listener } from './setup.ts';

/** Who wants a run. */
export interface Audience {
  /** The run is prepared, and begins now. */
  listen(prepared: Prepared): Listener;
  /** It cannot be prepared. */
  error(error: FlowError): void;
}

/** A run on its way: being prepared, or running. */
export class Launched {
  execution: Execution | undefined;
  private preparing: Subscription | undefined;
  private readonly plan: Plan;
  private readonly audience: Audience;

  constructor(plan: Plan, audience: Audience) {
    this.plan = plan;
    this.audience = audience;
  }

  /** Runs what is prepared, as soon as it is: at once where no saver takes its time. */
  launch(prepared: Prepared | Observable<Prepared>): void {
    if (!isObservable(prepared)) {
      this.begin(prepared);
      return;
    }
    subscribeTo(
      prepared,
      {
        next: (ready) => this.begin(ready),
        error: (error: unknown) => this.audience.error(this.unprepared(error)),
      },
      (subscription) => {
        this.preparing = subscription;
      },
    );
  }

  cancel(reason?: unknown): void {
    const { execution, preparing } = this;
    if (execution) execution.cancel(reason);
    else if (preparing && !preparing.closed) {
      preparing.unsubscribe();
      this.audience.error(cancelledError(this.plan.definition.id, reason));
    }
  }

  unsubscribe(): void {
    this.cancel();
  }

  private begin(prepared: Prepared): void {
    const listener = this.audience.listen(prepared);
    const setup = prepared.setup((change) => this.execution?.tellRun(change));
    this.execution = new Execution(this.plan, prepared.options, listener, setup);
    this.execution.begin(prepared.input);
  }

  private unprepared(error: unknown): FlowError {
    if (FlowError.is(error)) return error;
    return new FlowError(
      'saver-failed',
      `The saver failed before the run of "${this.plan.definition.id}" could start: ${String((error as Error | null)?.message ?? error)}`,
      { cause: error },
    );
  }
}

/** Cold: each subscription is a run of its own, and unsubscribing cancels it. */
const cold = <T>(
  flow: RunnableFlow,
  input: unknown,
  options: RunOptions,
  reader: (out: Subscriber<T>) => Audience,
): Observable<T> =>
  new Observable((out) => {
    const launched = new Launched(flow.plan, reader(out));
    // First: the first events may cancel it.
    out.add(launched);
    launched.launch(newRun(flow, input, options));
  });

export const eventsOf = (
  flow: RunnableFlow,
  input: unknown,
  options: RunOptions,
): Observable<FlowEvent> => cold(flow, input, options, (out) => new EventReader(out));

/** Nobody hears the events, and so none are made. */
export const outputOf = (
  flow: RunnableFlow,
  input: unknown,
  options: RunOptions,
): Observable<unknown> =>
  cold(flow, input, options, (out) => new OutputReader(out, flow.plan, options));

/** Whoever has unsubscribed is told nothing, not even of the end. */
class Reader<T> implements Pick<Listener, 'error'> {
  protected readonly out: Subscriber<T>;

  constructor(out: Subscriber<T>) {
    this.out = out;
  }

  listen(): this {
    return this;
  }

  error(error: FlowError): void {
    if (!this.out.closed) this.out.error(error);
  }
}

class EventReader extends Reader<FlowEvent> implements Listener {
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

class OutputReader extends Reader<unknown> implements Listener {
  private readonly plan: Plan;
  private readonly options: RunOptions;

  constructor(out: Subscriber<unknown>, plan: Plan, options: RunOptions) {
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
    `The run "${id}" of "${plan.definition.id}" waits for answers to: ${open.join(', ')}. ${saver ? `Give them with flow.resume("${id}", { answers: { [path]: value } })` : 'Nothing can answer it: start it with flow.start(), which stays open for run.answer(path, value), or give it a saver and resume it'}`,
    { issues: open.map((path) => ({ path, message: JSON.stringify(questions[path]) ?? '' })) },
  );
}
