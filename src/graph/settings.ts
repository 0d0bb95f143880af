/** Checks options when they are written, so that a typing error does not wait for the first failure. */
import { FlowError, listed, quoted, showValue, suggestion } from '../errors.ts';
import { isPlain, isRecord, own } from '../plain.ts';

export type Check = readonly [test: (value: unknown) => boolean, wanted: string, isNeeded?: true];

const duration: Check = [
  (value) => typeof value === 'number' && value >= 0,
  'a number of ms, 0 or more',
];
export const whole = (least: number): Check => [
  (value) => Number.isInteger(value) && (value as number) >= least,
  `a whole number, ${least} or more`,
];
export const code: Check = [(value) => typeof value === 'function', 'a function'];
export const oneOf = (...words: readonly string[]): Check => [
  (value) => words.includes(value as string),
  words.map((word) => `"${word}"`).join(', '),
];

/** It cannot be left out. */
export const needed = ([test, wanted]: Check): Check => [test, wanted, true];

/** Conditions are checked where they are copied. */
export const anything: Check = [() => true, ''];
export const flag: Check = [(value) => typeof value === 'boolean', 'true or false'];
export const metadata: Check = [isRecord, 'an object'];

export type Checks = Readonly<Record<string, Check | Readonly<Record<string, Check>>>>;

export const description: Check = [(value) => typeof value === 'string', 'a text'];

export const settingChecks: Checks = {
  join: oneOf('any', 'all', 'settled'),
  policy: oneOf('switch', 'concat', 'merge', 'exhaust', 'conflate'),
  concurrency: whole(1),
  maxPending: whole(1),
  equals: code,
  retry: {
    count: needed(whole(0)),
    delay: duration,
    backoff: oneOf('fixed', 'exponential'),
    maxDelay: duration,
    jitter: [
      (value) => typeof value === 'number' && value >= 0 && value <= 1,
      'a number from 0 to 1',
    ],
    when: code,
  },
  timeout: { attempt: duration, total: duration, idle: duration },
  cache: { key: code, ttl: duration, max: whole(1) },
  metadata,
  fallback: anything,
  when: anything,
};

export const linkChecks: Checks = {
  when: anything,
  on: oneOf('success', 'failure', 'settled'),
  isTool: flag,
  isToolResult: flag,
  description,
  metadata,
};

// Schemas are checked where the place of the step is known.
export const flowChecks: Checks = { input: anything, description, metadata };

export const stepChecks: Checks = {
  input: anything,
  output: anything,
  chunk: anything,
  run: code,
  reduce: [
    (value) => ['last', 'concat', 'collect'].includes(value as string) || code[0](value),
    '"last", "concat", "collect" or a function',
  ],
  usage: code,
  description,
  metadata,
  isLlm: flag,
};

export const operatorChecks: Checks = {
  input: anything,
  output: anything,
  operator: code,
  oneToOne: flag,
  description,
  metadata,
};

/** Throws a FlowError (`invalid-option`) for the first option that cannot be, or that is none, of a place: `a run of "digest"`. */
export function check(
  place: string,
  values: object,
  known: Checks,
  others: readonly string[] = [],
): void {
  if (typeof values !== 'object' || !values)
    throw new FlowError(
      'invalid-option',
      `${place} takes an object with ${listed(Object.keys(known))}, not ${showValue(values)}.`,
    );
  const always = Object.keys(known).filter((name) => (known[name] as Check)[2]);
  for (const name of new Set([...Object.keys(values), ...always])) {
    const value = own(values, name);
    const wanted = own(known, name) as Checks[string] | undefined;
    if ((value === undefined && !always.includes(name)) || others.includes(name)) continue;
    if (!wanted) {
      const names = [...Object.keys(known), ...others];
      throw new FlowError(
        'invalid-option',
        `There is no option ${quoted(name)} of ${place}.${suggestion(name, names)} It takes: ${listed(names)}.`,
      );
    }
    if (!Array.isArray(wanted)) {
      if (!isPlain(value))
        throw refused(place, name, value, `an object with ${Object.keys(wanted).join(', ')}`);
      check(`option "${name}" of ${place}`, value, wanted as Record<string, Check>);
    } else if (!wanted[0](value)) throw refused(place, name, value, wanted[1] as string);
  }
}

const refused = (place: string, name: string, value: unknown, wanted: string): FlowError =>
  new FlowError(
    'invalid-option',
    `The option "${name}" of ${place} is ${showValue(value)}. It takes ${wanted}.`,
  );
