/** Time that stands still until it is told to go on. */
import type { Clock } from '../../src/index.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
  readonly isDeaf: boolean;
}

export class TestClock implements Clock {
  private time = 0;
  private order = 0;
  private timers: Timer[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, callback: () => void): () => void {
    return this.add(ms, callback, false);
  }

  /** A timer of a handler that heeds no signal. */
  deaf(ms: number, callback: () => void): () => void {
    return this.add(ms, callback, true);
  }

  /** Timers that somebody still waits for. */
  get pending(): number {
    return this.timers.filter(({ isDeaf }) => !isDeaf).length;
  }

  /** Timers whose handlers cannot be stopped. */
  get pendingDeaf(): number {
    return this.timers.filter(({ isDeaf }) => isDeaf).length;
  }

  /** Lets timers fire, in order; those of the last instant, too. `halt`: asked after each whether that is enough. */
  runTo(end = Number.POSITIVE_INFINITY, halt = () => false): void {
    while (!halt()) {
      let next: Timer | undefined;
      for (const timer of this.timers) {
        if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order))
          next = timer;
      }
      if (!next || next.at > end) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = next.at;
      next.callback();
    }
    if (end !== Number.POSITIVE_INFINITY && !halt()) this.time = Math.max(this.time, end);
  }

  private add(ms: number, callback: () => void, isDeaf: boolean): () => void {
    const timer: Timer = { at: this.time + ms, order: this.order++, callback, isDeaf };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((each) => each !== timer);
    };
  }
}
