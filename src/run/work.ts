/** A step at work: one call of its handler, or all attempts that its settings allow. */
import type { Subscription } from 'rxjs';
import { errorJson, type FlowError } from '../errors.ts';
import type { Change } from '../state/event.ts';
import { failure, type Outcome, success } from '../state/outcome.ts';
import { type Adds, Below } from '../wire/aside.ts';
import { type Attempted, attempts, type Note } from '../wire/attempt.ts';
import { type CallSink, callOnce, takeIn } from '../wire/call.ts';
import type { Call, Callee } from '../wire/context.ts';
import type { Host } from '../wire/host.ts';
import { type Limiter, type Stoppable, stopAll, type Visitor } from '../wire/limiter.ts';
import { placedError } from '../wire/placed-error.ts';
import type { PlanNode } from '../wire/plan.ts';
import type { Handler } from '../wire/step.ts';
import { subscribeTo } from '../wire/subscribe.ts';
import { type Adding, addTo, asAdditions } from './lists.ts';

export type Retry = Extract<Change, { type: 'STEP_RETRY' }>;

/** Who hears what work tells of itself. `Node`: what it is that works. */
export interface Workplace<Node = PlanNode> {
  /** It begins. `go` is called when all who must hear the first chunk are there. */
  begin(work: StepWork<Node>, go: () => void): void;
  chunk(work: StepWork<Node>, chunk: unknown): void;
  retry(work: StepWork<Node>, change: Retry): void;
  /** It has ended by itself. */
  end(work: StepWork<Node>, outcome: Outcome, attempts: number): void;
}

/** Something at work that can be stopped. */
export abstract class Work {
  closed = false;
  /** Its neighbours in the list of what is at work. */
  before: Work | undefined;
  after: Work | undefined;
  isListed = false;

  abstract stop(): void;
}

/** What is at work, in the order in which it began. Not a Set: to add to one and delete again takes longer than most steps. */
export class WorkList {
  first: Work | undefined;
  private last: Work | undefined;

  add(work: Work): void {
    work.isListed = true;
    work.before = this.last;
    if (this.last) this.last.after = work;
    else this.first = work;
    this.last = work;
  }

  /** What is deleted still knows what came after it, so that whoever goes through the list comes to its end. */
  delete(work: Work): void {
    if (!work.isListed) return;
    work.isListed = false;
    const { before, after } = work;
    if (before) before.after = after;
    else if (this.first === work) this.first = after;
    if (after) after.before = before;
    else if (this.last === work) this.last = before;
  }

  /** Stops all of it. */
  stop(): void {
    stopAll(() => {
      for (let work = this.first; work; work = work.after) work.stop();
    });
    this.first = undefined;
    this.last = undefined;
  }
}

/** Something that a node waits for before it can begin, such as a schema that takes its time. */
export class Wait extends Work {
  stop(): void {
    this.closed = true;
  }
}

export abstract class StepWork<Node = PlanNode> extends Work {
  /** What it adds to lists in the shared memory. */
  private adding: Adding | undefined;
  /** It waits for a place there. */
  declare protected waitsFor?: Limiter | undefined;
  protected underWay: Stoppable | undefined;
  readonly node: Node;
  readonly params: unknown;
  protected readonly place: Workplace<Node>;

  constructor(place: Workplace<Node>, node: Node, params: unknown) {
    super();
    this.place = place;
    this.node = node;
    this.params = params;
  }

  /** Whether it does nothing but wait for answers, or for what does. */
  get isBlocked(): boolean | undefined {
    const { waitsFor } = this;
    if (waitsFor) return waitsFor.isStuck;
    return !this.closed && this.underWay?.isBlocked(this.params);
  }

  chunk(value: unknown): void {
    this.place.chunk(this, value);
  }

  add(adds: Adds): void {
    this.adding = addTo(this.adding, adds);
  }

  protected success(result: unknown): Outcome {
    return success(result, asAdditions(this.adding));
  }
}

/** A step without settings: its handler, called once. */
export class SimpleWork<Node = PlanNode> extends StepWork<Node> implements CallSink {
  call(callee: Callee, host: Host): void {
    const handler = callee.step.handler as Handler<unknown>;
    callOnce(callee, (context) => handler(this.params, context), host, 1, this);
  }

  /** The handler has been called already, and this is what it returned. */
  take(callee: Callee, call: Call, returned: unknown): void {
    takeIn(callee, call, returned, this);
  }

  called(call: Stoppable): void {
    this.underWay = call;
    if (this.closed) call.stop();
  }

  done(result: unknown): void {
    this.closed = true;
    this.place.end(this, this.success(result), 1);
  }

  fail(error: unknown): void {
    this.closed = true;
    this.place.end(this, failure(error as FlowError), 1);
  }

  stop(): void {
    this.closed = true;
    this.underWay?.stop();
  }
}

/** A step with settings: attempts, limits, fallback, cache. */
export class AttemptsWork<Node = PlanNode> extends StepWork<Node> implements Visitor {
  declare private host: Host;
  private subscription: Subscription | undefined;
  private attempt = 1;
  private hasBegun = false;
  private hasBelow = false;

  call(callee: Attempted, host: Host): void {
    this.host = host;
    // In a run that goes on there may be something below it already.
    this.hasBelow = host.recorded(callee.path) !== undefined;
    subscribeTo(
      attempts(callee, this.params, host, this),
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

  queued(limiter: Limiter): void {
    this.waitsFor = limiter;
    this.host.look?.();
  }

  called(call: Stoppable): void {
    this.underWay = call;
  }

  private hear(note: Note): void {
    switch (note.note) {
      case 'start':
        this.waitsFor = undefined;
        if (this.hasBegun) note.go();
        else {
          this.hasBegun = true;
          this.place.begin(this, note.go);
        }
        break;
      case 'chunk':
        this.hasBelow ||= note.chunk instanceof Below;
        this.chunk(note.chunk);
        break;
      case 'retry': {
        const { attempt, delay } = note;
        const change: Retry = { type: 'STEP_RETRY', attempt, delay, error: errorJson(note.error) };
        this.attempt = attempt + 1;
        this.place.retry(this, this.hasBelow ? { ...change, anew: true } : change);
        this.hasBelow = false;
        break;
      }
      case 'result':
        this.end(this.success(note.result), note.isCached ? 0 : this.attempt);
    }
  }

  private end(outcome: Outcome, attempts: number): void {
    // It may have run out of time while it waited for a place.
    if (!this.hasBegun) this.place.begin(this, () => undefined);
    this.closed = true;
    this.place.end(this, outcome, attempts);
  }
}

/** Plain steps are called without operators around. Tests switch this off to show that nothing else depends on it. */
export const direct = { isOn: true };
