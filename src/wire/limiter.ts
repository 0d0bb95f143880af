/** Lets so many pieces of work run at once; the others wait in the order in which they came. */
import { type MonoTypeOperatorFunction, Observable } from 'rxjs';

export class Limiter {
  private readonly waiting = new Set<() => void>();
  private free: number;
  private calling = false;

  constructor(max: number) {
    this.free = max;
  }

  /** Calls back when there is room, perhaps at once. What it gives back ends the wait, or the work. */
  enter(start: () => void): () => void {
    let inside = false;
    const task = () => {
      inside = true;
      start();
    };
    this.waiting.add(task);
    this.call();
    return () => {
      if (this.waiting.delete(task) || !inside) return;
      inside = false;
      this.free++;
      this.call();
    };
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
  <T>(limiters: readonly Limiter[]): MonoTypeOperatorFunction<T> =>
  (source) =>
    limiters.reduceRight(
      (inner, limiter) =>
        new Observable<T>((out) => {
          let leave: (() => void) | undefined;
          // Added first, so that it also runs when the work ends while it is being started.
          out.add(() => leave?.());
          leave = limiter.enter(() => {
            inner.subscribe(out);
          });
          if (out.closed) leave();
        }),
      source,
    );
