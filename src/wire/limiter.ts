/** Lets so many pieces of work run at once; the others wait in the order in which they came. */
import { type MonoTypeOperatorFunction, Observable } from 'rxjs';

export class Limiter {
  private readonly waiting = new Set<() => void>();
  private free: number;
  private calling = false;

  constructor(max: number) {
    this.free = max;
  }

  /** Calls back when there is room, perhaps at once. `leave`, which it also gives back, ends the wait, or the work. */
  enter(start: (leave: () => void) => void): () => void {
    let inside = false;
    const leave = () => {
      if (this.waiting.delete(task) || !inside) return;
      inside = false;
      this.free++;
      this.call();
    };
    const task = () => {
      inside = true;
      start(leave);
    };
    this.waiting.add(task);
    this.call();
    return leave;
  }

  // A loop instead of recursion: work that ends at once makes room for the next.
  private call(): void {
    if (this.calling) return;
    this.calling = true;
    for (const task of this.waiting) {
      if (this.free === 0) break;
      this.waiting.delete(task);
      this.free--;
      task();
    }
    this.calling = false;
  }
}

/** Subscribes to the source when every limiter has room for it. */
export const limitedBy =
  <T>(limiters: readonly (Limiter | undefined)[]): MonoTypeOperatorFunction<T> =>
  (source) =>
    limiters.reduceRight(
      (inner, limiter) =>
        limiter
          ? new Observable<T>((out) => {
              const stopWaiting = limiter.enter((leave) => {
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
