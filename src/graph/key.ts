/** Keys such as `page.return.items[0].title`: their text, their parts, and reading them. */

import { FlowError, quoted, showValue } from '../errors.ts';
import { own } from '../plain.ts';

export type Path = readonly (string | number)[];

/** A key taken apart. `input` is the flow's own input, the others belong to a step. */
export type Key =
  | { readonly of: 'input'; readonly path: Path }
  | { readonly of: 'return' | 'error' | 'param'; readonly step: string; readonly path: Path }
  | { readonly of: 'chunks'; readonly step: string; readonly path: Path };

/** The name under which the whole input of a flow can be read. */
const INPUT = '$input';

const longestKey = 1024;
const id = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const plain = /[^.[\]{}"'\s]+/y;
const index = /\[(?:(0|[1-9]\d{0,8})|("(?:[^"\\]|\\.)*"))\]/y;
/** Part of a path that counts from 0: `007` is a name. */
const count = /^(?:0|[1-9]\d{0,8})$/;

/** A part of a path as it is read: a number where it can be an index. */
export const partOf = (text: string): string | number => (count.test(text) ? Number(text) : text);

/** Whether a text can name a step: a letter or `_`, then letters, digits, `_`, `-`; at most 64 characters. */
export const isId = (text: string): boolean => id.test(text) && text !== '__proto__';

const parsed = new Map<string, Key>();

/**
 * Takes a key apart: `step.return.items[0].name` or `.items.0.name`, `step.chunks`, `step.error`, `step.param`,
 * `name` (an input of the flow) or `$input.name.part`. Throws a FlowError (`invalid-key`) for anything else.
 */
export function parseKey(text: string): Key {
  const known = parsed.get(text);
  if (known) return known;
  if (typeof text !== 'string') {
    throw new FlowError(
      'invalid-key',
      `A key is a text such as "page.return.title", not ${showValue(text)}.`,
    );
  }
  const key = keyOf(text, parsePath(text));
  if (parsed.size > 10_000) parsed.clear();
  parsed.set(text, key);
  return key;
}

function keyOf(text: string, [head, member, ...rest]: Path): Key {
  if (head === INPUT) return { of: 'input', path: member === undefined ? [] : [member, ...rest] };
  if (typeof head !== 'string' || !isId(head)) {
    throw invalid(
      text,
      `${quoted(String(head))} can be neither a step nor, without "${INPUT}." before it, an input`,
    );
  }
  if (member === undefined) return { of: 'input', path: [head] };
  switch (member) {
    case 'return':
    case 'error':
      return { of: member, step: head, path: rest };
    case 'chunks':
      if (rest.length > 0) throw invalid(text, 'a stream of chunks has no parts to read');
      return { of: 'chunks', step: head, path: rest };
    default:
      return { of: 'param', step: head, path: [member, ...rest] };
  }
}

function parsePath(text: string): Path {
  if (text.length > longestKey) {
    throw invalid(text, `it has ${text.length} characters, at most ${longestKey} are read`);
  }
  const path: (string | number)[] = [];
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) at = pattern.lastIndex;
    return match;
  };
  while (at < text.length || path.length === 0) {
    const bracket = path.length > 0 ? take(index) : null;
    if (bracket) {
      path.push(bracket[1] ? Number(bracket[1]) : unquote(text, bracket[2] as string));
      continue;
    }
    if (path.length > 0 && text[at++] !== '.')
      throw invalid(text, `"." or "[" is missing at character ${at}`);
    const name = take(plain);
    if (!name) throw invalid(text, `a name is missing at character ${at + 1}`);
    path.push(path.length > 0 ? partOf(name[0]) : name[0]);
  }
  return path;
}

function unquote(text: string, json: string): string {
  try {
    return JSON.parse(json) as string;
  } catch {
    throw invalid(text, `${json} is not a JSON string`);
  }
}

/** The text of a key; `parseKey` reads it back. */
export function showKey(key: Key): string {
  if (key.of === 'input') {
    const [name, ...rest] = key.path;
    return rest.length === 0 && typeof name === 'string' && isId(name)
      ? name
      : INPUT + showPath(key.path);
  }
  return key.step + (key.of === 'param' ? '' : `.${key.of}`) + showPath(key.path);
}

/** The steps that keys belong to. */
export const stepsIn = (keys: readonly string[]): readonly string[] =>
  keys.map(parseKey).flatMap((key) => (key.of === 'input' ? [] : key.step));

const showPath = (path: Path): string =>
  path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`;
      plain.lastIndex = 0;
      const whole = plain.exec(part)?.[0] === part && !count.test(part);
      return whole ? `.${part}` : `[${JSON.stringify(part)}]`;
    })
    .join('');

/** What a key binds: a param of a step, or an input of the flow. */
export function targetOf(target: string): { readonly step?: string; readonly name: string } {
  const key = parseKey(target);
  const { of, path } = key;
  const [name] = path;
  if (of === 'input' && path.length === 1) return { name: String(name) };
  if (of === 'param' && path.length === 1) return { step: key.step, name: String(name) };
  // A param may well be called `error`.
  if (of !== 'input' && of !== 'param' && path.length === 0) return { step: key.step, name: of };
  throw new FlowError(
    'invalid-key',
    `${quoted(target)} cannot be bound. Write "step.param" for a param of a step, or a name for an input of the flow.`,
  );
}

/** The key that binds a param; `targetOf` takes it apart. */
export const paramKey = (step: string, name: string): string =>
  isId(name) ? `${step}.${name}` : `${step}[${JSON.stringify(name)}]`;

/** The key that binds an input. */
export const inputKey = (name: string): string => showKey({ of: 'input', path: [name] });

/** Reads along a path. Own properties only: what a prototype offers is never reached, and not there is `undefined`. */
export function readPath(value: unknown, path: Path): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at === 'string') at = part === 'length' ? at.length : undefined;
    else at = own(at, part);
  }
  return at;
}

const invalid = (text: string, fact: string): FlowError =>
  new FlowError(
    'invalid-key',
    `The key ${quoted(text)} cannot be read: ${fact}. Write "step.return.part", "step.chunks", "step.error", "step.param", or the name of an input.`,
  );
