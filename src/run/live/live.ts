/** A flow kept running on changing inputs. */
import {
  combineLatest,
  isObservable,
  map,
  merge,
  Observable,
  of,
  Subject,
  type Subscription,
  share,
} from 'rxjs';
import { FlowError } from '../../errors.ts';
import type { FlowEvent } from '../../state/event.ts';
import { emptySnapshot, type FlowIdentity, reduce, type Snapshot } from '../../state/snapshot.ts';
import { fromSubscribable } from '../../wire/consume.ts';
import type { Plan } from '../../wire/plan.ts';
import type { RunOptions } from '../options.ts';
import { LiveExecution } from './live-execution.ts';

/** One Observable of inputs, or for each input an Observable or a value. */
export type LiveInputs<Input> =
  | Observable<Input>
  | { readonly [K in keyof Input]: Observable<Input[K]> | Input[K] };

type Values = Readonly<Record<string, unknown>>;

export interface LiveOptions extends Pick<RunOptions, 'id' | 'concurrency' | 'logger' | 'clock'> {
  /** Whether an input is the same as before, and nothing that reads it need run. Default `Object.is`. */
  readonly equals?: (before: unknown, now: unknown) => boolean;
}

/**
 * A live flow. It starts when one of its streams is first subscribed to, and stops when nobody is left, when its inputs have completed and
 * all is answered, or by `stop()`.
 */
export class Live<Input, Output> {
  /** The output of each version that changes it, in the order of versions; a late subscriber gets the last one first. */
  readonly output$: Observable<Output>;
  /** The state now, then after each change. */
  readonly state$: Observable<Snapshot>;
  /** Everything that happens, each event with its version. */
  readonly events$: Observable<FlowEvent>;
  private readonly partials = new Subject<Values>();
  private readonly stops = new Subject<void>();
  private before: Values = {};
  private execution: LiveExecution | undefined;
  private last: { readonly output: Output } | undefined;
  private snapshot: Snapshot;

  constructor(plan: Plan, identity: FlowIdentity, inputs: LiveInputs<Input>, options: LiveOptions) {
    const empty = emptySnapshot(options.id ?? 'live', identity);
    this.snapshot = empty;
    const outputs = new Subject<Output>();
    const events = new Subject<FlowEvent>();
    let listeners = 0;
    const core = new Observable<never>((out) => {
      let latest: Values = this.before;
      let isDone = false;
      this.snapshot = empty;
      this.last = undefined;
      const execution = new LiveExecution(plan, options, {
        // Events are made only for those who hear them.
        ...(listeners > 0 && {
          event: (event: FlowEvent) => {
            this.snapshot = reduce(this.snapshot, event);
            events.next(event);
          },
        }),
        output: (output) => {
          this.last = { output: output as Output };
          outputs.next(output as Output);
        },
        idle: () => {
          if (isDone) out.complete();
        },
      });
      this.execution = execution;
      const push = (partial: Values) => {
        latest = { ...latest, ...partial };
        execution.push(latest);
      };
      out.add(() => execution.stop());
      out.add(this.stops.subscribe(() => out.complete()));
      out.add(this.partials.subscribe(push));
      const { source, isEndless } = sourceOf(inputs);
      out.add(
        source.subscribe({
          next: push,
          error: (error: unknown) => out.error(error),
          complete: () => {
            isDone = !isEndless;
            if (isDone && execution.isIdle) out.complete();
          },
        }),
      );
    }).pipe(share());
    const listen = <T>(
      subject: Subject<T>,
      hears: boolean,
      current: () => T | undefined,
    ): Observable<T> =>
      new Observable((out) => {
        if (hears) listeners++;
        const now = this.execution ? current() : undefined;
        if (now !== undefined) out.next(now);
        const inner: Subscription = subject.subscribe(out);
        out.add(inner);
        out.add(
          core.subscribe({
            error: (error: unknown) => out.error(error),
            complete: () => out.complete(),
          }),
        );
        out.add(() => {
          if (hears) listeners--;
        });
      });
    this.output$ = listen(outputs, false, () => this.last?.output);
    this.events$ = listen(events, true, () => undefined);
    this.state$ = merge(
      new Observable<Snapshot>((out) => {
        out.next(this.snapshot);
        out.complete();
      }),
      this.events$.pipe(map(() => this.snapshot)),
    );
  }

  /** Sets several inputs together: one new version. */
  next(partial: Partial<Input>): void {
    this.before = { ...this.before, ...partial };
    this.partials.next(partial as Values);
  }

  /** Ends the live flow: what is at work is cancelled, and its streams complete. */
  stop(): void {
    this.stops.next();
  }
}

function sourceOf<Input>(inputs: LiveInputs<Input>): {
  readonly source: Observable<Values>;
  readonly isEndless: boolean;
} {
  if (isSubscribable(inputs))
    return {
      source: fromSubscribable(inputs as Observable<Values>),
      isEndless: false,
    };
  if (typeof inputs !== 'object' || inputs === null) {
    throw new FlowError(
      'invalid-option',
      'live() takes an Observable of inputs, or an object with an Observable or a value for each input.',
    );
  }
  const entries = Object.entries(inputs as Readonly<Record<string, unknown>>);
  if (entries.length === 0) return { source: of({}), isEndless: true };
  const parts = Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      isSubscribable(value) ? fromSubscribable(value as Observable<unknown>) : of(value),
    ]),
  );
  // Values alone never end: they wait for next().
  const isEndless = !entries.some(([, value]) => isSubscribable(value));
  return { source: combineLatest(parts) as Observable<Values>, isEndless };
}

const isSubscribable = (value: unknown): boolean =>
  isObservable(value) || typeof (value as { subscribe?: unknown } | null)?.subscribe === 'function';
