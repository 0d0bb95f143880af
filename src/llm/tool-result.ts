/** Results of tools as parts of messages: what the model reads. */
import { type ErrorJson, errorJson, type ToolResult } from '../index.ts';
import { isObject, toJson } from './json.ts';
import type { ToolResultPart } from './message.ts';
import { linesOf } from './structure.ts';

/** What a model is told of a call. */
export interface Told {
  readonly part: ToolResultPart;
  /** What went wrong, where the tool failed. */
  readonly error?: ErrorJson;
}

/** A result that cannot be told to a model is that of a tool that failed. */
export function told({ callId, name, result, error }: ToolResult): Told {
  const part = { type: 'tool-result', id: callId, name } as const;
  if (error) return { part: { ...part, output: errorText(error), isError: true }, error };
  try {
    return { part: { ...part, output: toJson(result, `The result of "${name}"`) } };
  } catch (thrown) {
    return told({ callId, name, error: errorJson(thrown) });
  }
}

/** An error in words for a model: what went wrong, not where in the flow. */
function errorText({ code, message, issues, cause }: ErrorJson): string {
  if (issues && (code === 'invalid-params' || code === 'invalid-input'))
    return `The arguments are not valid:${linesOf(issues, 'all')}`;
  const inner = code === 'step-failed' && isObject(cause) ? cause['message'] : undefined;
  return typeof inner === 'string' ? inner : message;
}
