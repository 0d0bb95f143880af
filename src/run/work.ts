/** A step at work: one call of its handler, or all attempts that its settings allow. */
import type { Subscription } from 'rxjs';
import type { FlowError } from '../errors.ts';
import { failure, type Outcome, success } from '../state/outcome.ts';
import type { Activity } from '../wire/aside.ts';
import { type Attempted, attempts, type Note } from '../wire/attempt.ts';
import { type Callee, callOnce, type Host, placedError } from '../wire/call.ts';
import type { Sink } from '../wire/consume.ts';
import type { PlanNode } from '../wire/plan.ts';
import type { Handler } from '../wire/step.ts';
import { subscribeTo } from '../wire/subscribe.ts';

/** Who hears what work tells of itself. */
export interface Workplace {
  /** It begins. `go` is called when all who must hear the first chunk are there. */
  begin(work: StepWork, go: () => void): void;
  chunk(work: StepWork, chunk: unknown): void;
  retry(work: StepWork, note: Extract<Note, { note: 'retry' }>): void;
  /** It has ended by itself. */
  end(work: StepWork, outcome: Outcome, attempts: number): void;
}

/** Something at work that can be stopped. */
export abstract class Work {
  closed = false;
  private busy = 0;
  private waiting = 0;

  /** Whether it does nothing but wait for answers. */
  get isBlocked(): boolean {
    return this.waiting > 0 && this.busy === 0;
  }

  note({ busy, waiting }: Activity): void {
    this.busy += busy;
    this.waiting += waiting;
  }

  abstract stop(): void;
}

/** Something that a node waits for before it can begin, such as a schema that takes its time. */
export class Wait extends Work {
  stop(): void {
    this.closed = true;
  }
}

export abstract class StepWork extends Work {
  readonly node: PlanNode;
  readonly params: unknown;
  protected readonly place: Workplace;

  constructor(place: Workplace, node: PlanNode, params: unknown) {
    super();
    this.place = place;
    this.node = node;
    this.params = params;
  }
}

/** A step without settings: its handler, called once. */
export class SimpleWork extends StepWork implements Sink {
  private stopCall: (() => void) | undefined;

  call(callee: Callee, host: Host): void {
    const handler = callee.step.handler as Handler<unknown>;
    this.stopCall = callOnce(callee, (context) => handler(this.params, context), host, 1, this);
    // Stopped by what it told before there was anything to stop.
    if (this.closed) this.stopCall();
  }

  chunk(value: unknown): void {
    this.place.chunk(this, value);
  }

  done(result: unknown): void {
    this.closed = true;
    this.place.end(this, success(result), 1);
  }

  fail(error: unknown): void {
    this.stop();
    this.place.end(this, failure(error as FlowError), 1);
  }

  stop(): void {
    this.closed = true;
    this.stopCall?.();
  }
}

/** A step with settings: attempts, limits, fallback, cache. */
export class AttemptsWork extends StepWork {
  private subscription: Subscription | undefined;
  private attempt = 1;
  private hasBegun = false;

  call(callee: Attempted, host: Host): void {
    subscribeTo(
      attempts(callee, this.params, host),
      {
        next: (note) => this.hear(note),
        error: (error: unknown) =>
          this.end(failure(placedError(error, callee.path, this.attempt)), this.attempt),
      },
      (subscription) => {
        this.subscription = subscription;
      },
    );
  }

  stop(): void {
    this.closed = true;
    this.subscription?.unsubscribe();
  }

  private hear(note: Note): void {
    switch (note.note) {
      case 'start':
        this.hasBegun = true;
        this.place.begin(this, note.go ?? nothing);
        break;
      case 'chunk':
        this.place.chunk(this, note.chunk);
        break;
      case 'retry':
        this.attempt = note.attempt + 1;
        this.place.retry(this, note);
        break;
      case 'result':
        this.end(success(note.result), note.isCached ? 0 : this.attempt);
    }
  }

  private end(outcome: Outcome, attempts: number): void {
    // It may have run out of time while it waited for a place.
    if (!this.hasBegun) this.place.begin(this, nothing);
    this.closed = true;
    this.place.end(this, outcome, attempts);
  }
}

const nothing = (): void => undefined;

/** Plain steps are called without operators around. Tests switch this off to show that nothing else depends on it. */
export const direct = { isOn: true };
