/** Inputs and params, checked, as an outcome: at once, or in a promise where a schema takes its time. */
import { FlowError } from '../errors.ts';
import { checkInput, plainInput } from '../graph/check-input.ts';
import type { FlowDefinition } from '../graph/definition.ts';
import { type Schema, validate, violation } from '../graph/schema.ts';
import { freeze } from '../plain.ts';
import { failure, type Outcome, success } from '../state/outcome.ts';
import { placedError } from '../wire/placed-error.ts';

export function checkedInput(
  definition: FlowDefinition,
  input: unknown,
  path: string,
): Outcome | Promise<Outcome> {
  const plain = plainInput(definition, input);
  return plain ? success(plain) : outcomeOf(path, () => checkInput(definition, input, path));
}

export const checkedParams = (
  schema: Schema,
  params: unknown,
  path: string,
): Outcome | Promise<Outcome> =>
  outcomeOf(path, () =>
    validate(schema, params, (issues) =>
      violation('invalid-params', `The params of step "${path}" are not valid`, issues, path),
    ),
  );

function outcomeOf(path: string, check: () => unknown): Outcome | Promise<Outcome> {
  const failed = (error: unknown): Outcome =>
    failure(FlowError.is(error) ? error : placedError(error, path, 1));
  try {
    const value = check();
    return value instanceof Promise
      ? value.then((late) => success(freeze(late)), failed)
      : success(freeze(value));
  } catch (error) {
    return failed(error);
  }
}
