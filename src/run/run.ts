/** A run that is under way whether or not anyone looks: its events, its state, its output, and what it can be told. */
import { filter, map, Observable, ReplaySubject } from 'rxjs';
import { FlowError, suggestion } from '../errors.ts';
import { type FlowEvent, isFinal } from '../state/event.ts';
import { explain } from '../state/explain.ts';
import { emptySnapshot, reduce, type Snapshot } from '../state/snapshot.ts';
import { restart } from '../wire/channel.ts';
import { schedulerClock } from '../wire/clock.ts';
import type { Plan } from '../wire/plan.ts';
import { Execution } from './execution.ts';
import { checkOptions, newRunId, type RunOptions } from './options.ts';

type Unsubscribe = () => void;

export class Run<Output> {
  readonly id: string;
  /** Everything that happens, from the first event on, for every subscriber. It completes after the final event; a failure is one of the events. */
  readonly events$: Observable<FlowEvent>;
  /** The state now, then after each change. The same state is the same object. It completes with the run and never errors. */
  readonly state$: Observable<Snapshot>;
  /** The output, once; a run that fails or is cancelled errors with a FlowError. */
  readonly output$: Observable<Output>;
  private readonly plan: Plan;
  private readonly execution: Execution;
  private readonly told: FlowEvent[] = [];
  private readonly live = new ReplaySubject<FlowEvent>();
  private readonly outcome = new ReplaySubject<unknown>(1);
  private snapshot: Snapshot;
  private folded = 0;
  private promise: Promise<Output> | undefined;

  constructor(plan: Plan, hash: () => string, input: unknown, options: RunOptions) {
    checkOptions(options, plan);
    this.plan = plan;
    this.id = options.id ?? newRunId((options.clock ?? schedulerClock).now());
    let flow: Snapshot['flow'] | undefined;
    this.snapshot = emptySnapshot(this.id, {
      id: plan.definition.id,
      // The hash of a large flow takes its time: it is made when somebody reads it.
      get hash() {
        flow ??= { id: plan.definition.id, hash: hash() };
        return flow.hash;
      },
    });
    this.events$ = this.live.asObservable();
    this.output$ = this.outcome.asObservable() as Observable<Output>;
    this.state$ = new Observable((out) => {
      let last = this.getSnapshot();
      out.next(last);
      return this.live.subscribe({
        next: () => {
          const now = this.getSnapshot();
          if (now === last || out.closed) return;
          last = now;
          out.next(now);
        },
        complete: () => out.complete(),
      });
    });
    this.execution = new Execution(
      plan,
      { ...options, id: this.id },
      {
        event: (event) => {
          this.told.push(event);
          this.live.next(event);
        },
        output: (output) => {
          this.outcome.next(output);
          this.outcome.complete();
        },
        error: (error) => this.outcome.error(error),
        silent: () => this.live.complete(),
      },
    );
    this.execution.begin(input);
  }

  /** The output, as a promise. Made when it is asked for: a failure that nobody asks about is no unhandled rejection. */
  get result(): Promise<Output> {
    this.promise ??= new Promise((resolve, reject) =>
      this.output$.subscribe({ next: resolve, error: reject }),
    );
    return this.promise;
  }

  /** The state now. The same object as long as nothing has changed. */
  readonly getSnapshot = (): Snapshot => {
    for (; this.folded < this.told.length; this.folded++) {
      this.snapshot = reduce(this.snapshot, this.told[this.folded] as FlowEvent);
    }
    return this.snapshot;
  };

  /** Calls back after each change of the state; gives back what ends that. With `getSnapshot` it is what `useSyncExternalStore` takes. */
  readonly subscribe = (listener: () => void): Unsubscribe => {
    let isFirst = true;
    const subscription = this.state$.subscribe(() => {
      if (!isFirst) listener();
      isFirst = false;
    });
    return () => subscription.unsubscribe();
  };

  /** The chunks of the step at a path, from its first one; where an attempt failed, a `Restart` follows (see `isRestart`). */
  chunks$(path: string): Observable<unknown> {
    const node = this.plan.byPath.get(path);
    if (!node && !path.includes('[')) {
      throw new FlowError(
        'invalid-option',
        `The flow "${this.plan.definition.id}" has no step "${path}".${suggestion(path, this.plan.byPath.keys())}`,
      );
    }
    const own = this.pathsOf(path);
    return this.events$.pipe(
      filter(
        (event) =>
          own.has(event.path) && (event.type === 'STEP_CHUNK' || event.type === 'STEP_RETRY'),
      ),
      map((event) =>
        event.type === 'STEP_CHUNK'
          ? event.chunk
          : restart((event as { attempt: number }).attempt + 1),
      ),
    );
  }

  /** A flow used as a step has the chunks of the steps that its outputs read. */
  private pathsOf(path: string): ReadonlySet<string> {
    const close = this.plan.byPath.get(path);
    if (close?.kind !== 'close') return new Set([path]);
    return new Set(
      this.plan.nodes
        .filter((node) => node.kind === 'step' && node.allStreams.includes(close.index))
        .map((node) => node.path),
    );
  }

  /** Ends the run at once: signals abort, timers are cleared, `result` rejects with a FlowError (`cancelled`). */
  cancel(reason?: unknown): void {
    this.execution.cancel(reason);
  }

  /** What became of the step at a path and why, in one sentence. */
  explain(path: string): string {
    if (!this.plan.byPath.has(path) && !(path in this.getSnapshot().steps)) {
      return `The flow "${this.plan.definition.id}" has no step "${path}".${suggestion(path, this.plan.byPath.keys())}`;
    }
    return explain(this.getSnapshot(), path);
  }

  /** Every event, up to the final one. Leaving the loop does not stop the run. */
  async *[Symbol.asyncIterator](): AsyncIterator<FlowEvent> {
    let at = 0;
    let wake: (() => void) | undefined;
    const subscription = this.live.subscribe({ next: () => wake?.(), complete: () => wake?.() });
    try {
      for (;;) {
        while (at < this.told.length) {
          const event = this.told[at++] as FlowEvent;
          yield event;
          if (isFinal(event)) return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (at < this.told.length) resolve();
        });
      }
    } finally {
      subscription.unsubscribe();
    }
  }
}
