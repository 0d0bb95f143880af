/** `virtual`: a function whose time is not real. */
import { current } from './handler.ts';
import { takeTime } from './host-time.ts';
import { badTime } from './problem.ts';
import { Realm, realmHere, realms, type VirtualOptions } from './realm.ts';

/** What a test may know of virtual time. */
export interface VirtualTime {
  /** Virtual milliseconds since the beginning. */
  readonly now: number;
  /** What was not as exact as one might think: real work that time did not wait for, for example. */
  readonly notes: readonly string[];
  /** Resolves when nothing more will happen by itself. */
  idle(): Promise<void>;
}

/** Every caller waits here until the one before is done, also where two copies of this package are loaded. */
const lock = Symbol.for('millrace.virtual');
type Lock = { [lock]?: Promise<unknown> };

/**
 * Runs a function in virtual time: its timers fire in order and at once, however long they are, and
 * promises, RxJS and Node's own timers agree about when. Resolves or rejects as the function does; what is
 * still scheduled then never happens. Calls wait for each other, as there is only one host.
 *
 * Virtual are: timers of the host and of `node:timers` and `node:timers/promises`, `Date`,
 * `performance.now`, `AbortSignal.timeout`, animation frames, and with them everything of RxJS. Time stands
 * still during a `fetch` and while a handler of a traced flow does real work. It does not know of other
 * real work: wrap that in `real(promise)`. Real stay worker threads, `process.hrtime`, and the timers of code
 * that the test did not call, such as a server that was started before.
 *
 * In a browser there is no `AsyncLocalStorage`, so nobody can tell whose timers are whose: time does not
 * stand still by itself there, `real(promise)` is needed for every real wait, and the whole page has virtual time.
 *
 * @example
 * await virtual(async (time) => {
 *   await expect(flow.complete({ url })).rejects.toThrow('took longer than 30000 ms')
 *   expect(time.now).toBe(30_000)
 * })
 */
export function virtual<T>(
  fn: (time: VirtualTime) => T | PromiseLike<T>,
  options: VirtualOptions = {},
): Promise<T> {
  if (current && realmHere()) {
    return Promise.reject(badTime('virtual() inside of virtual() would wait for itself for ever.'));
  }
  const holder = globalThis as Lock;
  const run = (holder[lock] ?? Promise.resolve()).then(() => runIn(new Realm(options), fn));
  holder[lock] = run.catch(() => {});
  return run;
}

async function runIn<T>(realm: Realm, fn: (time: VirtualTime) => T | PromiseLike<T>): Promise<T> {
  refuseFakeTimers();
  const giveTimeBack = takeTime(realm);
  realms.active = realm;
  try {
    let settled = false;
    const call = async () => fn(realm);
    const result = current ? current.run(realm.body, call) : call();
    const settle = () => {
      settled = true;
    };
    result.then(settle, settle);
    await realm.run(() => settled);
    return await result;
  } finally {
    realm.ended = true;
    realms.active = undefined;
    giveTimeBack();
  }
}

/** Two who fake the same clock: neither would be right, and the test would hang. */
function refuseFakeTimers(): void {
  if ('clock' in globalThis.setTimeout) {
    throw badTime('Other fake timers are installed. Call vi.useRealTimers() before virtual().');
  }
}
