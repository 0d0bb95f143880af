/** The port: a chat model answers a call with an Observable of chunks. Nothing else is known of it. */
import type { Observable } from 'rxjs';
import type { Json, JsonObject, JsonSchema } from './json.ts';
import type { FilePart, Message, ProviderMetadata } from './message.ts';

/**
 * A model. Cold: each subscription is one request, and unsubscribing aborts it. It emits chunks, the
 * last of which is `finish`, and completes; an answer that ends early is an error, never a shorter
 * answer. The provider's own error is the `cause` of the error that it emits.
 */
export type ChatModel = (call: ChatCall) => Observable<ChatChunk>;

export interface ChatCall {
  readonly messages: readonly Message[];
  readonly tools?: readonly ChatTool[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  /** The answer is to be JSON of this schema. */
  readonly response?: ResponseFormat;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  /** `true`, or how many alternatives to report for each token. They come with `finish`. */
  readonly logprobs?: boolean | number;
  /** What only one provider knows, under its name. */
  readonly providerOptions?: Readonly<Record<string, JsonObject>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ChatTool = FunctionTool | ProviderTool;

export interface FunctionTool {
  readonly type?: 'function';
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: JsonSchema;
}

/** A tool that the provider brings along, such as a web search. Only that provider takes it. */
export interface ProviderTool {
  readonly type: 'provider';
  /** `openai.web_search` */
  readonly id: `${string}.${string}`;
  readonly name: string;
  readonly args: JsonObject;
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly tool: string };

export interface ResponseFormat {
  readonly schema: JsonSchema;
  readonly name?: string;
  readonly description?: string;
}

interface ChunkBase {
  readonly providerMetadata?: ProviderMetadata;
}

/**
 * `text` and `reasoning` are deltas; those of one `id` make one part. A delta may be empty and bring
 * only metadata. `tool-input` is for onlookers: the call itself is `tool-call`, with its whole input
 * as the model wrote it, be it JSON or not. There may be more types one day: have a default.
 */
export type ChatChunk =
  | (ChunkBase & { readonly type: 'text'; readonly id?: string; readonly text: string })
  | (ChunkBase & { readonly type: 'reasoning'; readonly id?: string; readonly text: string })
  | {
      readonly type: 'tool-input';
      readonly id: string;
      readonly name: string;
      readonly delta: string;
    }
  | ToolCallChunk
  | ToolResultChunk
  | FilePart
  | SourceChunk
  | FinishChunk;

export interface ToolCallChunk extends ChunkBase {
  readonly type: 'tool-call';
  readonly id: string;
  readonly name: string;
  readonly input: string;
  readonly providerExecuted?: true;
}

/** The result of a tool that the provider ran itself. */
export interface ToolResultChunk extends ChunkBase {
  readonly type: 'tool-result';
  readonly id: string;
  readonly name: string;
  readonly output: Json;
  readonly isError?: true;
}

/** Where the model found something. Not part of the message. */
export interface SourceChunk extends ChunkBase {
  readonly type: 'source';
  readonly id: string;
  readonly url?: string;
  readonly title?: string;
}

export interface FinishChunk extends ChunkBase {
  readonly type: 'finish';
  readonly reason: FinishReason;
  readonly usage: Usage;
  /** The model that answered, as the provider names it. */
  readonly model?: string;
}

export type FinishReason =
  | 'stop'
  | 'length'
  | 'content-filter'
  | 'tool-calls'
  | 'error'
  /** Only of an answer assembled from chunks without `finish`. */
  | 'interrupted'
  | 'other';

/** Tokens. `reasoning` is a part of `output`, `cacheRead` and `cacheWrite` of `input`. */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly reasoning: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

export const noUsage: Usage = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 };

export function addUsage(a: Usage, b: Usage): Usage {
  const names = Object.keys(noUsage) as (keyof Usage)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as unknown as Usage;
}
