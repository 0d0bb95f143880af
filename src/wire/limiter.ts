/** Lets so many pieces of work run at once; the others wait in the order in which they came. */
import { type MonoTypeOperatorFunction, Observable } from 'rxjs';

/** The limiters that have had places left while something is being stopped. */
const left = new Set<Limiter>();
let stopping = 0;

/** Stops what belongs together. The places that it leaves are given away when all of it has stopped: to none that is stopped with it. */
export function stopAll(stop: () => unknown): void {
  stopping++;
  try {
    stop();
  } finally {
    if (--stopping === 0)
      for (const limiter of left) {
        left.delete(limiter);
        limiter.call();
      }
  }
}

/** What may do nothing but wait for answers. */
export interface Blockable {
  readonly isBlocked: boolean | undefined;
}

/** A call that can be stopped. */
export interface Stoppable {
  stop(): void;
  /** Whether it does nothing but wait: for an answer, for what it has below it, or for the chunks among its params. */
  isBlocked(params: unknown): boolean | undefined;
}

/** Who has a place, or waits for one. */
export interface Visitor extends Blockable {
  /** There is no room for it yet. */
  queued(limiter: Limiter): void;
  /** A call of its handler is about to be made. */
  called(call: Stoppable): void;
}

const isBusy = ({ isBlocked }: Blockable): boolean => !isBlocked;

/** Who was busy at the last look is asked first: not all who wait each time that one of the others has ended. */
export class Blockables implements Blockable {
  readonly all = new Set<Blockable>();
  private busy: Blockable | undefined;

  get isBlocked(): boolean {
    const { busy, all } = this;
    if (!busy || !all.has(busy) || busy.isBlocked) this.busy = [...all].find(isBusy);
    return !this.busy;
  }
}

export class Limiter {
  private readonly waiting = new Set<() => void>();
  private readonly inside = new Map<() => void, Visitor>();
  private readonly max: number;
  private calling = false;
  private isLooking = false;

  constructor(max: number) {
    this.max = max;
  }

  /** Nobody comes in before an answer is given. Not where one who is inside waits to come in, too: it is about to leave. */
  get isStuck(): boolean {
    if (this.isLooking) return false;
    this.isLooking = true;
    const isStuck = this.inside.size === this.max && ![...this.inside.values()].some(isBusy);
    this.isLooking = false;
    return isStuck;
  }

  /** Calls back when there is room, perhaps at once. `leave`, which it also gives back, ends the wait, or the work. */
  enter(visitor: Visitor, start: (leave: () => void) => void): () => void {
    const leave = () => {
      if (!this.waiting.delete(task) && this.inside.delete(task)) this.call();
    };
    const task = () => {
      this.inside.set(task, visitor);
      start(leave);
    };
    this.waiting.add(task);
    this.call();
    if (this.waiting.has(task)) visitor.queued(this);
    return leave;
  }

  // A loop instead of recursion: work that ends at once makes room for the next.
  call(): void {
    if (stopping > 0) left.add(this);
    if (stopping > 0 || this.calling) return;
    this.calling = true;
    for (const task of this.waiting) {
      if (this.inside.size === this.max) break;
      this.waiting.delete(task);
      task();
    }
    this.calling = false;
  }
}

/** Subscribes to the source when every limiter has room for it. */
export const limitedBy =
  <T>(limiters: readonly (Limiter | undefined)[], visitor: Visitor): MonoTypeOperatorFunction<T> =>
  (source) =>
    limiters.reduceRight(
      (inner, limiter) =>
        limiter
          ? new Observable<T>((out) => {
              const stopWaiting = limiter.enter(visitor, (leave) => {
                out.remove(leave);
                inner.subscribe(out);
                // Last in the list: what the work holds is let go before the next one begins.
                out.add(leave);
              });
              out.add(stopWaiting);
            })
          : inner,
      source,
    );
