/** Inputs and params, checked, as an outcome: at once, or in a promise where a schema takes its time. */
import { FlowError } from '../errors.ts';
import { checkInput } from '../graph/check-input.ts';
import type { FlowDefinition } from '../graph/definition.ts';
import { type Schema, validate, violation } from '../graph/schema.ts';
import { freeze } from '../plain.ts';
import { failure, type Outcome, success } from '../state/outcome.ts';
import { placedError } from '../wire/placed-error.ts';
import type { Step } from '../wire/step.ts';

export function checkedInput(
  definition: FlowDefinition,
  input: unknown,
  path: string,
): Outcome | Promise<Outcome> {
  try {
    return settled(checkInput(definition, input, path), path);
  } catch (error) {
    return failed(error, path);
  }
}

/** The schema that params must satisfy before code is called. A flow, and a step that runs another one, has that checked there. */
export const schemaOfParams = ({ input, definition, inner }: Step): Schema | undefined =>
  definition || inner ? undefined : input;

export function checkedParams(
  schema: Schema,
  params: unknown,
  path: string,
): Outcome | Promise<Outcome> {
  try {
    const checked = validate(schema, params, (issues) =>
      violation('invalid-params', `The params of step "${path}" are not valid`, issues, path),
    );
    return settled(checked, path);
  } catch (error) {
    return failed(error, path);
  }
}

function settled(value: unknown, path: string): Outcome | Promise<Outcome> {
  if (!(value instanceof Promise)) return success(freeze(value));
  return value.then(
    (late) => success(freeze(late)),
    (error) => failed(error, path),
  );
}

const failed = (error: unknown, path: string): Outcome =>
  failure(FlowError.is(error) ? error : placedError(error, path, 1));
