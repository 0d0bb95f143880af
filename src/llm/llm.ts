/** A step that asks a chat model. */
import type { InferOutput, Restart, Schema, Step } from '../index.ts';
import { type ConversationOptions, conversationStep } from './converse.ts';
import type { ChatChunk } from './model.ts';
import type { LlmParams } from './params.ts';
import type { LlmResult } from './turn.ts';

export interface LlmOptions<
  S extends Schema | undefined = undefined,
  Chunks extends 'text' | 'all' = 'text',
> extends ConversationOptions {
  /** What the answer must satisfy: the model is asked for it, and `object` is what the schema made of the answer. */
  readonly schema?: S;
  /** `text` (default): texts as they come. `all`: also reasoning, tool calls and usage, as the model tells them. */
  readonly chunks?: Chunks;
}

/** What an answer is as data. */
export type ObjectOf<S> = S extends Schema ? InferOutput<S> : undefined;

/** A schema may refuse an answer when it has been streamed: then a notice says that what came before is void. */
export type LlmChunk<S, Chunks> =
  | ('all' extends Chunks ? ChatChunk : string)
  | (S extends Schema ? Restart : never);

/**
 * A step that asks a model. Its chunks are texts as they come; its result has the whole answer.
 *
 * The model may call tools: steps at tool links run after this one, and a tool-result link brings what came of them to the next LLM step;
 * tools of the options are run once, below this step, and their results added to the conversation. For a model that goes on with the
 * results by itself take `agent`.
 *
 * @example
 * const gist = flow.step('gist', llm({ model }), { system: 'Be brief.', prompt: page.out.body })
 */
export function llm<
  S extends Schema | undefined = undefined,
  Chunks extends 'text' | 'all' = 'text',
>(options: LlmOptions<S, Chunks>): Step<LlmParams, LlmResult<ObjectOf<S>>, LlmChunk<S, Chunks>> {
  return conversationStep(options, { max: 1, mustAnswer: false }) as never;
}
