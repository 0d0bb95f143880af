/** Conditions that did not come from the helpers: checked, and copied. */
import { FlowError, showValue, suggestion } from '../errors.ts';
import { copyPlain, isPlain, isRecord, own } from '../plain.ts';
import { bindingFromJson } from './binding.ts';
import { type Comparison, type Condition, comparisons, type Operand } from './condition.ts';
import { parseKey } from './key.ts';
import { referenceOf } from './ref.ts';

/** Makes conditions of texts, by the name of their language, for example `{ cel }`. */
export type Languages = Readonly<Record<string, (text: string) => Condition>>;

const ops = [...comparisons, 'exists', 'and', 'or', 'not', 'predicate'];

/** Checks a condition, however it was written, and gives back a copy. Throws a FlowError (`invalid-definition`) for what is none. */
export function conditionFrom(
  source: unknown,
  place: string,
  languages: Languages = {},
): Condition {
  const again = (part: unknown) => conditionFrom(part, place, languages);
  const wrong = (fact: string): never => {
    throw new FlowError('invalid-definition', `The condition of ${place} ${fact}.`);
  };
  const reference = referenceOf(source);
  if (reference || !isPlain(source) || !('op' in source)) {
    const what = reference && 'key' in reference ? `"${reference.key}"` : showValue(source);
    return wrong(
      `is ${what}, which is no condition. Write one such as gt(page.out.score, 0.5); code goes into predicate([page.out], (page) => …)`,
    );
  }
  const { op, left, right, all, any, of, keys, test, language, text } = source as Readonly<
    Record<string, unknown>
  >;
  const side = (name: string, value: unknown): Operand => {
    const isBound = isRecord(value);
    if (value === undefined || (isBound && 'value' in value && value.value === undefined))
      return wrong(`lacks its ${name} side`);
    return isBound
      ? bindingFromJson(value, `condition of ${place}`)
      : (copyPlain(value) as Operand);
  };
  const list = (name: string, value: unknown): readonly unknown[] =>
    Array.isArray(value) ? value : wrong(`needs a list in "${name}"`);
  switch (op) {
    case 'and':
      return { op, all: list('all', all).map(again) };
    case 'or':
      return { op, any: list('any', any).map(again) };
    case 'not':
      return { op, of: again(of) };
    case 'exists':
      return { op, left: side('left', left) };
    case 'predicate': {
      if (typeof test === 'function' && Array.isArray(keys)) {
        keys.forEach(parseKey);
        return copyPlain(source) as Condition;
      }
      const make = own(languages, String(language)) as Languages[string] | undefined;
      return make && typeof text === 'string'
        ? make(text)
        : wrong(
            `is written in ${showValue(language)}, which the registry does not offer. Add it to fromJSON(json, { conditions: { … } })`,
          );
    }
    default:
      return comparisons.includes(op as Comparison)
        ? { op: op as Comparison, left: side('left', left), right: side('right', right) }
        : wrong(
            `has the unknown "op" ${showValue(op)}.${suggestion(String(op), ops)} There are: ${ops.join(', ')}`,
          );
  }
}
