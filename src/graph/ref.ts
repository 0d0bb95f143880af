/** Typed references: a value that will be of type T once the run has come to it. Using one derives a link. */
import { FlowError, typeName } from '../errors.ts';
import { copyPlain, freeze, isPlain } from '../plain.ts';
import { type Key, partOf, showKey } from './key.ts';

declare const VALUE: unique symbol;
declare const IS_REF: unique symbol;
const mark = Symbol.for('millrace.ref');
const inspected = Symbol.for('nodejs.util.inspect.custom');

/** What carries the type of a reference. */
export interface RefOf<out T> {
  readonly [VALUE]: T;
  readonly [IS_REF]: true;
}

/** What is no reference: data, that a reference with the same parts must not pass for. */
export interface NoRef {
  readonly [IS_REF]?: never;
}

type Absent = null | undefined;
/** A stream is read as a whole, by the step that it is passed to. */
type Stream = { readonly subscribe: (...args: never[]) => unknown };

// Of `any` both branches, of everything else the second. With T on the left of `extends` only, so that the compilers see that a
// reference to a narrower type is one to the wider type, and need not compare all that either leads to.
type IsAny<T> = T extends never ? true : false;

/** Known by name, so that `noUncheckedIndexedAccess` does not say of `items[0]` what the reference says itself. */
type First = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** What can be referred to below a value of type T. A part of something that may be absent may be absent. */
type Parts<T> = [IsAny<T>] extends [false]
  ? NonNullable<T> extends string
    ? { readonly length: Ref<number | Extract<T, Absent>> }
    : NonNullable<T> extends readonly (infer Item)[]
      ? { readonly [I in First]: Ref<Item | undefined> } & {
          readonly [index: number]: Ref<Item | undefined>;
          readonly length: Ref<number | Extract<T, Absent>>;
        }
      : NonNullable<T> extends ((...args: never[]) => unknown) | Stream
        ? unknown
        : NonNullable<T> extends object
          ? { readonly [K in keyof NonNullable<T>]-?: Ref<NonNullable<T>[K] | Extract<T, Absent>> }
          : unknown
  : { readonly [key: string]: Ref<T> };

/**
 * A reference to a value of type T that does not exist yet. Its properties are references to the parts
 * of the value. Pass it to a step as a param; nothing is read until the run.
 */
export type Ref<T> = RefOf<T> & Parts<T>;

/** What a reference stands for, as plain data. */
export type Reference =
  | {
      readonly key: string;
      readonly default?: unknown;
      /** The step is skipped, not run with `undefined`, where the value is missing. */
      readonly required?: true;
    }
  | { readonly text: readonly (string | Extract<Reference, { readonly key: string }>)[] };

/** The flow that a reference belongs to. */
interface Owner {
  readonly id: string;
}

/** What data was made of: keys, and the flows that they belong to. Hidden in it, so that it stays plain, and known to other copies of the package. */
const origins = Symbol.for('millrace.origins');
type Origins = readonly (readonly [key: string, owner: Owner])[];

const originsOf = (made: unknown): Origins =>
  (made as { readonly [origins]?: Origins } | null | undefined)?.[origins] ?? [];

const withOrigins = <T extends object>(made: T, value: Origins): T =>
  Object.defineProperty(made, origins, { value });

/** Notes that something is made of references. */
export const madeOf = <T extends object>(made: T, ...sources: readonly Reference[]): T =>
  withOrigins(made, sources.flatMap(originsOf));

/** A reference by its key; every property read from it is a reference one part deeper. */
export function ref<T>(key: Key, owner: Owner): Ref<T> {
  return proxy(
    () => {
      const shown = showKey(key);
      return withOrigins({ key: shown }, [[shown, owner]]);
    },
    (part) =>
      key.of === 'chunks' ? undefined : ref({ ...key, path: [...key.path, part] } as Key, owner),
  ) as Ref<T>;
}

/** In another flow the key of a reference would stand for something else, or for nothing. */
export function refuseForeign(part: unknown, flow: Owner): void {
  for (const [key, owner] of originsOf(part)) {
    if (owner === flow) continue;
    throw new FlowError(
      'ref-misuse',
      `"${key}" is a reference of the flow "${owner.id}", but is used in another one, "${flow.id}". Make it an input there, or use "${owner.id}" as a step there.`,
    );
  }
}

/** What stands behind a reference; `undefined` for anything that is not one. */
export function referenceOf(value: unknown): Reference | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { readonly [mark]?: Reference })[mark];
}

/**
 * The value of a reference, or `fallback` where it is missing because its step was skipped, failed or returned nothing. A step of which
 * everything that is read has a default is waited for, and no obstacle.
 *
 * @example
 * flow.step('greet', greet, { name: orElse(lookup.out.name, 'stranger') })
 */
export function orElse<T, Fallback>(
  source: RefOf<T>,
  fallback: Fallback,
): Ref<Exclude<T, undefined> | Fallback> {
  return extended(source, 'orElse', { default: freeze(copyPlain(fallback)) });
}

/**
 * The value of a reference that the step cannot do without: where it is missing, the step is skipped (`missing-input`).
 * A param that its input schema requires needs no such word.
 *
 * @example
 * flow.step('notify', notify, { refund: required(refund.out) })
 */
export function required<T>(source: RefOf<T>): Ref<Exclude<T, undefined>> {
  return extended(source, 'required', { required: true });
}

type MissingIn<Hole> = Hole extends RefOf<infer T> ? Extract<T, undefined> : never;

/**
 * A text with references in it, put together by the run: objects as JSON, a missing value makes the text missing.
 * Only what stands in the source code is a template; braces in values stay text.
 *
 * @example
 * flow.step('gist', summarise, { prompt: text`Write in a ${flow.input.tone} tone.` })
 */
export function text<Holes extends readonly unknown[]>(
  strings: TemplateStringsArray,
  ...holes: Holes
): Ref<string | MissingIn<Holes[number]>> {
  const parts = strings.flatMap((string, i) => {
    const hole = i < holes.length ? holeOf(holes[i]) : [];
    return string === '' ? hole : [string, ...hole];
  });
  return fixed({ text: parts }) as Ref<string | MissingIn<Holes[number]>>;
}

function holeOf(hole: unknown): readonly (string | Extract<Reference, { key: string }>)[] {
  const reference = referenceOf(hole);
  if (reference) return 'key' in reference ? [reference] : reference.text;
  refuseNode(hole);
  if (hole === undefined || typeof hole === 'function') {
    throw new FlowError(
      'ref-misuse',
      `A hole of a text\`…\` holds ${typeName(hole)}. Put a reference such as \`page.out.title\` there.`,
    );
  }
  if (typeof hole !== 'object') return [String(hole)];
  const json = JSON.stringify(hole, function (this: Record<string, unknown>, name, part: unknown) {
    const inner = name === '' ? undefined : referenceOf(this[name]);
    if (!inner) return part;
    throw new FlowError(
      'ref-misuse',
      `An object in a text\`…\` holds the reference ${'key' in inner ? `"${inner.key}"` : 'text`…`'}, whose value does not exist yet. Give it a hole of its own.`,
    );
  });
  return [json];
}

/** A step itself, where its result is meant, is a slip that would go unseen: it is an object like any other. */
export function refuseNode(value: unknown): void {
  if (!isPlain(value) || !('id' in value && 'out' in value)) return;
  const out = referenceOf(value.out);
  if (!(out && 'key' in out && out.key === `${String(value.id)}.return`)) return;
  throw new FlowError(
    'ref-misuse',
    `"${String(value.id)}" is a step, not a value. Write \`.out\` behind it for its result: \`${String(value.id)}.out\`.`,
  );
}

function keyed(source: unknown, name: string): Extract<Reference, { key: string }> {
  const reference = referenceOf(source);
  if (reference && 'key' in reference) return reference;
  refuseNode(source);
  throw new FlowError(
    'ref-misuse',
    `${name}() takes a reference such as \`page.out.title\`, not ${reference ? 'a text' : 'a value'}. Pass the reference itself.`,
  );
}

function extended<T>(source: unknown, name: string, more: Partial<Reference>): Ref<T> {
  const reference = keyed(source, name);
  return fixed(madeOf({ ...reference, ...more }, reference)) as Ref<T>;
}

const fixed = (reference: Reference): unknown =>
  proxy(
    () => reference,
    () => undefined,
  );

/** How Node prints it. It asks what stands behind the proxy, on behalf of the proxy. */
function showRef(this: unknown): string {
  const { key = 'text`…`' } = referenceOf(this) as { readonly key?: string };
  return `Ref(${key})`;
}
/** Of all references, which keep nothing in it. */
const target = { __proto__: null, [inspected]: showRef } as object;

function proxy(reference: () => Reference, part: (key: string | number) => unknown): unknown {
  const misuse = (): never => {
    const told = reference();
    throw new FlowError(
      'ref-misuse',
      `${'key' in told ? `"${told.key}"` : 'A text`…`'} is a reference to a value that does not exist yet. ` +
        'Pass it to a step as a param, or put it into a text with text`…`.',
    );
  };
  return new Proxy(target, {
    get(_, key) {
      if (key === mark) return reference();
      if (key === Symbol.toPrimitive) return misuse;
      if (key === 'toJSON') return reference;
      // A promise asks every value for `then`, and calls it where it can: a reference cannot be called.
      return typeof key === 'symbol' ? undefined : part(partOf(key));
    },
    has: (_, key) => key === mark,
    // Spreading a reference, or taking its parts for an object of params, would give nothing at all.
    ownKeys: misuse,
    set: misuse,
    defineProperty: misuse,
    deleteProperty: misuse,
    preventExtensions: misuse,
    setPrototypeOf: misuse,
  });
}
