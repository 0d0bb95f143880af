/** Typed references: a value that will be of type T once the run has come to it. Using one derives a link. */
import { FlowError } from '../errors.ts';
import { type Key, showKey } from './key.ts';

declare const VALUE: unique symbol;
const mark = Symbol.for('millrace.ref');

/** What carries the type of a reference. */
export interface RefOf<out T> {
  readonly [VALUE]: T;
}

type Absent = null | undefined;

/** What can be referred to below a value of type T. A part of something that may be absent may be absent. */
type Parts<T> = 0 extends 1 & T
  ? { readonly [key: string]: Ref<T> }
  : NonNullable<T> extends string
    ? { readonly length: Ref<number | Extract<T, Absent>> }
    : NonNullable<T> extends readonly (infer Item)[]
      ? {
          readonly [index: number]: Ref<Item | undefined>;
          readonly length: Ref<number | Extract<T, Absent>>;
        }
      : NonNullable<T> extends (...args: never[]) => unknown
        ? unknown
        : NonNullable<T> extends object
          ? { readonly [K in keyof NonNullable<T>]-?: Ref<NonNullable<T>[K] | Extract<T, Absent>> }
          : unknown;

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

/** A reference by its key; every property read from it is a reference one part deeper. */
export function ref<T>(key: Key): Ref<T> {
  return proxy(
    () => ({ key: showKey(key) }),
    (part) => (key.of === 'chunks' ? undefined : ref({ ...key, path: [...key.path, part] } as Key)),
  ) as Ref<T>;
}

/** What stands behind a reference; `undefined` for anything that is not one. */
export function referenceOf(value: unknown): Reference | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { readonly [mark]?: Reference })[mark];
}

/**
 * The value of a reference, or `fallback` where it is missing because its step was skipped, failed or returned nothing.
 *
 * @example
 * flow.step('greet', greet, { name: orElse(lookup.out.name, 'stranger') })
 */
export function orElse<T, Fallback>(
  source: RefOf<T>,
  fallback: Fallback,
): Ref<Exclude<T, undefined> | Fallback> {
  return fixed({ ...keyed(source, 'orElse'), default: fallback }) as Ref<
    Exclude<T, undefined> | Fallback
  >;
}

/**
 * The value of a reference that the step cannot do without: where it is missing, the step is skipped (`missing-input`).
 * A param that its input schema requires needs no such word.
 *
 * @example
 * flow.step('notify', notify, { refund: required(refund.out) })
 */
export function required<T>(source: RefOf<T>): Ref<Exclude<T, undefined>> {
  return fixed({ ...keyed(source, 'required'), required: true }) as Ref<Exclude<T, undefined>>;
}

/**
 * A text with references in it, put together by the run: objects as JSON, a missing value makes the text missing.
 * Only what stands in the source code is a template; braces in values stay text.
 *
 * @example
 * flow.step('gist', summarise, { prompt: text`Write in a ${flow.input.tone} tone.` })
 */
export function text(strings: TemplateStringsArray, ...holes: readonly unknown[]): Ref<string> {
  const parts = strings.flatMap((string, i) => {
    const hole = i < holes.length ? partOf(holes[i]) : [];
    return string === '' ? hole : [string, ...hole];
  });
  return fixed({ text: parts }) as Ref<string>;
}

function partOf(hole: unknown): readonly (string | Extract<Reference, { key: string }>)[] {
  const reference = referenceOf(hole);
  if (!reference) return [typeof hole === 'object' ? JSON.stringify(hole) : String(hole)];
  return 'key' in reference ? [reference] : reference.text;
}

function keyed(source: unknown, name: string): Extract<Reference, { key: string }> {
  const reference = referenceOf(source);
  if (reference && 'key' in reference) return reference;
  throw new FlowError(
    'ref-misuse',
    `${name}() takes a reference such as \`page.out.title\`, not ${reference ? 'a text' : 'a value'}. Pass the reference itself.`,
  );
}

const fixed = (reference: Reference): unknown =>
  proxy(
    () => reference,
    () => undefined,
  );

function proxy(reference: () => Reference, part: (key: string | number) => unknown): unknown {
  const misuse = (): never => {
    const told = reference();
    throw new FlowError(
      'ref-misuse',
      `${'key' in told ? `"${told.key}"` : 'A text`…`'} is a reference to a value that does not exist yet. ` +
        'Pass it to a step as a param, or put it into a text with text`…`.',
    );
  };
  return new Proxy(Object.create(null) as object, {
    get(_, key) {
      if (key === mark) return reference();
      if (key === Symbol.toPrimitive) return misuse;
      if (key === 'toJSON') return reference;
      // A promise asks every value for `then`: a reference must not look like one that never settles.
      if (typeof key === 'symbol' || key === 'then') return undefined;
      return part(/^\d{1,9}$/.test(key) ? Number(key) : key);
    },
    has: (_, key) => key === mark,
    set: misuse,
    defineProperty: misuse,
    deleteProperty: misuse,
  });
}
