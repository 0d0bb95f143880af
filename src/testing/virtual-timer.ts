/** One timer of virtual time, and at the same time the handle that Node's `setTimeout` returns. */
import { bindContext } from './context.ts';
import { current } from './handler.ts';
import { realTimeout } from './real-host.ts';
import type { Entry, TimerQueue } from './timer-queue.ts';

/** Where timers live. */
export interface Timeline {
  readonly now: number;
  readonly ended: boolean;
  readonly queue: TimerQueue<VirtualTimer>;
  /** How many armed timers may move time. */
  strong: number;
}

export interface TimerOptions {
  readonly repeat?: boolean;
  /**
   * A guard watches over work and is not what the work waits for: `AbortSignal.timeout`. It moves time
   * but does not prove that its handler waits for virtual time.
   */
  readonly guard?: boolean;
}

let lastId = 2 ** 30;

export class VirtualTimer {
  readonly id = ++lastId;
  private readonly timeline: Timeline;
  private readonly task: () => void;
  private readonly delay: number;
  private readonly options: TimerOptions;
  private readonly owner = current?.getStore();
  private entry: Entry<VirtualTimer> | undefined;
  private release: (() => void) | undefined;
  private referenced = true;
  private cancelled = false;

  constructor(timeline: Timeline, task: () => void, delay: number, options: TimerOptions = {}) {
    this.timeline = timeline;
    this.task = bindContext(task);
    this.delay = delay;
    this.options = options;
    // Not 1 ms at least, as Node has it: RxJS times everything by intervals, and its `timer(0)` takes no time in marbles.
    this.arm(delay);
  }

  fire(): void {
    this.disarm();
    try {
      this.task();
    } finally {
      // After the task, as Node does it: what the task arms for the same instant comes first.
      if (this.options.repeat && !this.cancelled && !this.entry) {
        this.arm(Math.max(1, this.delay));
      }
    }
  }

  cancel(): void {
    this.cancelled = true;
    this.disarm();
  }

  private arm(delay: number): void {
    this.cancelled = false;
    this.entry = this.timeline.queue.add(this.timeline.now + delay, this);
    this.count();
  }

  private disarm(): void {
    if (!this.entry) return;
    this.uncount();
    this.entry.live = false;
    this.entry = undefined;
  }

  private count(): void {
    if (!this.entry || !this.referenced) return;
    this.timeline.strong += 1;
    if (!this.options.guard) this.release = this.owner?.hold();
  }

  private uncount(): void {
    if (!this.entry || !this.referenced) return;
    this.timeline.strong -= 1;
    this.release?.();
    this.release = undefined;
  }

  ref(): this {
    if (!this.referenced) {
      this.referenced = true;
      this.count();
    }
    return this;
  }

  unref(): this {
    this.uncount();
    this.referenced = false;
    return this;
  }

  hasRef(): boolean {
    return this.referenced;
  }

  refresh(): this {
    if (this.timeline.ended) {
      // Node's fetch keeps one timer for the whole process and refreshes it for ever. Made in virtual time, it must go on in real time.
      realTimeout(this.task, this.delay);
      return this;
    }
    this.disarm();
    this.arm(this.delay);
    return this;
  }

  close(): this {
    this.cancel();
    return this;
  }

  [Symbol.toPrimitive](): number {
    return this.id;
  }

  // Node's timers have it. Not in the declarations: whoever reads those may know neither Node nor this symbol.
  /** @internal */
  [Symbol.dispose](): void {
    this.cancel();
  }
}
