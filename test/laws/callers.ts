/**
 * What calls of one step come to that share its limit and its cache, worked out from the semantics by an agenda of instants, with no engine:
 * retries, limits of time, fallback, places, what is kept, and runs that are cancelled. Numbers in brackets are clauses.
 */
import type { Retry, Timeout } from '../../src/index.ts';

/** One call of a handler: its chunks and its end, in ms after its start. What ends at 0 answers at once. */
export interface Attempt {
  readonly chunks: readonly number[];
  readonly ends: number;
  readonly fails: boolean;
}

/** A run of the flow, and what the handler does in it. */
export interface Caller {
  readonly at: number;
  /** When it is cancelled, by instant. */
  readonly cancelled?: number | undefined;
  /** It is cancelled by whoever hears the line of this number. */
  readonly cutAt?: number | undefined;
  /** What the step is called with. */
  readonly n: number;
  /** Call by call; the last one again and again. */
  readonly attempts: readonly Attempt[];
  readonly fallback: Attempt;
}

/** The settings of the step. */
export interface Limits {
  readonly retry?: Retry | undefined;
  readonly timeout?: Timeout | undefined;
  readonly hasFallback: boolean;
  readonly concurrency?: number | undefined;
  readonly cache?:
    | { readonly ttl?: number | undefined; readonly max?: number | undefined }
    | undefined;
}

export interface Line {
  readonly t: number;
  readonly text: string;
}

export const resultOf = (caller: number, call: number): string => `${caller}/${call}`;
export const chunkOf = (caller: number, call: number, i: number): string =>
  `${resultOf(caller, call)}.${i}`;
export const attemptAt = ({ attempts }: Caller, call: number): Attempt =>
  attempts[Math.min(call, attempts.length) - 1] as Attempt;

/** What is to be undone when something is over. */
class Scope {
  private undo: (() => void)[] | undefined = [];

  get isOver(): boolean {
    return this.undo === undefined;
  }

  add(undo: () => void): void {
    if (this.undo) this.undo.push(undo);
    else undo();
  }

  end(): void {
    const all = this.undo ?? [];
    this.undo = undefined;
    for (const undo of all) undo();
  }
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly work: () => void;
}

class Agenda {
  now = 0;
  private order = 0;
  private readonly timers = new Set<Timer>();

  after(ms: number, work: () => void, scope: Scope): void {
    const timer = { at: this.now + ms, order: this.order++, work };
    this.timers.add(timer);
    scope.add(() => this.timers.delete(timer));
  }

  run(): void {
    while (this.timers.size > 0) {
      const next = [...this.timers].reduce((first, each) =>
        each.at < first.at || (each.at === first.at && each.order < first.order) ? each : first,
      );
      this.timers.delete(next);
      this.now = next.at;
      next.work();
    }
  }
}

/** The places of the step, given in the order in which they were asked for. */
class Places {
  private readonly waiting = new Set<() => void>();
  private free: number;

  constructor(free: number) {
    this.free = free;
  }

  enter(work: () => void, scope: Scope): void {
    let isInside = false;
    const task = () => {
      isInside = true;
      work();
    };
    this.waiting.add(task);
    scope.add(() => {
      this.waiting.delete(task);
      if (isInside) this.free++;
      if (isInside) this.fill();
    });
    this.fill();
  }

  private fill(): void {
    for (const task of this.waiting) {
      if (this.free === 0) return;
      this.waiting.delete(task);
      this.free--;
      task();
    }
  }
}

/** Results by what the step was called with; the least recently used first. */
class Memory {
  private readonly kept = new Map<
    number,
    { readonly texts: readonly string[]; readonly until: number }
  >();
  private readonly cache: Limits['cache'];

  constructor(cache: Limits['cache']) {
    this.cache = cache;
  }

  read(n: number, now: number): readonly string[] | undefined {
    const known = this.kept.get(n);
    this.kept.delete(n);
    if (!known || known.until <= now) return undefined;
    this.kept.set(n, known);
    return known.texts;
  }

  keep(n: number, texts: readonly string[], now: number): void {
    const { ttl = Number.POSITIVE_INFINITY, max = 100 } = this.cache ?? { max: 0 };
    this.kept.delete(n);
    this.kept.set(n, { texts, until: now + ttl });
    for (const oldest of this.kept.keys()) if (this.kept.size > max) this.kept.delete(oldest);
  }
}

/** What the calls of all runs share. */
interface Shared {
  readonly agenda: Agenda;
  readonly places: Places;
  readonly memory: Memory;
}

/** What each run tells of its step. */
export function expectedLines(callers: readonly Caller[], limits: Limits): readonly Line[][] {
  const shared = {
    agenda: new Agenda(),
    places: new Places(limits.concurrency ?? Number.POSITIVE_INFINITY),
    memory: new Memory(limits.cache),
  };
  const calls = callers.map((caller, id) => new Call(caller, id, limits, shared));
  for (const call of calls) call.plan();
  shared.agenda.run();
  return calls.map(({ lines }) => lines);
}

class Call {
  readonly lines: Line[] = [];
  /** Until its end. */
  private readonly whole = new Scope();
  /** Until its last attempt has failed. */
  private readonly attempts = new Scope();
  private attempt = 1;
  private hasStarted = false;

  private readonly caller: Caller;
  private readonly id: number;
  private readonly limits: Limits;
  private readonly shared: Shared;

  constructor(caller: Caller, id: number, limits: Limits, shared: Shared) {
    this.caller = caller;
    this.id = id;
    this.limits = limits;
    this.shared = shared;
    this.whole.add(() => this.attempts.end());
  }

  plan(): void {
    const { at, cancelled } = this.caller;
    this.shared.agenda.after(at, () => this.begin(), this.whole);
    // [3.5]
    if (cancelled !== undefined)
      this.shared.agenda.after(cancelled, () => this.whole.end(), this.whole);
  }

  private tell(text: string): void {
    if (this.whole.isOver) return;
    this.lines.push({ t: this.shared.agenda.now, text });
    if (this.lines.length === this.caller.cutAt) this.whole.end();
  }

  private start(): void {
    if (!this.hasStarted) this.tell('start');
    this.hasStarted = true;
  }

  private end(how: string, attempts: number): void {
    this.start();
    this.tell(`${how} in ${attempts}`);
    this.whole.end();
  }

  private begin(): void {
    const { limits, caller } = this;
    const { agenda, memory } = this.shared;
    const known = memory.read(caller.n, agenda.now);
    if (known) {
      this.start();
      for (const text of known) this.tell(`chunk ${text}`);
      this.end(known.at(-1) as string, 0);
      return;
    }
    const { total } = limits.timeout ?? {};
    if (total !== undefined) agenda.after(total, () => this.fail('step-timeout'), this.attempts);
    this.try();
  }

  /** [3.4] The place is asked for anew by each attempt. */
  private try(): void {
    const scope = new Scope();
    this.attempts.add(() => scope.end());
    this.shared.places.enter(() => this.work(scope), scope);
  }

  private work(scope: Scope): void {
    const { limits, caller, attempt } = this;
    const { agenda, memory } = this.shared;
    const { idle, attempt: most } = limits.timeout ?? {};
    this.start();
    const failed = (code: string) => {
      this.failed(code);
      scope.end();
    };
    const late = () => failed('step-timeout');
    if (most !== undefined) agenda.after(most, late, scope);
    let silence = new Scope();
    scope.add(() => silence.end());
    const texts: string[] = [];
    const heard = (text?: string) => {
      silence.end();
      silence = new Scope();
      if (idle !== undefined) agenda.after(idle, late, silence);
      if (text !== undefined) texts.push(text);
    };
    heard();
    const done = (result: string) => {
      if (scope.isOver) return;
      memory.keep(caller.n, texts, agenda.now);
      this.end(result, attempt);
    };
    this.call(attemptAt(caller, attempt), attempt, scope, heard, done, failed);
  }

  /** What the handler does: all its values are chunks, the last one is the result [2.10]. */
  private call(
    { chunks, ends, fails }: Attempt,
    number: number,
    scope: Scope,
    heard: (text: string) => void,
    done: (result: string) => void,
    failed: (code: string) => void,
  ): void {
    const chunk = (text: string) => {
      this.tell(`chunk ${text}`);
      heard(text);
    };
    const last = () => {
      if (fails) {
        failed('step-failed');
        return;
      }
      const result = resultOf(this.id, number);
      chunk(result);
      done(result);
    };
    chunks.forEach((ms, i) => {
      const next = () => chunk(chunkOf(this.id, number, i));
      if (ends === 0) next();
      else this.shared.agenda.after(ms, next, scope);
    });
    if (ends === 0) last();
    else this.shared.agenda.after(ends, last, scope);
  }

  private failed(code: string): void {
    const { retry } = this.limits;
    if (!retry || this.attempt > retry.count) {
      this.fail(code);
      return;
    }
    const delay = delayAfter(retry, this.attempt);
    this.tell(`retry ${this.attempt++} after ${delay} ${code}`);
    if (delay === 0) this.try();
    else this.shared.agenda.after(delay, () => this.try(), this.attempts);
  }

  private fail(code: string): void {
    this.attempts.end();
    if (!this.limits.hasFallback) {
      this.end(code, this.attempt);
      return;
    }
    this.start();
    const { attempt } = this;
    const end = (how: string) => this.end(how, attempt);
    this.call(this.caller.fallback, 0, this.whole, () => undefined, end, end);
  }
}

const delayAfter = (
  { delay = 0, backoff, maxDelay = Number.POSITIVE_INFINITY }: Retry,
  attempt: number,
) => Math.min(backoff === 'exponential' ? delay * 2 ** (attempt - 1) : delay, maxDelay);
