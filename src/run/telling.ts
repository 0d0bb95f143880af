/** Numbers what happens in a run and tells it: at once, or when the gate lets it pass. */
import { defer, type MonoTypeOperatorFunction, Subject, type Subscription } from 'rxjs';
import { type Change, type FlowEvent, isFinal, summed, type Usage } from '../state/event.ts';
import type { Snapshot } from '../state/snapshot.ts';
import type { Clock } from '../wire/clock.ts';
import type { Listener } from './setup.ts';

export interface TellingOptions {
  readonly runId: string;
  readonly clock: Clock;
  /** The state that a run goes on from. */
  readonly before?: Snapshot | undefined;
  readonly gate?: MonoTypeOperatorFunction<FlowEvent> | undefined;
  readonly listener: Pick<Listener, 'event'>;
  /** The gate has broken: nothing passes any more. */
  readonly broken: (error: unknown) => void;
}

export class Telling {
  /** The counts of all steps so far. */
  usage: Usage | undefined;
  private readonly options: TellingOptions;
  private gate: Subject<FlowEvent> | undefined;
  private subscription: Subscription | undefined;
  /** What follows from events that are on their way through the gate. */
  readonly passing = new Map<number, () => void>();
  private isReporting = false;
  private seq: number;

  constructor(options: TellingOptions) {
    this.options = options;
    const { before } = options;
    this.seq = before ? before.seq + 1 : 0;
    for (const { usage, spent } of Object.values(before?.steps ?? {}))
      this.usage = summed(summed(this.usage, usage), spent);
  }

  /** Opens the gate, where there is one. It may break at once. */
  open(): void {
    const { gate, broken } = this.options;
    if (!gate) return;
    const events$ = new Subject<FlowEvent>();
    this.gate = events$;
    const error = (cause: unknown) => {
      this.close();
      broken(cause);
    };
    this.subscription = defer(() => gate(events$)).subscribe({
      next: (event) => this.passed(event),
      error,
      // Nothing would pass it any more, the end included.
      complete: () => error('it has completed'),
    });
  }

  /** Tells a change, then does what follows from it. The gate may hold both back. */
  tell(path: string, stepId: string, change: Change, then?: () => void, t?: number): void {
    if (change.type === 'STEP_OUTPUT') this.usage = summed(this.usage, change.usage);
    const event = this.event(path, stepId, change, t);
    if (this.gate) {
      if (then) this.passing.set(keyOf(event), then);
      this.gate.next(event);
      return;
    }
    this.options.listener.event?.(event);
    then?.();
  }

  /** Tells at once, whatever the gate says; it learns of it all the same, so that a saver hears of the end. */
  report(path: string, stepId: string, change: Change): void {
    const event = this.event(path, stepId, change);
    if (this.gate) {
      this.isReporting = true;
      this.gate.next(event);
      this.isReporting = false;
    }
    this.options.listener.event?.(event);
  }

  /** Shuts the gate: what it still holds is not told, and what is told from now on does not pass it. */
  close(): void {
    this.gate = undefined;
    this.passing.clear();
    this.subscription?.unsubscribe();
  }

  private passed(event: FlowEvent): void {
    if (this.isReporting) return;
    this.options.listener.event?.(event);
    const key = keyOf(event);
    const then = this.passing.get(key);
    this.passing.delete(key);
    then?.();
  }

  /** The change becomes the event: to copy it takes longer than to make it. */
  private event(path: string, stepId: string, change: Change, t?: number): FlowEvent {
    const { runId, clock } = this.options;
    const event = change as { -readonly [K in keyof FlowEvent]: FlowEvent[K] };
    event.runId = runId;
    event.path = path;
    event.stepId = stepId;
    event.seq = this.seq++;
    event.t = t ?? clock.now();
    return Object.freeze(event as FlowEvent);
  }
}

/** The number of an event; the end of a run has one of its own, as something may still come before it. */
const keyOf = (event: FlowEvent): number => (isFinal(event) ? -1 : event.seq);
