/** The options of a run, checked before it starts. */
import type { MonoTypeOperatorFunction } from 'rxjs';
import { FlowError, listed, showValue, suggestion } from '../errors.ts';
import type { Json } from '../graph/definition.ts';
import { anything, type Check, check, code, metadata, oneOf, whole } from '../graph/settings.ts';
import type { FlowEvent } from '../state/event.ts';
import { type Clock, schedulerClock } from '../wire/clock.ts';
import type { Plan } from '../wire/plan.ts';
import type { Logger } from '../wire/step.ts';
import type { Durability, Saver } from './saver.ts';

export interface RunOptions {
  /** The id of the run. By default a new one; ids sort by the time at which they are first asked for, which is the start where anybody hears. */
  readonly id?: string;
  /** The run that this one continues: its shared memory is inherited. */
  readonly parentId?: string;
  /** Cancels the run when it aborts. */
  readonly signal?: AbortSignal;
  /** The outputs that are wanted. Only the steps that these need are run, the rest is skipped as `not-needed`. */
  readonly outputs?: readonly string[];
  /** How many steps may be at work at once. */
  readonly concurrency?: number;
  /** `continue` (default): a failure concerns the steps after it only. `stop`: it cancels what is at work and ends the run. */
  readonly onError?: 'continue' | 'stop';
  /** Told in `FLOW_START`, for whoever reads the events. */
  readonly metadata?: Readonly<Record<string, Json>>;
  /** Keeps the run, so that it can be continued, resumed and forked. */
  readonly saver?: Saver;
  /** When the steps after a step may start. Default `async`. Without a saver nothing has to be durable. */
  readonly durability?: Durability;
  /** How many commits may wait to be durable under `async`, before the run waits for them. Default 1000. */
  readonly maxPending?: number;
  /** Where `context.log` writes. Default `console`. */
  readonly logger?: Logger;
  /** Time. By default RxJS's `asyncScheduler`. */
  readonly clock?: Clock;
  /** Every event passes here before anyone learns of it, the next step included. */
  readonly gate?: MonoTypeOperatorFunction<FlowEvent>;
}

const having = (method: string, wanted: string): Check => [
  (value) => typeof (value as Readonly<Record<string, unknown>> | null)?.[method] === 'function',
  wanted,
];

const checks: Readonly<Record<keyof RunOptions, Check>> = {
  id: [
    // What has no form in UTF-8 is another id to a database.
    (value) => typeof value === 'string' && /^[^\0\p{Cs}]{1,128}$/u.test(value),
    'a text of 1 to 128 characters, without NUL or halves',
  ],
  parentId: anything,
  signal: having('addEventListener', 'an AbortSignal'),
  outputs: [Array.isArray, 'a list of names'],
  concurrency: whole(1),
  onError: oneOf('continue', 'stop'),
  metadata,
  saver: having('claim', 'a saver'),
  durability: oneOf('sync', 'async', 'exit'),
  maxPending: whole(0),
  logger: having('debug', 'a logger'),
  clock: having('now', 'a clock'),
  gate: code,
};

/** Throws a FlowError (`invalid-option`) for an option that cannot be, or that is none: `more` names those that only some runs have. */
export function checkOptions(
  options: RunOptions,
  { definition }: Plan,
  more: readonly string[] = [],
): void {
  const place = `a run of "${definition.id}"`;
  check(place, options as Readonly<Record<string, unknown>>, checks, more);
  const known = definition.outputs;
  for (const name of options.outputs ?? []) {
    if (known.has(name)) continue;
    const names = [...known.keys()];
    throw new FlowError(
      'invalid-option',
      `The option "outputs" of ${place} is ${showValue(name)}.${suggestion(name, names)} It takes names of outputs: ${listed(names, 'the flow has none')}.`,
    );
  }
}

// Asked for in bulk: a call costs more than the start of a run.
const pool = new Uint8Array(1024);
let used = pool.length;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const hexBytes = Array.from({ length: 256 }, (_, byte) => hex(byte, 2));
const hexByte = (byte: number): string => hexBytes[byte] as string;

function randomByte(): number {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  return pool[used++] as number;
}

function randomHex(count: number): string {
  let text = '';
  for (let i = 0; i < count; i++) text += hexByte(randomByte());
  return text;
}

let lastTime = 0;
let shownTime = '';
let counter = 0;

/** A new id (UUID version 7): ids made later sort after those made earlier. */
function newRunId(now: number): string {
  // Within a millisecond, and when a clock goes back, the counter keeps the order.
  if (now <= lastTime && counter < 0xfff) counter++;
  else {
    lastTime = now > lastTime ? now : lastTime + 1;
    counter = 0;
    const time = hex(Math.floor(lastTime), 12);
    shownTime = `${time.slice(0, 8)}-${time.slice(8)}`;
  }
  const count = hexByte(0x70 | (counter >> 8)) + hexByte(counter & 0xff);
  const variant = hexByte(0x80 | (randomByte() & 0x3f));
  return `${shownTime}-${count}-${variant}${randomHex(1)}-${randomHex(6)}`;
}

export const idOf = ({ id, clock = schedulerClock }: RunOptions): string =>
  id ?? newRunId(clock.now());

/** The options of a run whose id is asked for in any case. */
export const withId = (options: RunOptions): RunOptions & { readonly id: string } => ({
  ...options,
  id: idOf(options),
});
