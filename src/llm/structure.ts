/** Answers that are data: asked for by a schema, and checked. */
import type { Observable } from 'rxjs';
import { FlowError, type Issue, jsonSchemaOf, type Schema, validate } from '../index.ts';
import { type JsonSchema, parseJson } from './json.ts';
import type { ResponseFormat } from './model.ts';
import { toResult } from './script.ts';

export interface Structure {
  readonly response: ResponseFormat;
  /** Emits a `StepResult` with what the schema made of an answer; errors with every issue where it refuses it. */
  check(text: string, path: string): Observable<unknown>;
}

export function structureOf(schema: Schema): Structure {
  const { $schema, ...known } = (jsonSchemaOf(schema, 'input') ?? {}) as JsonSchema;
  if (Object.keys(known).length === 0) {
    throw new FlowError(
      'invalid-option',
      'The schema of an answer must tell its JSON Schema, so that the model can be asked for it. Use zod 4.2 or later, arktype, or valibot with toStandardJsonSchema().',
    );
  }
  return {
    response: { schema: known },
    check: (text, path) => {
      // Whole first: a fence may stand in one of its texts.
      const value = parseJson(text) ?? parseJson(text.replace(fence, '$1'));
      const misfit = (issues: readonly Issue[]) =>
        new FlowError(
          'invalid-result',
          `The model of step "${path}" gave an answer that its schema refuses:${linesOf(issues)}`,
          { path, issues },
        );
      if (value === undefined) throw misfit([{ path: '', message: 'is not JSON' }]);
      return toResult(validate(schema, value, misfit));
    },
  };
}

// Models wrap JSON in a fence of Markdown, whatever they are told.
const fence = /^.*?```\w*\s(.*)```.*/s;

/** One line for each issue. */
export const linesOf = (issues: readonly Issue[], whole = 'the answer'): string =>
  issues.map(({ path, message }) => `\n- ${path || whole}: ${message}`).join('');
