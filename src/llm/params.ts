/** What an LLM step is asked: its params, and the messages that they make. */
import { FlowError, type Schema, schemaFromJson, type ToolResult } from '../index.ts';
import { type MessageInput, toMessages } from './foreign-message.ts';
import { type Message, message, type Part, type ToolResultPart, toolCalls } from './message.ts';
import { messageWindow, pairCalls } from './window.ts';

export interface LlmParams {
  /** What the user says: text, or parts with files. Text is text, whatever is in it. */
  readonly prompt?: string | readonly Part[] | undefined;
  /** Takes the place of the `system` of the options. */
  readonly system?: string | undefined;
  /** What was said before the prompt: messages of millrace, or UI or model messages of the AI SDK. */
  readonly messages?: MessageInput | readonly MessageInput[] | undefined;
  /** What came of calls that a step before has made. A tool-result link brings them. */
  readonly toolResults?: readonly ToolResult[] | undefined;
}

/** The params as a schema, so that a flow is checked before it runs. */
export const paramsSchema = schemaFromJson({
  type: 'object',
  properties: {
    prompt: { anyOf: [{ type: 'string' }, { type: 'array' }] },
    system: { type: 'string' },
    messages: {},
    toolResults: { type: 'array' },
  },
  additionalProperties: false,
}) as Schema<LlmParams>;

export interface Conversation {
  /** What goes before: system message and memory. */
  readonly before: readonly Message[];
  /** What is said now, and remembered when the step has succeeded. */
  readonly said: readonly Message[];
}

/** Puts together what the model is to hear. */
export function conversation(
  params: LlmParams,
  results: readonly ToolResultPart[],
  options: { readonly system?: string | undefined; readonly window?: number | undefined },
  memory: readonly Message[],
  path: string,
): Conversation {
  const { prompt, system = options.system, messages } = params;
  const given = messages === undefined ? [] : toMessages(messages);
  const calledInGiven = new Set(given.flatMap(toolCalls).map(({ id }) => id));
  const own = results.filter(({ id }) => calledInGiven.has(id));
  const others = results.filter(({ id }) => !calledInGiven.has(id));
  const first = others.length > 0 ? [message('tool', others)] : [];
  const { window = Number.POSITIVE_INFINITY } = options;
  // What is said now begins a turn, or ends the one under way: the window is cut as if it stood there already.
  const next = first.length > 0 ? first : [message('user', '')];
  const history = messageWindow([...memory, ...next], window + 1).slice(
    0,
    first.length > 0 ? undefined : -1,
  );
  const known = new Set(history.flatMap(toolCalls).map(({ id }) => id));
  const lost = others.find(({ id }) => !known.has(id));
  if (lost) {
    throw new FlowError(
      'invalid-params',
      `Step "${path}" got the result of the call "${lost.id}" of "${lost.name}", but does not know it. Give it the memory or the messages of the step that made the call.`,
      { path },
    );
  }
  const said = [
    ...given,
    ...(own.length > 0 ? [message('tool', own)] : []),
    ...(prompt === undefined ? [] : [message('user', prompt)]),
  ];
  if (said.length === 0 && first.length === 0) {
    throw new FlowError(
      'invalid-params',
      `Step "${path}" has nothing to say to its model. Give it a "prompt" or "messages".`,
      { path },
    );
  }
  return {
    before: [...(system === undefined ? [] : [message('system', system)]), ...history],
    said: [...first, ...said],
  };
}

/** The messages of a call: each tool call with its result, in order; what stands there twice, once. */
export const heard = (before: readonly Message[], said: readonly Message[]): readonly Message[] =>
  pairCalls([...before, ...said]);
