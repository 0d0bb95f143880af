/** The timers of virtual time, the soonest first. */

export interface Entry<T> {
  readonly at: number;
  /** Of two timers at one instant the one armed first is first. */
  readonly order: number;
  readonly timer: T;
  /** Removing from the middle of a heap is dear; a dead entry is dropped when it comes up. */
  live: boolean;
}

/** A binary heap. */
export class TimerQueue<T> {
  private readonly heap: Entry<T>[] = [];
  private armed = 0;

  add(at: number, timer: T): Entry<T> {
    const entry = { at, order: this.armed++, timer, live: true };
    const { heap } = this;
    let hole = heap.length;
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      const parent = heap[above] as Entry<T>;
      if (isBefore(parent, entry)) break;
      heap[hole] = parent;
      hole = above;
    }
    heap[hole] = entry;
    return entry;
  }

  soonest(): Entry<T> | undefined {
    while (this.heap.length > 0 && !this.heap[0]?.live) this.removeFirst();
    return this.heap[0];
  }

  private removeFirst(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let hole = 0;
    for (;;) {
      let below = 2 * hole + 1;
      const left = heap[below];
      const right = heap[below + 1];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) below += 1;
      const child = heap[below] as Entry<T>;
      if (isBefore(last, child)) break;
      heap[hole] = child;
      hole = below;
    }
    heap[hole] = last;
  }
}

const isBefore = <T>(a: Entry<T>, b: Entry<T>): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order);
