/** A model with tools, in a bounded loop. */
import type { Schema, Step } from '../index.ts';
import { conversationStep } from './converse.ts';
import type { LlmChunk, LlmOptions, ObjectOf } from './llm.ts';
import type { LlmParams } from './params.ts';
import type { LlmResult } from './turn.ts';

export interface AgentOptions<
  S extends Schema | undefined = undefined,
  Chunks extends 'text' | 'all' = 'text',
> extends LlmOptions<S, Chunks> {
  /** How many turns it may take. The last one is without tools, and so ends in an answer. Default 10. */
  readonly maxIterations?: number;
  /** Asked after each turn that called tools: `true` makes the next turn the last. */
  readonly stopWhen?: (result: LlmResult, turn: number) => boolean;
}

/**
 * A step that lets a model call tools, hear their results, and go on, until it answers. Turns are told below the step
 * (`agent.turn[1]`), and so are the calls (`agent.turn[1].search`, `agent.turn[1].search[0]` where a turn calls a tool more than once).
 *
 * @example
 * const helper = flow.step('helper', agent({ model, tools: { search, pay: tool(pay, { approve: true }) } }), { prompt: flow.input.question })
 */
export function agent<
  S extends Schema | undefined = undefined,
  Chunks extends 'text' | 'all' = 'text',
>(options: AgentOptions<S, Chunks>): Step<LlmParams, LlmResult<ObjectOf<S>>, LlmChunk<S, Chunks>> {
  const { maxIterations = 10, stopWhen } = options;
  return conversationStep(options, { max: maxIterations, mustAnswer: true, stopWhen }) as never;
}
