/** Folds the chunks of an answer into the message that memory keeps and the next call sends back. */
import { isObject, type JsonObject, parseJson } from './json.ts';
import {
  type Message,
  mergeMetadata,
  message,
  type Part,
  type ProviderMetadata,
} from './message.ts';
import {
  type ChatChunk,
  type FinishReason,
  noUsage,
  type ToolCallChunk,
  type Usage,
} from './model.ts';

export interface Answer {
  readonly message: Message;
  readonly reason: FinishReason;
  readonly usage: Usage;
  readonly model?: string;
  /** What the provider told about the answer as a whole: log probabilities, the tier that served it. */
  readonly providerMetadata?: ProviderMetadata;
}

/** Assembles an answer. Without a `finish` among the chunks, its reason is `interrupted`. */
export function assemble(chunks: Iterable<ChatChunk>): Answer {
  const assembly = new Assembly();
  for (const chunk of chunks) assembly.add(chunk);
  return assembly.answer();
}

interface OpenPart {
  readonly type: 'text' | 'reasoning';
  readonly id: string | undefined;
  text: string;
  providerMetadata: ProviderMetadata | undefined;
}

/** Takes chunks as they come, at a cost that does not grow with the answer. */
export class Assembly {
  private readonly parts: (OpenPart | Part)[] = [];
  private readonly open = new Map<string, OpenPart>();
  private finish: Omit<Answer, 'message'> = { reason: 'interrupted', usage: noUsage };

  add(chunk: ChatChunk): void {
    switch (chunk.type) {
      case 'text':
      case 'reasoning': {
        const part = this.partOf(chunk.type, chunk.id);
        part.text += chunk.text;
        part.providerMetadata = mergeMetadata(part.providerMetadata, chunk.providerMetadata);
        break;
      }
      case 'tool-call':
        this.parts.push(toolCall({ ...chunk, id: this.unused(chunk) }));
        break;
      case 'tool-result':
      case 'file':
        this.parts.push(chunk);
        break;
      case 'finish': {
        const { type, ...finish } = chunk;
        this.finish = finish;
        break;
      }
      default:
    }
  }

  /** The answer so far. It is not touched by chunks that come later. */
  answer(): Answer {
    return { message: message('assistant', this.parts.flatMap(closed)), ...this.finish };
  }

  // Results find their calls by id. Some providers give the same id to several calls of an answer.
  private unused({ id, providerExecuted }: ToolCallChunk): string {
    const { parts } = this;
    const isTaken = parts.some((part) => part.type === 'tool-call' && part.id === id);
    return isTaken && !providerExecuted ? `${id}-${parts.length}` : id;
  }

  // Without an id, deltas go on with the last part if it is of their type.
  private partOf(type: OpenPart['type'], id: string | undefined): OpenPart {
    const last = this.parts.at(-1);
    const key = `${type} ${id}`;
    const known = id === undefined ? last : this.open.get(key);
    if (known && known.type === type && 'id' in known) return known as OpenPart;
    const part: OpenPart = { type, id, text: '', providerMetadata: undefined };
    this.parts.push(part);
    if (id !== undefined) this.open.set(key, part);
    return part;
  }
}

// Empty parts are refused by some providers; with metadata they are what other providers want back.
function closed(part: OpenPart | Part): Part[] {
  if (part.type !== 'text' && part.type !== 'reasoning') return [part];
  const { type, text, providerMetadata } = part;
  if (text === '' && !providerMetadata) return [];
  return [{ type, text, ...(providerMetadata && { providerMetadata }) }];
}

/** A part as the chunk that makes it. */
export function chunkOf(part: Part): ChatChunk {
  if (part.type !== 'tool-call') return part;
  const { invalidInput, ...call } = part;
  return { ...call, input: invalidInput ?? JSON.stringify(part.input) };
}

function toolCall({ input: written, ...call }: ToolCallChunk): Part {
  const input = written.trim() === '' ? {} : parseJson(written);
  return isObject(input)
    ? { ...call, input: input as JsonObject }
    : { ...call, input: {}, invalidInput: written };
}
