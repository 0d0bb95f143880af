/** A short name for a definition: the same for the same definition, whatever the order in which it was written. */

import { typeName } from '../errors.ts';
import { isPlain, own } from '../plain.ts';

/**
 * A text for data like JSON, with the names of objects in order, so that equal data gives equal text. Code is left out. What is no data,
 * such as a connection, is shown by `foreign`: by default its type alone, whatever it holds at the moment.
 */
export function canonicalJson(
  value: unknown,
  foreign: (value: object) => string = typeName,
): string {
  let text = '';
  const around = new Set<object>();
  // What is left to write: no recursion, as data may be nested deeper than the call stack.
  const todo: (() => unknown)[] = [];
  const write = (part: unknown): void => {
    if (!isPlain(part) || around.has(part)) {
      text += shown(part, foreign) ?? 'null';
      return;
    }
    const isList = Array.isArray(part);
    const names: (string | number)[] = isList
      ? [...part.keys()]
      : Object.keys(part)
          .filter((name) => shown(own(part, name), foreign) !== undefined)
          .sort();
    around.add(part);
    text += isList ? '[' : '{';
    todo.push(() => {
      around.delete(part);
      text += isList ? ']' : '}';
    });
    const [first] = names;
    for (const name of names.reverse()) {
      todo.push(() => {
        if (name !== first) text += ',';
        if (!isList) text += `${JSON.stringify(name)}:`;
        write(own(part, name));
      });
    }
  };
  write(value);
  for (let next = todo.pop(); next; next = todo.pop()) next();
  return text;
}

/** What has no parts to look through, as text. */
function shown(part: unknown, foreign: (value: object) => string): string | undefined {
  if (typeof part === 'bigint') return `${part}n`;
  if (typeof part === 'number') return String(part);
  if (typeof part !== 'object' || part === null) return JSON.stringify(part);
  if (part instanceof Date) return `Date(${part.getTime()})`;
  return isPlain(part) ? 'cycle' : foreign(part);
}

/** 128 bits of four FNV-1a-like lanes with a final avalanche, in hex. It tells definitions apart; it is no protection against forgery. */
export function hash(text: string): string {
  const lanes = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  const primes = [0x01000193, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    for (let lane = 0; lane < 4; lane++) {
      lanes[lane] = Math.imul((lanes[lane] as number) ^ (code + lane), primes[lane] as number);
    }
  }
  return lanes
    .map((lane, i) => avalanche(lane ^ (lanes[(i + 1) % 4] as number) ^ text.length))
    .join('');
}

function avalanche(bits: number): string {
  let mixed = bits;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0).toString(16).padStart(8, '0');
}
