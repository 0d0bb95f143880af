/** A run that is under way whether or not anyone looks: its events, its state, its output, and what it can be told. */
import {
  concat,
  defer,
  EMPTY,
  filter,
  map,
  Observable,
  ReplaySubject,
  Subject,
  takeWhile,
} from 'rxjs';
import { FlowError, suggestion } from '../errors.ts';
import { type FlowEvent, isFinal } from '../state/event.ts';
import { explain } from '../state/explain.ts';
import { Fold } from '../state/reduce.ts';
import { type Snapshot, stepState } from '../state/snapshot.ts';
import { restart } from '../wire/channel.ts';
import type { Plan } from '../wire/plan.ts';
import { chunkPaths } from './chunk-paths.ts';
import { interoperable, iterate } from './iterate.ts';
import type { Prepared } from './prepare.ts';
import { Launched, suspendedError } from './start.ts';

type Unsubscribe = () => void;

export class Run<Output> {
  readonly id: string;
  /** Everything that happens, from the first event on, for every subscriber. It completes after the final event; a failure is one of the events. */
  readonly events$: Observable<FlowEvent>;
  /** The state now, then after each change. The same state is the same object. It completes with the run and never errors. */
  readonly state$: Observable<Snapshot>;
  /** The output, once; a run that fails, is cancelled or suspended errors with a FlowError. */
  readonly output$: Observable<Output>;
  private readonly plan: Plan;
  private readonly launched: Launched;
  private readonly told: FlowEvent[] = [];
  private readonly heard = new Subject<FlowEvent>();
  private readonly outcome = new ReplaySubject<unknown>(1);
  private snapshot: Snapshot;
  private folded = 0;
  private announced = 0;
  private isAnnouncing = false;
  private isSilent = false;
  private promise: Promise<Output> | undefined;

  /** `pending` is the state until the run is prepared. */
  constructor(
    plan: Plan,
    id: string,
    pending: Snapshot,
    prepared: Prepared | Observable<Prepared>,
  ) {
    this.plan = plan;
    this.id = id;
    this.snapshot = pending;
    this.output$ = this.outcome.asObservable() as Observable<Output>;
    this.events$ = new Observable((out) => {
      // By index: what is told meanwhile is the next in the list.
      for (let i = 0; i < this.announced && !out.closed; i++) out.next(this.told[i] as FlowEvent);
      return this.heard.subscribe(out);
    });
    this.state$ = new Observable((out) => {
      let last: Snapshot | undefined;
      const tell = () => {
        // Until nothing is new: who is told may act on it at once, before it hears of changes.
        for (let now = this.getSnapshot(); now !== last && !out.closed; now = this.getSnapshot()) {
          last = now;
          out.next(now);
        }
      };
      tell();
      return this.heard.subscribe({ next: tell, complete: () => out.complete() });
    });
    interoperable(this, this.events$);
    this.launched = new Launched(plan, {
      listen: ({ options, snapshot }) => {
        this.snapshot = snapshot;
        return {
          event: (event) => {
            this.told.push(event);
            this.announce();
          },
          output: (output) => {
            this.outcome.next(output);
            this.outcome.complete();
          },
          error: (error) => this.outcome.error(error),
          // Without a saver nothing could resume it: then it stays open for answers.
          ...(options.saver && {
            suspended: (questions: Readonly<Record<string, unknown>>) =>
              this.outcome.error(suspendedError(plan, questions, id, options)),
          }),
          silent: () => this.fallSilent(),
        };
      },
      error: (error) => {
        this.outcome.error(error);
        this.fallSilent();
      },
    });
    this.launched.launch(prepared);
  }

  /** One after the other: what is told while an event is announced waits until everybody has heard that one. */
  private announce(): void {
    if (this.isAnnouncing) return;
    this.isAnnouncing = true;
    while (this.announced < this.told.length) {
      this.heard.next(this.told[this.announced++] as FlowEvent);
    }
    this.isAnnouncing = false;
    if (this.isSilent) this.heard.complete();
  }

  private fallSilent(): void {
    this.isSilent = true;
    this.announce();
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
    if (this.folded === this.told.length) return this.snapshot;
    const fold = new Fold(this.snapshot);
    while (this.folded < this.told.length) fold.take(this.told[this.folded++] as FlowEvent);
    this.snapshot = fold.snapshot;
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
  chunks$<Chunk = unknown>(path: string): Observable<Chunk> {
    const paths = chunkPaths(this.plan, path);
    if (!paths && !path.includes('[')) {
      throw new FlowError(
        'invalid-option',
        `The flow "${this.plan.definition.id}" has no step "${path}".${suggestion(path, this.plan.byPath.keys())}`,
      );
    }
    const own = new Set(paths ?? [path]);
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
    ) as Observable<Chunk>;
  }

  /** Ends the run at once: signals abort, timers are cleared, `result` rejects with a FlowError (`cancelled`). */
  cancel(reason?: unknown): void {
    this.launched.cancel(reason);
  }

  /**
   * Answers the question of the step at a path. At once where the schema of the answer is synchronous. Rejects with a FlowError
   * (`invalid-answer`) where nothing is asked there, where it has been answered, or where the schema refuses; then the question stays open.
   */
  async answer(path: string, value: unknown): Promise<void> {
    const execution = this.launched.execution;
    if (!execution || execution.isEnding) {
      throw new FlowError(
        'invalid-answer',
        `The run "${this.id}" is not under way, so "${path}" cannot be answered here. Resume it with flow.resume("${this.id}", { answers })`,
        { path },
      );
    }
    try {
      await execution.questions.answer(path, value);
    } finally {
      // While an answer is checked the run is not suspended.
      execution.look();
    }
  }

  /** What became of the step at a path and why, in one sentence. */
  explain(path: string): string {
    if (!this.plan.byPath.has(path) && !stepState(this.getSnapshot(), path)) {
      return `The flow "${this.plan.definition.id}" has no step "${path}".${suggestion(String(path), this.plan.byPath.keys())}`;
    }
    return explain(this.getSnapshot(), path);
  }

  /** Every event, up to the final one. Leaving the loop does not stop the run. One that could not begin throws why. */
  [Symbol.asyncIterator](): AsyncGenerator<FlowEvent, void, undefined> {
    const failure$ = defer(() => (this.told.length > 0 ? EMPTY : this.outcome));
    const events$ = this.events$.pipe(takeWhile((event) => !isFinal(event), true));
    return iterate(concat(events$, failure$) as Observable<FlowEvent>);
  }
}
