/** Checks the settings of a step when they are written, so that a typing error does not wait for the first failure. */
import { FlowError, quoted, showValue, suggestion } from '../errors.ts';
import { isPlain, own } from '../plain.ts';
import type { LinkOptions, StepSettings } from './definition.ts';

export type Check = readonly [test: (value: unknown) => boolean, wanted: string];

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

/** Conditions are checked where they are copied. */
export const anything: Check = [() => true, ''];
const flag: Check = [(value) => typeof value === 'boolean', 'true or false'];
export const metadata: Check = [(value) => isPlain(value) && !Array.isArray(value), 'an object'];

export type Checks = Readonly<Record<string, Check | Readonly<Record<string, Check>>>>;

const checks: Checks = {
  join: oneOf('any', 'all', 'settled'),
  policy: oneOf('switch', 'concat', 'merge', 'exhaust', 'conflate'),
  concurrency: whole(1),
  maxPending: whole(1),
  equals: code,
  retry: {
    count: whole(0),
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

const linkChecks: Readonly<Record<string, Check>> = {
  when: anything,
  on: oneOf('success', 'failure', 'settled'),
  isTool: flag,
  isToolResult: flag,
  description: [(value) => typeof value === 'string', 'a text'],
  metadata,
};

/** Throws a FlowError (`invalid-option`) for the first setting that cannot be. */
export function checkSettings(step: string, settings: StepSettings): void {
  check(`step "${step}"`, settings as Readonly<Record<string, unknown>>, checks);
}

/** The same for the options of a link. */
export function checkLinkOptions(link: string, options: LinkOptions): void {
  check(`link "${link}"`, options as Readonly<Record<string, unknown>>, linkChecks);
}

/** The same for whatever has options: `a run of "digest"`. */
export function check(
  place: string,
  values: Readonly<Record<string, unknown>>,
  known: Checks,
  others: readonly string[] = [],
): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || others.includes(name)) continue;
    const wanted = own(known, name) as Checks[string] | undefined;
    if (!wanted) {
      const names = Object.keys(known);
      throw new FlowError(
        'invalid-option',
        `There is no option ${quoted(name)} of ${place}.${suggestion(name, names)} It takes: ${names.join(', ')}.`,
      );
    }
    if (!Array.isArray(wanted)) {
      if (!isPlain(value))
        throw refused(place, name, value, `an object with ${Object.keys(wanted).join(', ')}`);
      check(
        `option "${name}" of ${place}`,
        value as Record<string, unknown>,
        wanted as Record<string, Check>,
      );
    } else if (!wanted[0](value)) throw refused(place, name, value, wanted[1] as string);
  }
}

const refused = (place: string, name: string, value: unknown, wanted: string): FlowError =>
  new FlowError(
    'invalid-option',
    `The option "${name}" of ${place} is ${showValue(value)}. It takes ${wanted}.`,
  );
