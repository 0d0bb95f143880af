/** Messages as millrace keeps them: versioned, plain JSON, of no provider. */
import type { Json, JsonObject } from './json.ts';

/** The version of the format. Stored messages carry it, so that a later library can read them. */
export const messageVersion = 1;

/**
 * What a provider wants back with a part in the next call, under the provider's name: signatures of
 * reasoning, encrypted reasoning, cache marks. Never read by the library, always kept.
 */
export type ProviderMetadata = Readonly<Record<string, JsonObject>>;

interface PartBase {
  readonly providerMetadata?: ProviderMetadata;
}

export interface TextPart extends PartBase {
  readonly type: 'text';
  readonly text: string;
}

export interface ReasoningPart extends PartBase {
  readonly type: 'reasoning';
  readonly text: string;
}

export interface FilePart extends PartBase {
  readonly type: 'file';
  /** `image/png`, `application/pdf`; `image/*` where only the kind is known. */
  readonly mediaType: string;
  readonly filename?: string;
  readonly source: FileSource;
}

export type FileSource =
  | { readonly type: 'base64'; readonly data: string }
  | { readonly type: 'url'; readonly url: string };

export interface ToolCallPart extends PartBase {
  readonly type: 'tool-call';
  readonly id: string;
  readonly name: string;
  readonly input: JsonObject;
  /** What the model wrote, where that is not a JSON object. `input` is empty then. */
  readonly invalidInput?: string;
  /** The provider runs the tool itself and gives the result in the same message. */
  readonly providerExecuted?: true;
}

export interface ToolResultPart extends PartBase {
  readonly type: 'tool-result';
  /** The id of the call that this answers. */
  readonly id: string;
  readonly name: string;
  readonly output: Json;
  readonly isError?: true;
}

export type Part = TextPart | ReasoningPart | FilePart | ToolCallPart | ToolResultPart;

export type Role = 'system' | 'user' | 'assistant' | 'tool';

export interface Message extends PartBase {
  readonly version: typeof messageVersion;
  readonly role: Role;
  readonly content: readonly Part[];
}

/** A message of one role, from text or from parts. */
export function message(role: Role, content: string | readonly Part[]): Message {
  return {
    version: messageVersion,
    role,
    content: typeof content === 'string' ? [{ type: 'text', text: content }] : content,
  };
}

/** All text of a message, without its reasoning. */
export function messageText({ content }: Message): string {
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** The tool calls of a message that are ours to run. */
export function toolCalls({ content }: Message): ToolCallPart[] {
  return content.filter(
    (part) => part.type === 'tool-call' && !part.providerExecuted,
  ) as ToolCallPart[];
}

/**
 * Joins metadata of one provider that came in pieces. Anthropic sends the signature of its reasoning
 * with a delta, OpenAI the encrypted reasoning with the end: all of it must go back together.
 */
export function mergeMetadata(
  before: ProviderMetadata | undefined,
  after: ProviderMetadata | undefined,
): ProviderMetadata | undefined {
  if (!after) return before;
  const merged = new Map(Object.entries(before ?? {}));
  for (const [provider, values] of Object.entries(after)) {
    merged.set(provider, { ...merged.get(provider), ...values });
  }
  return Object.fromEntries(merged);
}
