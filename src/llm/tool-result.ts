/** Results of tools as parts of messages: what the model reads. */
import { type ErrorJson, errorJson, type ToolResult } from '../index.ts';
import { isObject, toJson } from './json.ts';
import type { ToolResultPart } from './message.ts';
import { linesOf } from './structure.ts';

export function resultPart({ callId, name, result, error }: ToolResult): ToolResultPart {
  return error
    ? { type: 'tool-result', id: callId, name, output: errorText(error), isError: true }
    : { type: 'tool-result', id: callId, name, output: toJson(result, `The result of "${name}"`) };
}

/** A result that cannot be told to a model is that of a tool that failed. */
export function readable(answer: ToolResult): ToolResult {
  try {
    resultPart(answer);
  } catch (error) {
    return { ...answer, result: undefined, error: errorJson(error) };
  }
  return answer;
}

/** An error in words for a model: what went wrong, not where in the flow. */
export function errorText({ code, message, issues, cause }: ErrorJson): string {
  if (code === 'invalid-params' && issues)
    return `The arguments are not valid:${linesOf(issues, 'all')}`;
  const inner = code === 'step-failed' && isObject(cause) ? cause['message'] : undefined;
  return typeof inner === 'string' ? inner : message;
}
