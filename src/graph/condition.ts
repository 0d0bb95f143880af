/** When a step runs, as plain data: comparable, drawable, storable, never evaluated as code. */
import { FlowError } from '../errors.ts';
import { type Binding, bind, keysOf, type Reader, resolver } from './binding.ts';
import { parseKey } from './key.ts';
import { equal, isPlain } from './plain.ts';
import { type RefOf, referenceOf } from './ref.ts';

/** One side of a comparison: a key, a literal that is wrapped because it looks like one of these, or a plain literal. */
export type Operand = Binding | string | number | boolean | null | readonly unknown[];

export type Condition =
  | { readonly op: Comparison; readonly left: Operand; readonly right: Operand }
  | { readonly op: 'exists'; readonly left: Operand }
  | { readonly op: 'and'; readonly all: readonly Condition[] }
  | { readonly op: 'or'; readonly any: readonly Condition[] }
  | { readonly op: 'not'; readonly of: Condition }
  | Predicate;

export type Comparison = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'isIn' | 'matches';

/** Code over the values of some keys. With a language and a text it can be written as JSON, else it cannot. */
export interface Predicate {
  readonly op: 'predicate';
  readonly keys: readonly string[];
  readonly test: (...values: never[]) => boolean;
  readonly language?: string;
  readonly text?: string;
}

type Ordered = number | string | bigint | Date;
type Arg<T> = T | RefOf<T>;

const compare =
  (op: Comparison) =>
  (left: unknown, right: unknown): Condition => ({
    op,
    left: operand(left),
    right: operand(right),
  });

function operand(value: unknown): Operand {
  if (referenceOf(value) || (isPlain(value) && !Array.isArray(value))) return bind(value);
  return isLiteral(value) ? value : { value };
}

const isLiteral = (
  value: unknown,
): value is string | number | boolean | null | readonly unknown[] =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value) || Array.isArray(value);

/** True where both are the same: numbers and texts by value, arrays and objects by their parts. */
export const eq: <T>(left: RefOf<T>, right: Arg<NoInfer<T>>) => Condition = compare('eq');
/** True where `eq` is not. */
export const ne: <T>(left: RefOf<T>, right: Arg<NoInfer<T>>) => Condition = compare('ne');
/** True where left is greater. Values of different types are never greater, nor less. */
export const gt: <T extends Ordered | null | undefined>(
  left: RefOf<T>,
  right: Arg<NoInfer<NonNullable<T>>>,
) => Condition = compare('gt');
/** True where left is greater or the same. */
export const gte: typeof gt = compare('gte');
/** True where left is less. */
export const lt: typeof gt = compare('lt');
/** True where left is less or the same. */
export const lte: typeof gt = compare('lte');
/** True where the list holds the value. */
export const isIn: <T>(left: RefOf<T>, list: Arg<readonly NoInfer<T>[]>) => Condition =
  compare('isIn');
/** True where the value is a text that contains this literal text. */
export const matches: (left: RefOf<string | null | undefined>, literal: string) => Condition =
  compare('matches');
/** True where there is a value: its step ran and returned something; `null` is a value. */
export const exists = (left: RefOf<unknown>): Condition => ({ op: 'exists', left: operand(left) });
export const and = (...all: readonly Condition[]): Condition => ({ op: 'and', all });
export const or = (...any: readonly Condition[]): Condition => ({ op: 'or', any });
export const not = (of: Condition): Condition => ({ op: 'not', of });

type Values<Refs extends readonly RefOf<unknown>[]> = {
  [I in keyof Refs]: Refs[I] extends RefOf<infer T> ? T : never;
};

/**
 * A condition in TypeScript over the values of references. It works everywhere but in JSON: `toJSON()` refuses it.
 *
 * @example
 * flow.step('mail', mail, { to: user.out.mail }, { when: predicate([user.out.age], (age) => age % 2 === 0) })
 */
export function predicate<const Refs extends readonly RefOf<unknown>[]>(
  refs: Refs,
  test: (...values: Values<Refs>) => boolean,
): Condition {
  const keys = refs.map((each) => {
    const reference = referenceOf(each);
    if (reference && 'key' in reference) return reference.key;
    throw new FlowError(
      'ref-misuse',
      'predicate() takes references such as `page.out.title` in its list.',
    );
  });
  return { op: 'predicate', keys, test: test as Predicate['test'] };
}

/** The keys that a condition reads. */
export function conditionKeys(condition: Condition): readonly string[] {
  switch (condition.op) {
    case 'and':
      return condition.all.flatMap(conditionKeys);
    case 'or':
      return condition.any.flatMap(conditionKeys);
    case 'not':
      return conditionKeys(condition.of);
    case 'predicate':
      return condition.keys;
    case 'exists':
      return keysOf(asBinding(condition.left));
    default:
      return [...keysOf(asBinding(condition.left)), ...keysOf(asBinding(condition.right))];
  }
}

const asBinding = (side: Operand): Binding =>
  isPlain(side) && !Array.isArray(side) ? (side as Binding) : { value: side };

/** A condition made ready: does it hold in this run? */
export function tester<Run>(condition: Condition, reader: Reader<Run>): (run: Run) => boolean {
  switch (condition.op) {
    case 'and': {
      const all = condition.all.map((part) => tester(part, reader));
      return (run) => all.every((test) => test(run));
    }
    case 'or': {
      const any = condition.any.map((part) => tester(part, reader));
      return (run) => any.some((test) => test(run));
    }
    case 'not': {
      const test = tester(condition.of, reader);
      return (run) => !test(run);
    }
    case 'predicate': {
      const reads = condition.keys.map((key) => resolver({ key }, reader));
      const test = condition.test as (...values: unknown[]) => boolean;
      return (run) => Boolean(test(...reads.map((read) => read(run))));
    }
    case 'exists': {
      const read = resolver(asBinding(condition.left), reader);
      return (run) => read(run) !== undefined;
    }
    default: {
      const left = resolver(asBinding(condition.left), reader);
      const right = resolver(asBinding(condition.right), reader);
      const test = tests[condition.op];
      return (run) => test(left(run), right(run));
    }
  }
}

const ordered =
  (test: (left: Ordered, right: Ordered) => boolean) =>
  (left: unknown, right: unknown): boolean =>
    orderable(left) && orderable(right) && kind(left) === kind(right) && test(left, right);

const kind = (value: Ordered): string => (value instanceof Date ? 'date' : typeof value);
const orderable = (value: unknown): value is Ordered =>
  ['number', 'string', 'bigint'].includes(typeof value) || value instanceof Date;

const tests: Record<Comparison, (left: unknown, right: unknown) => boolean> = {
  eq: equal,
  ne: (left, right) => !equal(left, right),
  gt: ordered((left, right) => left > right),
  gte: ordered((left, right) => left >= right),
  lt: ordered((left, right) => left < right),
  lte: ordered((left, right) => left <= right),
  isIn: (left, right) => Array.isArray(right) && right.some((item) => equal(left, item)),
  matches: (left, right) =>
    typeof left === 'string' && typeof right === 'string' && left.includes(right),
};

const signs: Partial<Record<string, string>> = {
  eq: '=',
  ne: '≠',
  gt: '>',
  gte: '≥',
  lt: '<',
  lte: '≤',
  isIn: 'in',
  matches: 'contains',
};

/** A condition as a person reads it: `page.return.score > 0.5`. */
export function showCondition(condition: Condition): string {
  const side = (operand: Operand): string => showBinding(asBinding(operand));
  const group = (part: Condition): string =>
    part.op === 'and' || part.op === 'or' ? `(${showCondition(part)})` : showCondition(part);
  switch (condition.op) {
    case 'and':
      return condition.all.map(group).join(' and ');
    case 'or':
      return condition.any.map(group).join(' or ');
    case 'not':
      return `not ${group(condition.of)}`;
    case 'predicate':
      return (
        condition.text ?? `${condition.test.name || 'predicate'}(${condition.keys.join(', ')})`
      );
    case 'exists':
      return `${side(condition.left)} exists`;
    default:
      return `${side(condition.left)} ${signs[condition.op]} ${side(condition.right)}`;
  }
}

/** A binding as a person reads it. */
export function showBinding(binding: Binding): string {
  if ('key' in binding) return binding.key;
  if ('text' in binding)
    return binding.text
      .map((part) => (typeof part === 'string' ? part : `{{${part.key}}}`))
      .join('');
  if ('array' in binding) return `[${binding.array.map(showBinding).join(', ')}]`;
  if ('object' in binding) {
    return `{ ${Object.entries(binding.object)
      .map(([name, part]) => `${name}: ${showBinding(part)}`)
      .join(', ')} }`;
  }
  return JSON.stringify(binding.value) ?? String(binding.value);
}

const comparisons = Object.keys(tests);

/** Checks a condition that came as JSON, and gives it back. `languages` makes conditions of texts, by the language's name. */
export function conditionFromJson(
  json: unknown,
  place: string,
  languages: Readonly<Record<string, (text: string) => Condition>> = {},
): Condition {
  const again = (part: unknown) => conditionFromJson(part, place, languages);
  const wrong = (fact: string): never => {
    throw new FlowError(
      'invalid-definition',
      `The condition of ${place} ${fact}. Its "op" can be: ${[...comparisons, 'exists', 'and', 'or', 'not', 'predicate'].join(', ')}.`,
    );
  };
  if (!isPlain(json)) return wrong('is not an object');
  const { op, left, right, all, any, of, language, text } = json as Record<string, unknown>;
  if (op === 'and')
    return Array.isArray(all) ? { op, all: all.map(again) } : wrong('needs a list in "all"');
  if (op === 'or')
    return Array.isArray(any) ? { op, any: any.map(again) } : wrong('needs a list in "any"');
  if (op === 'not') return { op, of: again(of) };
  if (op === 'predicate') {
    const make =
      typeof language === 'string' && Object.hasOwn(languages, language)
        ? languages[language]
        : undefined;
    return make && typeof text === 'string'
      ? make(text)
      : wrong(`is written in "${String(language)}", which the registry does not offer`);
  }
  const sides = op === 'exists' ? [left] : [left, right];
  if (op !== 'exists' && !comparisons.includes(op as string))
    return wrong(`has the unknown "op" "${String(op)}"`);
  for (const side of sides) {
    if (side === undefined) return wrong('lacks a side');
    if (isPlain(side) && 'key' in side) parseKey(String(side.key));
  }
  return (op === 'exists' ? { op, left } : { op, left, right }) as Condition;
}
