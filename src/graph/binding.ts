/** Where a value comes from, as plain data: a literal, a key, a text with holes, or a structure of these. */
import { FlowError, listed, messageOf, quoted, showValue } from '../errors.ts';
import { addToList, copyPlain, freeze, isPlain, isRecord, put } from '../plain.ts';
import { type Key, parseKey, readPath } from './key.ts';
import { type Reference, referenceOf, refuseForeign, refuseNode } from './ref.ts';

export type Binding =
  | { readonly value: unknown }
  | Reference
  | { readonly array: readonly Binding[] }
  | { readonly object: Readonly<Record<string, Binding>> };

/** How the value of a key is found in a run: asked once when a flow is compiled, called in every run. */
export type Reader<Run> = (key: Key) => (run: Run) => unknown;

/** Makes a binding of what an author passes: a value, a reference, or a structure with references in it. */
export const bind = (source: unknown): Binding => structure(source, referenceOf);

/** A structure with something to fill in anywhere is bound part by part; any other is a value. */
function structure(source: unknown, fillIn: (part: unknown) => Binding | undefined): Binding {
  const open = around([source], (part) => Boolean(fillIn(part)));
  const bound = (part: unknown): Binding => {
    const filled = fillIn(part);
    if (filled) return filled;
    refuseNode(part);
    if (!open.has(part)) return { value: freeze(copyPlain(part)) };
    if (Array.isArray(part)) return { array: part.map(bound) };
    const parts = Object.entries(part as object).map(
      ([name, each]) => [name, bound(each)] as const,
    );
    return { object: Object.fromEntries(parts) };
  };
  return bound(source);
}

/** What in plain data is around something that is so. Cycles and any depth are fine. */
function around(data: object, isSo: (part: unknown) => boolean): ReadonlySet<unknown> {
  const found = new Set<object>();
  const holders = new Map<object, object[]>([[data, []]]);
  // A Map, and a Set, goes on with what is added meanwhile.
  for (const [each] of holders) {
    for (const part of Object.values(each)) {
      if (isSo(part)) found.add(each);
      else if (isPlain(part)) addToList(holders, part, each);
    }
  }
  for (const each of found) for (const holder of holders.get(each) ?? []) found.add(holder);
  return found;
}

/** Gives back bindings, or a condition, that a flow takes in; throws for a reference of another flow in them. */
export function ownOf<T>(given: T, flow: { readonly id: string }): T {
  around([given], (part) => {
    const reference = referenceOf(part);
    refuseForeign(reference ?? part, flow);
    return Boolean(reference);
  });
  return given;
}

type Keyed = Extract<Reference, { key: string }>;

function keysIn(binding: Binding, counts: (read: Keyed) => boolean): readonly string[] {
  if ('key' in binding) return counts(binding) ? [binding.key] : [];
  const inPart = (part: Binding) => keysIn(part, counts);
  if ('text' in binding)
    return binding.text.flatMap((part) => (typeof part === 'string' ? [] : inPart(part)));
  if ('array' in binding) return binding.array.flatMap(inPart);
  return 'object' in binding ? Object.values(binding.object).flatMap(inPart) : [];
}

/** The keys that a binding reads. Links are derived from these. */
export const keysOf = (binding: Binding): readonly string[] => keysIn(binding, () => true);

/** The keys that a binding reads and that no default stands in for. */
export const keysNeeded = (binding: Binding): readonly string[] =>
  keysIn(binding, (read) => read.default === undefined);

/** A binding made ready: keys are taken apart once, not at every run. A missing part makes a text missing. */
export function resolver<Run>(binding: Binding, reader: Reader<Run>): (run: Run) => unknown {
  if ('value' in binding) return () => binding.value;
  if ('key' in binding) return keyResolver(binding, reader);
  if ('text' in binding) return textResolver(binding.text, reader);
  if ('array' in binding) {
    const parts = binding.array.map((part) => resolver(part, reader));
    return (run) => {
      const list = new Array<unknown>(parts.length);
      for (let i = 0; i < parts.length; i++) list[i] = (parts[i] as (run: Run) => unknown)(run);
      return Object.freeze(list);
    };
  }
  const parts = Object.entries(binding.object).map(
    ([name, part]) => [name, resolver(part, reader)] as const,
  );
  return (run) => {
    const object: Record<string, unknown> = {};
    for (const [name, part] of parts) {
      const value = part(run);
      if (value !== undefined) put(object, name, value);
    }
    return Object.freeze(object);
  };
}

function keyResolver<Run>(
  { key, default: fallback }: { readonly key: string; readonly default?: unknown },
  reader: Reader<Run>,
): (run: Run) => unknown {
  const parsed = parseKey(key);
  const path = parsed.of === 'input' || parsed.of === 'param' ? parsed.path.slice(1) : parsed.path;
  const read = reader(parsed);
  if (parsed.path.length === 0 && fallback === undefined) return read;
  return (run) => {
    const value = read(run);
    const found = path.length === 0 ? value : readPath(value, path);
    return found === undefined ? fallback : found;
  };
}

function textResolver<Run>(
  text: Extract<Reference, { text: unknown }>['text'],
  reader: Reader<Run>,
): (run: Run) => string | undefined {
  const parts = text.map((part) => (typeof part === 'string' ? part : keyResolver(part, reader)));
  return (run) => {
    let whole = '';
    for (const part of parts) {
      const value = typeof part === 'string' ? part : part(run);
      if (value === undefined) return undefined;
      whole += showInText(value);
    }
    return whole;
  };
}

function showInText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const json = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? String(part) : part,
  );
  // A date or a URL is a text in JSON: without its quotes.
  return json?.startsWith('"') ? (JSON.parse(json) as string) : String(json);
}

/**
 * Reads what an author wrote as a template: `{{key}}` in any string of it is a hole. A template of a single hole keeps
 * the type of its value. `\{{` stands for two braces. Linear in the length of the text.
 */
export const template = (source: unknown, place: string): Binding =>
  structure(source, (part) =>
    typeof part === 'string' && part.includes('{{') ? cut(part, place) : referenceOf(part),
  );

function cut(source: string, place: string): Binding {
  const parts: (string | { key: string })[] = [];
  let literal = '';
  let at = 0;
  for (let open = source.indexOf('{{'); open >= 0; open = source.indexOf('{{', at)) {
    if (source[open - 1] === '\\') {
      literal += `${source.slice(at, open - 1)}{{`;
      at = open + 2;
      continue;
    }
    const close = source.indexOf('}}', open + 2);
    if (close < 0) {
      throw new FlowError(
        'invalid-key',
        `The template of "${place}" opens a hole at character ${open + 1} that never closes: ${showValue(source.slice(open))}. Close it with "}}". For two braces write "\\{{".`,
      );
    }
    literal += source.slice(at, open);
    if (literal) parts.push(literal);
    literal = '';
    parts.push({ key: keyIn(source.slice(open + 2, close).trim(), place) });
    at = close + 2;
  }
  literal += source.slice(at);
  if (literal) parts.push(literal);
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'object') return only;
  return parts.some((part) => typeof part === 'object') ? { text: parts } : { value: literal };
}

function keyIn(key: string, place: string): string {
  try {
    parseKey(key);
    return key;
  } catch (cause) {
    throw new FlowError(
      'invalid-key',
      `The hole ${quoted(`{{${key}}}`)} in the template of "${place}" holds no key. ${messageOf(cause).replace(' (invalid-key)', '')} For two braces write "\\{{".`,
      { cause },
    );
  }
}

/** Checks a binding that came as JSON, and gives it back. A `{ template }` is read as an author's template. */
export function bindingFromJson(json: unknown, place: string): Binding {
  const given = isPlain(json) ? (json as Readonly<Record<string, unknown>>) : {};
  const { key, default: fallback, required = false, autolink = true, ...forms } = given;
  // What else stands there would make another binding of it, or mean nothing.
  const [[form, part] = [], ...others] = Object.entries(key === undefined ? given : forms);
  if (typeof key === 'string' && form === undefined && isFlag(required) && isFlag(autolink)) {
    parseKey(key);
    return {
      key,
      ...(fallback !== undefined && { default: copyPlain(fallback) }),
      ...(required === true && { required }),
      ...(autolink === false && { autolink }),
    };
  }
  if (key === undefined && others.length === 0) {
    if (form === 'value') return { value: copyPlain(part) };
    if (form === 'template') return template(part, place);
    if (form === 'text' && Array.isArray(part)) {
      const text = part.map((each) =>
        typeof each === 'string' ? each : bindingFromJson(each, place),
      );
      if (text.every(isTextPart)) return { text };
    }
    if (form === 'array' && Array.isArray(part))
      return { array: part.map((each, i) => bindingFromJson(each, `${place}[${i}]`)) };
    if (form === 'object' && isRecord(part)) {
      const object = Object.entries(part).map(
        ([name, each]) => [name, bindingFromJson(each, `${place}.${name}`)] as const,
      );
      return { object: Object.fromEntries(object) };
    }
  }
  throw new FlowError(
    'invalid-definition',
    `"${place}" is bound to ${showValue(json)}${form ? ` of ${listed(Object.keys(given))}` : ''}, which is no binding. Write { value }, { key }, { text }, { template }, { array } or { object }.`,
  );
}

const isFlag = (value: unknown): boolean => typeof value === 'boolean';

const isTextPart = (part: string | Binding): part is string | Keyed =>
  typeof part === 'string' || 'key' in part;
