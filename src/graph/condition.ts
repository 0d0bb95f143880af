/** When a step runs, as plain data: comparable, drawable, storable, never evaluated as code. */
import { FlowError, showJson, typeName } from '../errors.ts';
import { equal, isRecord } from '../plain.ts';
import { type Binding, bind, keysOf, type Reader, resolver } from './binding.ts';
import { madeOf, type RefOf, referenceOf, refuseNode } from './ref.ts';

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
  const binding = bind(value);
  return 'value' in binding && isLiteral(binding.value) ? binding.value : binding;
}

const isLiteral = (value: unknown): value is Exclude<Operand, Binding> =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value) || Array.isArray(value);

// JSON has no `undefined`: to be equal to it is not to be there.
const same =
  (op: 'eq' | 'ne') =>
  (left: unknown, right: unknown): Condition => {
    if (right !== undefined) return compare(op)(left, right);
    return op === 'ne' ? exists(left as RefOf<unknown>) : not(exists(left as RefOf<unknown>));
  };

/** True where both are the same: numbers and texts by value, arrays and objects by their parts. */
export const eq: <T>(left: RefOf<T>, right: Arg<NoInfer<T>>) => Condition = same('eq');
/** True where `eq` is not. */
export const ne: <T>(left: RefOf<T>, right: Arg<NoInfer<T>>) => Condition = same('ne');
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
export const matches = (left: RefOf<string | null | undefined>, literal: string): Condition => {
  if (typeof literal === 'string') return compare('matches')(left, literal);
  throw new FlowError(
    'invalid-definition',
    `matches() looks for a literal text, not ${typeName(literal)}. For a pattern use predicate([page.out.title], (title) => …).`,
  );
};
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
  const references = [refs].flat().map((each) => {
    const reference = referenceOf(each);
    if (reference && 'key' in reference) return reference;
    refuseNode(each);
    throw new FlowError(
      'ref-misuse',
      'predicate() takes references in a list, and a function of their values: predicate([page.out.title], (title) => …).',
    );
  });
  const keys = references.map(({ key }) => key);
  return { op: 'predicate', keys: madeOf(keys, ...references), test: test as Predicate['test'] };
}

/** The conditions that a condition is made of. */
export function partsOf(condition: Condition): readonly Condition[] {
  if (condition.op === 'and') return condition.all;
  if (condition.op === 'or') return condition.any;
  return condition.op === 'not' ? [condition.of] : [];
}

/** The keys that a condition reads. */
export function conditionKeys(condition: Condition | undefined): readonly string[] {
  if (!condition) return [];
  if (condition.op === 'predicate') return condition.keys;
  const { left, right } = condition as { readonly left?: Operand; readonly right?: Operand };
  return [
    ...partsOf(condition).flatMap(conditionKeys),
    ...[left, right].flatMap((side) => keysOf(asBinding(side))),
  ];
}

const asBinding = (side: Operand | undefined): Binding =>
  isRecord(side) ? (side as Binding) : { value: side };

/** A condition made ready: does it hold in this run? */
export function tester<Run>(condition: Condition, reader: Reader<Run>): (run: Run) => boolean {
  const parts = partsOf(condition).map((part) => tester(part, reader));
  switch (condition.op) {
    case 'and':
      return (run) => parts.every((test) => test(run));
    case 'or':
      return (run) => parts.some((test) => test(run));
    case 'not':
      return (run) => !parts.some((test) => test(run));
    case 'predicate': {
      const reads = condition.keys.map((key) => resolver({ key }, reader));
      const test = condition.test as (...values: unknown[]) => unknown;
      return (run) => answerOf(test(...reads.map((read) => read(run))));
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

/** An async predicate would always be true: a promise is. */
function answerOf(answer: unknown): boolean {
  if (!(answer instanceof Promise)) return Boolean(answer);
  answer.catch(() => undefined);
  throw new TypeError('it gave a promise, and must answer at once: let a step wait for it');
}

const ordered =
  (test: (left: Ordered, right: Ordered) => boolean) =>
  (left: unknown, right: unknown): boolean => {
    const kind = orderOf(left);
    return kind !== undefined && kind === orderOf(right) && test(left as Ordered, right as Ordered);
  };

/** The kind of values that a value can be compared with; undefined where it has no order. */
function orderOf(value: unknown): string | undefined {
  const type = typeof value;
  if (type === 'number' || type === 'string' || type === 'bigint') return type;
  return value instanceof Date ? 'date' : undefined;
}

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

/** Every comparison there is. */
export const comparisons = Object.keys(tests) as readonly Comparison[];

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
  const parts = partsOf(condition).map((part) =>
    part.op === 'and' || part.op === 'or' ? `(${showCondition(part)})` : showCondition(part),
  );
  switch (condition.op) {
    case 'and':
    case 'or':
      return parts.join(` ${condition.op} `);
    case 'not':
      return `not ${parts.join()}`;
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
  return showJson(binding.value);
}
