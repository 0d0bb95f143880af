/** The host as it really is: captured once, before any test makes its time virtual. */

/** Node's own modules, where there is a Node. Never imported by name: a browser must be able to bundle this file. */
export function builtin(name: string): unknown {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return process?.getBuiltinModule?.(name);
}

const performanceNow = performance.now.bind(performance);
const setTimeoutForReal = globalThis.setTimeout.bind(globalThis);
const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
const setImmediateForReal = setImmediate?.bind(globalThis);

/** Milliseconds that truly pass. */
const realNow = (): number => performanceNow();

/** Lets a millisecond truly pass. */
const pause = (): Promise<void> => new Promise((resolve) => void setTimeoutForReal(resolve, 1));

/** A timer of the host that keeps nothing alive. */
export function realTimeout(task: () => void, delay: number): void {
  const timer: unknown = setTimeoutForReal(task, delay);
  if (typeof timer === 'object' && timer !== null && 'unref' in timer) {
    (timer as { unref(): void }).unref();
  }
}

/**
 * One real macrotask. When it has passed, every chain of promises that could go on has gone on to
 * its end, however long it is. Fixed numbers of microtasks, which other clocks wait for, are always too few.
 */
export const hop = (): Promise<void> =>
  setImmediateForReal
    ? new Promise((resolve) => void setImmediateForReal(() => resolve()))
    : hopByMessage();

let channel: MessageChannel | undefined;
const hopping: (() => void)[] = [];

/** Browsers: a timer would be clamped to 4 ms, a message is not. */
function hopByMessage(): Promise<void> {
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => hopping.shift()?.();
  }
  const { port2 } = channel;
  return new Promise((resolve) => {
    hopping.push(resolve);
    port2.postMessage(undefined);
  });
}

/** Real work is mostly over after a few turns of the event loop; waiting for what takes longer must not burn the processor. */
export const patiently = (turns: number): Promise<void> => (turns < 20 ? hop() : pause());

/**
 * How long real work may take. Turns of the event loop count as well as milliseconds, so that a busy
 * machine, where everything takes longer, gets longer.
 */
export class Patience {
  private readonly begin = realNow();
  private readonly limitMs: number;
  private turns = 0;

  constructor(limitMs: number) {
    this.limitMs = limitMs;
  }

  /** Asked once a turn: is there patience for it? */
  lasts(): boolean {
    this.turns += 1;
    return realNow() - this.begin < this.limitMs || this.turns < this.limitMs / 4;
  }
}
