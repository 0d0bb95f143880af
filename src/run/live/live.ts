/** A flow kept running on changing inputs. */
import { fromEvent, Observable, Subject, type Subscriber, share } from 'rxjs';
import { FlowError } from '../../errors.ts';
import { checkInputNames } from '../../graph/check-input.ts';
import { put } from '../../plain.ts';
import type { FlowEvent } from '../../state/event.ts';
import { reduce } from '../../state/reduce.ts';
import { changed, emptySnapshot, type FlowIdentity, type Snapshot } from '../../state/snapshot.ts';
import type { Plan } from '../../wire/plan.ts';
import { interoperable, iterate } from '../iterate.ts';
import { type Inputs, inputsOf, type LiveInputs, partsOf } from './inputs.ts';
import { LiveExecution } from './live-execution.ts';
import type { LiveOptions } from './options.ts';
import type { Values } from './seat.ts';

/**
 * A live flow. It starts when one of its streams is first subscribed to, and stops when nobody is left, when its inputs have completed and
 * all is answered, or by `stop()`. Subscribed to again it starts anew, with what `next()` has set.
 */
export class Live<Input, Output> {
  /** The output of each version that changes it, in the order of versions; a late subscriber gets the last one first. */
  readonly output$: Observable<Output>;
  /** The state now, then after each change. */
  readonly state$: Observable<Snapshot>;
  /** Everything that happens, each event with its version. */
  readonly events$: Observable<FlowEvent>;
  private readonly plan: Plan;
  private readonly identity: FlowIdentity;
  private readonly options: LiveOptions;
  private readonly inputs: Inputs;
  private readonly partials = new Subject<Values>();
  private readonly stops = new Subject<unknown>();
  /** Who wants the outputs. Never changed in place: one may leave, or come, while another is told. */
  private readers: readonly Subscriber<Output>[] = [];
  private readonly events = new Subject<FlowEvent>();
  private readonly core: Observable<never>;
  /** What `next()` has set. Changed in place: there may be thousands of inputs. */
  private readonly given: Record<string, unknown> = {};
  private execution: LiveExecution | undefined;
  /** The last one, where it has ended and nobody has heard how: somebody may look. */
  private unheard: LiveExecution | undefined;
  /** The one that came last: an object by name, where there has been one. */
  private output: Output | undefined;
  private snapshot: Snapshot;
  private hearers = 0;
  /** How much had happened when the snapshot was last made for somebody who does not hear. */
  private lookedAt = -1;

  constructor(plan: Plan, identity: FlowIdentity, inputs: LiveInputs<Input>, options: LiveOptions) {
    this.plan = plan;
    this.identity = identity;
    this.options = options;
    this.inputs = inputsOf(plan.definition, inputs);
    this.snapshot = emptySnapshot(options.id ?? 'live', identity);
    this.core = new Observable<never>((out) => this.start(out)).pipe(share());
    this.output$ = new Observable((out) => {
      // First: what the subscriber does with the last output may bring the next one.
      this.readers = [...this.readers, out];
      out.add(() => {
        this.readers = this.readers.filter((reader) => reader !== out);
      });
      const last = this.execution && this.output;
      this.core.subscribe(out as Subscriber<never>);
      // Last: it may bring about the end.
      if (last) out.next(last);
    });
    this.events$ = new Observable((out) => {
      out.add(this.hear());
      out.add(this.events.subscribe((event) => out.next(event)));
      this.core.subscribe(out as Subscriber<never>);
    });
    this.state$ = new Observable((out) => {
      out.add(this.hear());
      let last: Snapshot | undefined;
      const tell = () => {
        // Until nothing is new: who is told may act on it at once.
        while (this.snapshot !== last && !out.closed) {
          last = this.snapshot;
          out.next(last);
        }
      };
      // One that is under way may be ended by whoever is told: of that it must hear.
      if (!this.execution) tell();
      out.add(this.events.subscribe(tell));
      const complete = () => {
        tell();
        out.complete();
      };
      out.add(this.core.subscribe({ error: (error: unknown) => out.error(error), complete }));
      // It may have begun anew.
      tell();
    });
    interoperable(this, this.output$);
  }

  /**
   * Sets several inputs together: one new version, as soon as every input has a value. Throws a FlowError (`invalid-input`) for what is no
   * object of inputs, or cannot be read; then nothing is set.
   */
  next(partial: Partial<Input>): void {
    const { definition } = this.plan;
    checkInputNames(definition, partial);
    const parts = partsOf(definition, partial);
    for (const name in parts) put(this.given, name, parts[name]);
    this.partials.next(parts);
  }

  /** Ends the live flow: what is at work is cancelled, and its streams complete. */
  stop(reason?: unknown): void {
    this.stops.next(reason);
  }

  /** The state now. The same object as long as nothing has changed. */
  readonly getSnapshot = (): Snapshot => {
    const execution = this.execution ?? this.unheard;
    if (execution && this.hearers === 0 && this.lookedAt !== execution.state.changes) {
      this.listen(execution);
      execution.hear();
      this.lookedAt = execution.state.changes;
    }
    return this.snapshot;
  };

  /** Calls back after each change of the state; gives back what ends that. With `getSnapshot` it is what `useSyncExternalStore` takes. */
  readonly subscribe = (listener: () => void): (() => void) => {
    let isFirst = true;
    const subscription = this.state$.subscribe(() => {
      if (!isFirst) listener();
      isFirst = false;
    });
    return () => subscription.unsubscribe();
  };

  /**
   * Answers the question of the step at a path. Rejects with a FlowError (`invalid-answer`) where nothing is asked there, or where the
   * schema refuses; then the question stays open.
   */
  async answer(path: string, value: unknown): Promise<void> {
    const { execution } = this;
    if (!execution) {
      throw new FlowError(
        'invalid-answer',
        `The live flow of "${this.plan.definition.id}" is not under way, so "${path}" cannot be answered. Subscribe to a stream of it first.`,
        { path },
      );
    }
    const { questions } = execution.state;
    const before = questions.at(path);
    await questions.answer(path, value);
    const next = questions.at(path).at(-1);
    // Another version asks there, too.
    if (next && before.includes(next)) next.tell();
  }

  /** Every output from now on. Leaving the loop unsubscribes. */
  [Symbol.asyncIterator](): AsyncGenerator<Output, void, undefined> {
    return iterate(this.output$);
  }

  private start(out: Subscriber<never>): void {
    let isDone = false;
    // Before anyone is told: they may subscribe again at once.
    const end = (reason?: unknown) => {
      execution.stop(reason);
      if (this.execution !== execution) return;
      this.execution = undefined;
      if (this.hearers === 0) this.unheard = execution;
      this.lookedAt = -1;
    };
    const complete = (reason?: unknown) => {
      end(reason);
      out.complete();
    };
    const error = (reason: unknown) => {
      end();
      out.error(reason);
    };
    const execution = new LiveExecution(this.plan, this.options, {
      output: (output) => {
        this.lookedAt = -1;
        this.output = output as Output;
        for (const reader of this.readers) reader.next(output as Output);
      },
      idle: () => {
        if (isDone) complete();
      },
      error,
    });
    const reader = this.inputs.read(
      { ...this.given },
      {
        push: (input, names) => execution.push(input, names),
        error,
        complete: () => {
          isDone = true;
          if (execution.state.isIdle) complete();
        },
      },
    );
    this.execution = execution;
    this.unheard = undefined;
    this.lookedAt = -1;
    this.output = undefined;
    this.snapshot = emptySnapshot(execution.state.runId, this.identity);
    if (this.hearers > 0) this.listen(execution);
    out.add(reader.subscription);
    out.add(() => end());
    out.add(this.stops.subscribe(complete));
    out.add(this.partials.subscribe((partial) => reader.set(partial)));
    this.heed(out, complete);
    if (!out.closed) reader.start();
  }

  private heed(out: Subscriber<never>, stop: (reason: unknown) => void): void {
    const { signal } = this.options;
    if (!signal) return;
    const abort = () => stop(signal.reason);
    out.add(fromEvent(signal, 'abort').subscribe(abort));
    if (signal.aborted) abort();
  }

  /** Somebody wants to hear the events: only then are they made. */
  private hear(): () => void {
    this.hearers++;
    if (this.hearers === 1 && this.execution) this.listen(this.execution);
    return () => {
      this.hearers--;
      if (this.hearers === 0) this.execution?.hear();
    };
  }

  private listen(execution: LiveExecution): void {
    const empty = emptySnapshot(execution.state.runId, this.identity);
    // The last output is perhaps that of an older version, of which nothing else is told any more.
    this.snapshot = changed(empty, { output: this.output });
    execution.hear((event) => {
      this.snapshot = reduce(this.snapshot, event);
      this.events.next(event);
    });
  }
}
