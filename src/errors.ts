/** The one error class of the library, its codes, and errors as plain data. */
import { present } from './plain.ts';

/** What can go wrong, by a name that stays when the wording improves. */
export type ErrorCode =
  /** The definition of a flow cannot work. The message lists every problem with its place. */
  | 'invalid-definition'
  /** A link would make steps wait for each other for ever. */
  | 'cycle'
  /** A link contradicts another one, or starts or ends where links of its kind cannot. */
  | 'invalid-link'
  /** A key such as `page.return.title` cannot be read. */
  | 'invalid-key'
  /** The input given to a run does not satisfy the flow. */
  | 'invalid-input'
  /** The params of a step do not satisfy its input schema. */
  | 'invalid-params'
  /** The result or a chunk of a step does not satisfy its schema. */
  | 'invalid-result'
  /** An option has a value that it cannot have. */
  | 'invalid-option'
  /** A handler threw, or its stream ended with an error. The thrown value is the `cause`. */
  | 'step-failed'
  /** A step took longer than its `timeout` allows. */
  | 'step-timeout'
  /** An output needs a step that failed. `errors` holds the error of every failed step. */
  | 'run-failed'
  /** The run was cancelled. */
  | 'cancelled'
  /** A run of this id exists already. */
  | 'run-exists'
  /** No run of this id is known to the saver. */
  | 'run-not-found'
  /** Another process has taken the run over. */
  | 'stale-run'
  /** The flow has changed since the run was stored. */
  | 'definition-changed'
  /** The saver could not store or load. */
  | 'saver-failed'
  /** The run waits for answers. */
  | 'suspended'
  /** An answer that nobody asked for, or that its question refuses. */
  | 'invalid-answer'
  /** A reference to a future value was used as if it were the value. */
  | 'ref-misuse'
  /** A part of a flow or of a state that JSON cannot carry. */
  | 'not-serialisable';

/** One thing that is wrong with a value or a definition, and where. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** An error as plain data: what events, snapshots and savers hold. */
export interface ErrorJson {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly path?: string;
  readonly attempt?: number;
  readonly issues?: readonly Issue[];
  readonly errors?: readonly ErrorJson[];
  readonly cause?: unknown;
  readonly stack?: string;
}

export interface FlowErrorOptions {
  readonly cause?: unknown;
  readonly path?: string;
  readonly attempt?: number;
  readonly issues?: readonly Issue[];
  readonly errors?: readonly FlowError[];
}

const brand = Symbol.for('millrace.error');
const inspected = Symbol.for('nodejs.util.inspect.custom');
/** Causes may go round. */
const printing = new Set<FlowError>();
type Inspect = (value: unknown, options: object) => string;

/**
 * Every error that the library raises itself. An error of your own that a handler throws travels as
 * its `cause`. The message names the culprit in quotes, the fact and the remedy; `code` is stable.
 *
 * @example
 * try {
 *   await flow.complete({ url: 'x' })
 * } catch (error) {
 *   if (FlowError.is(error, 'run-failed')) console.log(error.errors.map((e) => e.path))
 * }
 */
export class FlowError extends Error {
  override readonly name = 'FlowError';
  readonly code: ErrorCode;
  /** The step it happened in: ids from the root, joined by `.`. */
  declare readonly path?: string;
  /** Which attempt of the step failed, from 1. */
  declare readonly attempt?: number;
  /** What is wrong, one entry a place. */
  declare readonly issues?: readonly Issue[];
  /** The errors of all failed steps, of a `run-failed`. */
  declare readonly errors: readonly FlowError[];

  constructor(code: ErrorCode, message: string, options: FlowErrorOptions = {}) {
    // Behind the first line: the lines after it are lists.
    super(
      message.replace(/(?=\n)|$/, ` (${code})`),
      'cause' in options ? { cause: options.cause } : undefined,
    );
    this.code = code;
    if (options.path !== undefined) this.path = options.path;
    if (options.attempt !== undefined) this.attempt = options.attempt;
    // Of an error that nobody caught Node prints every field that it sees, and `errors` always. The message lists these already, and the
    // cause is the first of `errors`: so they are hidden, and a getter, which Node does not read.
    const { issues, errors } = options;
    if (issues) Object.defineProperty(this, 'issues', { value: issues });
    Object.defineProperty(this, 'errors', errors?.length ? { get: () => errors } : { value: [] });
    // Where the engine stood when it heard of an error helps nobody; the cause knows where it was thrown.
    if ((code === 'step-failed' || code === 'run-failed') && 'cause' in options)
      this.stack = `${this.name}: ${this.message}`;
  }

  /** Tells an error of this library from others, also where two copies of the package are installed. */
  static is(error: unknown, code?: ErrorCode): error is FlowError {
    return (
      partOf(error, brand) === true && (code === undefined || (error as FlowError).code === code)
    );
  }

  get [brand](): true {
    return true;
  }

  toJSON(): ErrorJson {
    return errorJson(this);
  }

  /** How Node prints it: each cause once. */
  [inspected](_: number, options: object, inspect: Inspect): string {
    if (printing.has(this)) return '[Circular]';
    const causes = this.errors.length > 0 ? this.errors : 'cause' in this ? [this.cause] : [];
    printing.add(this);
    const texts = causes.map((cause) => inspect(cause, options).replaceAll('\n', '\n  '));
    printing.delete(this);
    return [this.stack, ...texts].join('\n  [cause]: ');
  }
}

const deepestCause = 8;

/** Makes plain data of an error, its causes included, so that it survives JSON. */
export function errorJson(error: unknown, depth = 0): ErrorJson {
  try {
    if (isErrorLike(error)) return plainError(error, depth);
  } catch {
    // What cannot be read is told like any other value.
  }
  return { name: 'NonError', message: nonErrorText(error) };
}

function plainError(error: object, depth: number): ErrorJson {
  const { name, message, stack, code, cause } = error as Partial<FlowError>;
  const { path, attempt, issues, errors = [] } = FlowError.is(error) ? error : ({} as FlowError);
  const jsonOf = (each: unknown): ErrorJson => errorJson(each, depth + 1);
  const isDeep = depth >= deepestCause;
  return present({
    name: String(name ?? 'Error'),
    message: String(message),
    code: code === undefined ? undefined : String(code),
    path,
    attempt,
    issues,
    errors: errors.length === 0 || isDeep ? undefined : errors.map(jsonOf),
    // That of a failed run is the first of its errors.
    cause: cause === undefined || cause === errors[0] || isDeep ? undefined : jsonOf(cause),
    stack: typeof stack === 'string' ? stack : undefined,
  } as ErrorJson);
}

/** A part of what was thrown, which may be anything: to look at it must not throw again. */
function partOf(thrown: unknown, name: PropertyKey): unknown {
  try {
    return (thrown as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/** Whether a message can be read off what was thrown. */
export const isErrorLike = (thrown: unknown): thrown is { readonly message: unknown } =>
  typeof thrown === 'object' && partOf(thrown, 'message') !== undefined;

export const isAbort = (thrown: unknown): boolean => partOf(thrown, 'name') === 'AbortError';

/** What was thrown, in a sentence: its message, or what it is where it has none. */
export const messageOf = (thrown: unknown): string =>
  isErrorLike(thrown) ? nonErrorText(thrown.message) || typeName(thrown) : nonErrorText(thrown);

function nonErrorText(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  return ['object', 'array'].includes(typeName(thrown)) ? showJson(thrown) : showValue(thrown);
}

/** Gives what throws while it is read a place: a getter of an author's, or data that is nested deeper than the call stack. */
export function reading<T>(
  place: string,
  read: () => T,
  code: ErrorCode = 'invalid-definition',
): T {
  try {
    return read();
  } catch (cause) {
    if (FlowError.is(cause)) throw cause;
    const message = `Reading ${place} threw: ${messageOf(cause)}. Give plain data, nested a few hundred deep at most.`;
    throw new FlowError(code, message, { cause });
  }
}

/** A value as a person may read it in a message: short, and its type where it has many parts. */
export function showValue(value: unknown): string {
  const type = typeof value;
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (type === 'bigint') return `${value}n`;
  if (type === 'function' || type === 'symbol') return `a ${type}`;
  if (type !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const name = typeName(value);
  return name === 'object' ? 'an object' : `an object of class ${name}`;
}

/** A value as JSON, or as `showValue` has it where JSON cannot carry it. */
export function showJson(value: unknown): string {
  try {
    return (typeof value !== 'number' && JSON.stringify(value)) || showValue(value);
  } catch {
    return showValue(value);
  }
}

/** The type of a value in a message: `string`, `null`, `array`, `Date`. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value !== 'object') return typeof value;
  try {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === null || prototype === Object.prototype) return 'object';
    return (prototype as { constructor?: { name?: string } }).constructor?.name || 'object';
  } catch {
    return 'object';
  }
}

/** A name in a message: in quotes, and short, whatever it is. */
export const quoted = (name: string): string =>
  `"${name.length > 80 ? `${name.slice(0, 77)}...` : name}"`;

/** Names for a message. There may be thousands. */
export const listed = (names: readonly string[], none = 'none'): string => {
  const more = names.length - 20;
  return (names.slice(0, 20).join(', ') || none) + (more > 0 ? ` and ${more} more` : '');
};

/** Names what may have been meant: the candidate within two edits, fewer for short names, if there is one. */
export function suggestion(wrong: string, candidates: Iterable<string>): string {
  let best: string | undefined;
  let most = Math.min(2, Math.ceil(wrong.length / 2) - 1);
  for (const candidate of candidates)
    for (; isWithin(wrong, candidate, most); most--) best = candidate;
  return best === undefined ? '' : ` Did you mean "${best}"?`;
}

/** Whether two strings are at most so many edits apart, a swap of neighbours being one. */
function isWithin(a: string, b: string, edits: number): boolean {
  let same = 0;
  while (same < a.length && a[same] === b[same]) same++;
  const [one, other] = [a.slice(same), b.slice(same)];
  if (Math.abs(one.length - other.length) > edits) return false;
  if (!one || !other) return true;
  const next = (of: number, by: number) => isWithin(one.slice(of), other.slice(by), edits - 1);
  const isSwap = one[0] === other[1] && one[1] === other[0];
  return edits > 0 && (next(1, 0) || next(0, 1) || next(1, 1) || (isSwap && next(2, 2)));
}
