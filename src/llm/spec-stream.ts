/** Reads the stream parts of the AI SDK's model spec, version 2 to 4, as chunks. */
import { readData } from './foreign-part.ts';
import { isObject, toJson } from './json.ts';
import type { ProviderMetadata } from './message.ts';
import type { ChatChunk, FinishReason, Usage } from './model.ts';

/**
 * A part of any version, known or to come: no field is taken for granted. The spec adds types within
 * a version, so whoever switches over them needs a default.
 */
export type SpecPart = Readonly<Record<string, unknown>> & { readonly type: string };

type Blocks = 'text' | 'reasoning';

/** Stateful, one for each answer: joins what the spec spreads over several parts. */
export class SpecReader {
  /** Whether the last word has been said. */
  finished = false;
  private model: string | undefined;
  private count = 0;
  private readonly blocks = new Map<string, string>();
  private readonly inputs = new Map<string, { name: string; text: string }>();

  read(part: SpecPart): ChatChunk[] {
    const metadata = metadataOf(part);
    switch (part.type) {
      case 'text-start':
      case 'reasoning-start':
        return this.startBlock(part);
      case 'text-delta':
      case 'reasoning-delta':
      case 'text-end':
      case 'reasoning-end': {
        const text = String(part['delta'] ?? '');
        if (text === '' && !metadata.providerMetadata) return [];
        return [{ type: blockType(part), id: this.blockId(part), text, ...metadata }];
      }
      case 'tool-input-start':
        this.inputs.set(String(part['id']), { name: String(part['toolName']), text: '' });
        return [];
      case 'tool-input-delta':
        return this.toolInput(String(part['id']), String(part['delta'] ?? ''));
      case 'tool-call':
        this.inputs.delete(String(part['toolCallId']));
        return [toolCall(part)];
      case 'tool-result':
        return part['preliminary'] === true ? [] : [toolResult(part)];
      case 'file':
        return [
          { type: 'file', mediaType: String(part['mediaType']), ...readSource(part), ...metadata },
        ];
      case 'source':
        return [
          { type: 'source', id: String(part['id']), ...strings(part, 'url', 'title'), ...metadata },
        ];
      case 'response-metadata':
        this.model = typeof part['modelId'] === 'string' ? part['modelId'] : this.model;
        return [];
      case 'error':
        throw part['error'];
      case 'finish':
        return this.finish(part);
      default:
        return [];
    }
  }

  // Some providers use the same id for one block after the other.
  private startBlock(part: SpecPart): ChatChunk[] {
    const id = `${this.count++}`;
    const metadata = metadataOf(part);
    this.blocks.set(blockKey(part), id);
    return metadata.providerMetadata ? [{ type: blockType(part), id, text: '', ...metadata }] : [];
  }

  private blockId(part: SpecPart): string {
    return this.blocks.get(blockKey(part)) ?? blockKey(part);
  }

  private toolInput(id: string, delta: string): ChatChunk[] {
    const input = this.inputs.get(id);
    if (!input || delta === '') return [];
    input.text += delta;
    return [{ type: 'tool-input', id, name: input.name, delta }];
  }

  private finish(part: SpecPart): ChatChunk[] {
    const reason = finishReason(part['finishReason']);
    if (reason === undefined) return [];
    this.finished = true;
    // A call whose input is broken never becomes a `tool-call` with some packages.
    const broken = [...this.inputs].map(
      ([id, { name, text }]): ChatChunk => ({ type: 'tool-call', id, name, input: text }),
    );
    const usage = readUsage(part['usage']);
    const model = this.model === undefined ? {} : { model: this.model };
    return [...broken, { type: 'finish', reason, usage, ...model, ...metadataOf(part) }];
  }
}

const blockType = ({ type }: SpecPart): Blocks => (type.startsWith('text') ? 'text' : 'reasoning');

const blockKey = (part: SpecPart) => `${blockType(part)} ${String(part['id'])}`;

function metadataOf(part: SpecPart): { providerMetadata?: ProviderMetadata } {
  const metadata = part['providerMetadata'];
  return isObject(metadata)
    ? { providerMetadata: toJson(metadata, 'Metadata') as unknown as ProviderMetadata }
    : {};
}

function toolCall(part: SpecPart): ChatChunk {
  const input = part['input'];
  return {
    type: 'tool-call',
    id: String(part['toolCallId']),
    name: String(part['toolName']),
    input: typeof input === 'string' ? input : JSON.stringify(input ?? {}),
    ...(part['providerExecuted'] === true && { providerExecuted: true as const }),
    ...metadataOf(part),
  };
}

function toolResult(part: SpecPart): ChatChunk {
  return {
    type: 'tool-result',
    id: String(part['toolCallId']),
    name: String(part['toolName']),
    output: toJson(part['result'], 'The result of a tool'),
    ...(part['isError'] === true && { isError: true as const }),
    ...metadataOf(part),
  };
}

function readSource(part: SpecPart) {
  return { source: readData(part['data']).source };
}

function strings<Key extends string>(part: SpecPart, ...keys: Key[]): { [K in Key]?: string } {
  const found = keys.flatMap((key) => (typeof part[key] === 'string' ? [[key, part[key]]] : []));
  return Object.fromEntries(found) as { [K in Key]?: string };
}

// Nothing where the provider gave no reason: its stream ended, but its answer did not.
function finishReason(given: unknown): FinishReason | undefined {
  const reason = isObject(given) ? given['unified'] : given;
  const raw = isObject(given) ? given['raw'] : reason === 'unknown' ? undefined : reason;
  switch (reason) {
    case 'stop':
    case 'length':
    case 'content-filter':
    case 'tool-calls':
    case 'error':
      return reason;
    case 'interrupted':
      return undefined;
    default:
      return raw === undefined ? undefined : 'other';
  }
}

// Version 2 counts flat, later ones nested. Version 2 of Google leaves reasoning out of the output.
function readUsage(usage: unknown): Usage {
  const counts = isObject(usage) ? usage : {};
  const { inputTokens: input, outputTokens: output } = counts;
  const count = (value: unknown) => (typeof value === 'number' ? value : 0);
  const field = (value: unknown, key: string) => (isObject(value) ? count(value[key]) : 0);
  const rest = count(counts['totalTokens']) - count(input);
  return {
    input: count(input) || field(input, 'total'),
    output: Math.max(count(output), rest) || field(output, 'total'),
    reasoning: count(counts['reasoningTokens']) || field(output, 'reasoning'),
    cacheRead: count(counts['cachedInputTokens']) || field(input, 'cacheRead'),
    cacheWrite: field(input, 'cacheWrite'),
  };
}
