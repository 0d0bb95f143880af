/** Values as JSON text and back: what JSON cannot carry is restored, or refused with the place where it stands. */
import { FlowError, freeze } from '../index.ts';
import { kindByName, kindOf } from './kinds.ts';

// An object whose key is this says what it stands for; keys of users that begin with it get one more.
const mark = '~';
const deepest = 1000;

/**
 * Plain data, as JSON has it. `at`: where the value stands, for the message and because it counts towards the depth. Parts that need no encoding are passed on as they are: most values need none, and
 * cost one look.
 */
export function toPlain(value: unknown, at: readonly string[] = []): unknown {
  try {
    return encoded(value, at.length, undefined);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw refused(value, at);
  }
}

/** The value as JSON text. Throws a FlowError (`not-serialisable`) that names the path of what cannot be kept. */
export const encode = (value: unknown, at?: readonly string[]): string =>
  JSON.stringify(toPlain(value, at));

/** The value that `encode` made the text of, frozen. */
export function decode(text: string): unknown {
  const plain: unknown = JSON.parse(text);
  return freeze(text.includes(`"${mark}`) ? decoded(plain) : plain);
}

class Refusal extends Error {}

/** Where a value is looked into once more, to say what is wrong and where. */
interface Trail {
  readonly names: string[];
  readonly above: Set<object>;
}

function encoded(value: unknown, depth: number, trail: Trail | undefined): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (value !== 0 ? Number.isFinite(value) : 1 / value > 0) return value;
      return { [mark]: value === 0 ? '-0' : String(value) };
    case 'undefined':
      return { [mark]: 'undefined' };
    case 'bigint':
      return { [mark]: ['bigint', String(value)] };
    case 'object':
      return value === null ? null : encodedObject(value, depth, trail);
    default:
      throw new Refusal(`is a ${typeof value}`);
  }
}

function encodedObject(value: object, depth: number, trail: Trail | undefined): unknown {
  if (trail?.above.has(value)) throw new Refusal('contains itself');
  // A cycle is as deep as it gets, so nobody has to look for one on the way.
  if (depth > deepest) throw new Refusal(`is more than ${deepest} levels deep`);
  trail?.above.add(value);
  const result = encodedParts(value, depth + 1, trail);
  trail?.above.delete(value);
  return result;
}

function encodedParts(value: object, depth: number, trail: Trail | undefined): unknown {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null)
    return encodedRecord(value as Record<string, unknown>, depth, trail);
  if (Array.isArray(value)) return encodedList(value, depth, trail);
  const kind = kindOf(prototype as object);
  if (!kind) throw new Refusal(`is an object of class ${className(prototype as object)}`);
  return { [mark]: [kind.name, ...encodedList(kind.take(value), depth, trail)] };
}

function encodedList(
  list: readonly unknown[],
  depth: number,
  trail: Trail | undefined,
): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const part = list[i];
    if (typeof part === 'string') continue;
    trail?.names.push(String(i));
    const now = encoded(part, depth, trail);
    trail?.names.pop();
    if (now === part) continue;
    copy ??= list.slice();
    copy[i] = now;
  }
  return copy ?? list;
}

function encodedRecord(
  record: Readonly<Record<string, unknown>>,
  depth: number,
  trail: Trail | undefined,
): unknown {
  let entries: [string, unknown][] | undefined;
  const names = Object.keys(record);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const part = record[name];
    trail?.names.push(name);
    const now = typeof part === 'string' ? part : encoded(part, depth, trail);
    trail?.names.pop();
    const written = name.charCodeAt(0) === 126 ? mark + name : name;
    if (!entries && now === part && written === name) continue;
    entries ??= names.slice(0, i).map((before) => [before, record[before]]);
    entries.push([written, now]);
  }
  // Not by assignment: that would set the prototype where a key is `__proto__`.
  return entries ? Object.fromEntries(entries) : record;
}

function decoded(plain: unknown): unknown {
  if (typeof plain !== 'object' || plain === null) return plain;
  if (Array.isArray(plain)) {
    for (let i = 0; i < plain.length; i++) plain[i] = decoded(plain[i]);
    return plain;
  }
  const record = plain as Record<string, unknown>;
  if (Object.hasOwn(record, mark)) return special(record[mark]);
  const entries = Object.entries(record);
  for (const entry of entries) {
    const [name, part] = entry;
    if (name.startsWith(mark)) entry[0] = name.slice(mark.length);
    entry[1] = decoded(part);
  }
  return Object.fromEntries(entries);
}

function special(meaning: unknown): unknown {
  switch (meaning) {
    case 'undefined':
      return undefined;
    case '-0':
      return -0;
    case 'NaN':
    case 'Infinity':
    case '-Infinity':
      return Number(meaning);
  }
  const [name, ...parts] = Array.isArray(meaning) ? (meaning as unknown[]) : [meaning];
  if (name === 'bigint') return BigInt(String(parts[0]));
  const kind = kindByName(String(name));
  if (kind) return kind.make(parts.map(decoded));
  throw new FlowError(
    'not-serialisable',
    `A stored value is of the kind "${String(name)}", which is unknown here. It was stored by a newer version: use that one`,
  );
}

function refused(value: unknown, at: readonly string[]): FlowError {
  const trail: Trail = { names: [], above: new Set() };
  let fact = 'cannot be kept';
  try {
    encoded(value, at.length, trail);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    fact = error.message;
  }
  const path = shortPath([...at, ...trail.names]);
  const [root, step] = at;
  return new FlowError(
    'not-serialisable',
    `"${path}" ${fact}, which cannot be stored. Keep plain data, dates, Maps, Sets or bytes there, and make the rest of it again from those`,
    {
      issues: [{ path, message: fact }],
      ...(root === 'steps' && step !== undefined && { path: step }),
    },
  );
}

const shortPath = (names: readonly string[]): string =>
  (names.length > 20 ? [...names.slice(0, 10), '…', ...names.slice(-5)] : names).join('.');

const className = (prototype: object): string =>
  (prototype as { constructor?: { name?: string } }).constructor?.name || 'unknown';
