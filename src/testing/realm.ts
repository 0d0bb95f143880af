/** One stretch of virtual time: its timers, its handlers, and what moves it from instant to instant. */
import { current, Handler } from './handler.ts';
import { badTime } from './problem.ts';
import { hop, Patience, patiently } from './real-host.ts';
import { TimerQueue } from './timer-queue.ts';
import { type Timeline, type TimerOptions, VirtualTimer } from './virtual-timer.ts';

export interface VirtualOptions {
  /** What `Date.now()` says at virtual 0 ms. Default: 0. */
  readonly start?: number | Date;
  /** How long real work may hold virtual time, in real milliseconds. Default: 1000. */
  readonly realLimitMs?: number;
  /** How many timers may fire before it is called a loop. Default: 100 000. */
  readonly maxSteps?: number;
  /** Whether time stands still while a handler does real work. Default: true. Needs Node. */
  readonly freeze?: boolean;
}

/** The longest delay that the timers of hosts can hold. */
const longestDelay = 2 ** 31 - 1;

/**
 * Virtual time.
 *
 * V1 Between two timers one real macrotask passes: whatever can follow from the first one without
 *    real work has happened, at its instant, when the second one fires.
 * V2 Time does not move while a handler in flight waits for no timer of its own, nor while a promise
 *    given to `real` is open; for `realLimitMs` at most, and then a note says so.
 * V3 A timer that was unreferenced never moves time as long as anything else can.
 * V4 An error thrown in a timer ends virtual time with that error.
 */
export class Realm implements Timeline {
  now = 0;
  strong = 0;
  ended = false;
  readonly start: number;
  readonly freezes: boolean;
  readonly realLimitMs: number;
  readonly queue = new TimerQueue<VirtualTimer>();
  readonly notes: string[] = [];
  private readonly busy = new Set<Handler>();
  /** The test itself: whoever runs in no handler. */
  readonly body = new Handler('the test body', this.busy);
  private readonly maxSteps: number;
  private readonly idleWaiters: (() => void)[] = [];
  private steps = 0;

  constructor(options: VirtualOptions = {}) {
    this.start = Number(options.start ?? 0);
    this.realLimitMs = options.realLimitMs ?? 1000;
    this.maxSteps = options.maxSteps ?? 100_000;
    this.freezes = options.freeze ?? true;
  }

  schedule(task: () => void, delay: number, options?: TimerOptions): VirtualTimer {
    return new VirtualTimer(this, task, this.hostDelay(delay), options);
  }

  /**
   * Whether the caller was called by the test. A server that was started before, or the test beside this
   * one, was not: its time stays real.
   */
  isHere(): boolean {
    return !this.ended && (!current || current.getStore()?.busy === this.busy);
  }

  handler(label: string, parent?: Handler): Handler {
    return new Handler(label, this.busy, parent);
  }

  /** Resolves when nothing more will happen by itself: no timer is left, and no handler does real work. */
  idle(): Promise<void> {
    return new Promise((resolve) => void this.idleWaiters.push(resolve));
  }

  /** Moves time until the test has settled. */
  async run(hasSettled: () => boolean): Promise<void> {
    for (;;) {
      await this.settle();
      if (hasSettled()) return;
      if (this.strong > 0) this.step();
      else if (this.idleWaiters.length > 0) for (const wake of this.idleWaiters.splice(0)) wake();
      else await this.waitForRealWork(hasSettled);
    }
  }

  private step(): void {
    const next = this.queue.soonest();
    if (!next) return;
    this.steps += 1;
    if (this.steps > this.maxSteps) {
      throw badTime(
        `${this.maxSteps} timers have fired, and virtual time is at ${this.now}ms: is it a loop? ` +
          'Stop the interval, or raise "maxSteps".',
      );
    }
    this.now = next.at;
    next.timer.fire();
  }

  /** Lets everything happen that can happen at this instant. */
  private async settle(): Promise<void> {
    await hop();
    while (this.busy.size > 0) {
      await this.standStill();
      await hop();
    }
  }

  private async standStill(): Promise<void> {
    for (let turns = 0; this.busy.size > 0; turns++) {
      for (const handler of [...this.busy]) {
        handler.patience ??= new Patience(this.realLimitMs);
        if (handler.patience.lasts()) continue;
        handler.giveUp();
        this.notes.push(
          `${handler.label} waited ${this.realLimitMs}ms of real time, at ${this.now}ms, for something that no timer brings; ` +
            'virtual time went on without it. Use never() for what never ends, or raise "realLimitMs".',
        );
      }
      await patiently(turns);
    }
  }

  /** Neither timers nor handlers: the test itself awaits something of the real world. */
  private async waitForRealWork(hasSettled: () => boolean): Promise<void> {
    const patience = new Patience(this.realLimitMs);
    const goesOn = () =>
      hasSettled() || this.strong > 0 || this.idleWaiters.length > 0 || this.busy.size > 0;
    for (let turns = 0; !goesOn(); turns++) {
      if (!patience.lasts()) {
        if (this.queue.soonest()) return this.step();
        throw badTime(
          `Virtual time is stuck at ${this.now}ms: the test is not over, no timer is left, and after ` +
            `${this.realLimitMs}ms nothing real has come either. ${this.notes.join(' ')}`.trimEnd(),
        );
      }
      await patiently(turns);
    }
  }

  /** As hosts do: whole milliseconds, and what is too long for them fires at once. */
  private hostDelay(delay: number): number {
    if (delay > longestDelay) {
      this.notes.push(
        `A timer of ${delay}ms fired after 1ms, as it would in the real world: timers hold 2^31 - 1 ms (25 days) at most.`,
      );
      return 1;
    }
    return delay >= 1 ? Math.trunc(delay) : 0;
  }
}

/** The realm that the host's time belongs to at the moment. There is one host, so there is one at a time. */
export const realms: { active: Realm | undefined } = { active: undefined };

/** The realm of whoever asks. */
export const realmHere = (): Realm | undefined =>
  realms.active?.isHere() ? realms.active : undefined;
