/** Parts of AI SDK messages as our parts: what UI and model messages have in common. */
import { isObject, type JsonObject, toBase64, toJson } from './json.ts';
import type {
  FilePart,
  FileSource,
  ProviderMetadata,
  ToolCallPart,
  ToolResultPart,
} from './message.ts';

/** An object that came from outside: nothing about it is known. */
export type Foreign = Readonly<Record<string, unknown>>;

export interface WithMetadata {
  readonly providerMetadata?: ProviderMetadata;
}

export function metadataFrom(value: unknown): WithMetadata {
  if (!isObject(value)) return {};
  return { providerMetadata: toJson(value, 'Provider metadata') as unknown as ProviderMetadata };
}

export function callFrom(part: Foreign, name: string, metadata: WithMetadata): ToolCallPart {
  // `args` is the name that version 4 of the AI SDK gave to the input.
  const input = toJson(part['input'] ?? part['args'] ?? {}, `The input of the tool "${name}"`);
  return {
    type: 'tool-call',
    id: String(part['toolCallId']),
    name,
    ...(isObject(input)
      ? { input: input as JsonObject }
      : { input: {}, invalidInput: typeof input === 'string' ? input : JSON.stringify(input) }),
    ...(part['providerExecuted'] === true && { providerExecuted: true as const }),
    ...metadata,
  };
}

/** `output` is tagged, as model messages have it: `{ type: 'json', value }`. */
export function resultFrom(
  part: Foreign,
  name: string,
  output: unknown,
  metadata: WithMetadata,
): ToolResultPart {
  const type = isObject(output) ? output['type'] : undefined;
  const isError = type === 'error-text' || type === 'error-json' || type === 'execution-denied';
  return {
    type: 'tool-result',
    id: String(part['toolCallId']),
    name,
    output: toJson(untagged(output), `The result of the tool "${name}"`),
    ...(isError && { isError }),
    ...metadata,
  };
}

function untagged(output: unknown): unknown {
  if (!isObject(output)) return output;
  switch (output['type']) {
    case 'text':
    case 'json':
    case 'error-text':
    case 'error-json':
    case 'content':
      return output['value'];
    case 'execution-denied':
      return output['reason'] ?? 'The call was denied.';
    default:
      return output;
  }
}

export function fileFrom(part: Foreign, data: unknown, metadata: WithMetadata): FilePart {
  const { source, mediaType } = readData(data);
  const stated = part['mediaType'] ?? part['mimeType'];
  const fallback = part['type'] === 'image' ? 'image/*' : 'application/octet-stream';
  return {
    type: 'file',
    mediaType: typeof stated === 'string' ? stated : (mediaType ?? fallback),
    ...(typeof part['filename'] === 'string' && { filename: part['filename'] }),
    source,
    ...metadata,
  };
}

/** Bytes, base64, a data URL, a URL as text or object, or a tagged form of these. */
export function readData(data: unknown): { source: FileSource; mediaType?: string } {
  if (data instanceof Uint8Array) return { source: { type: 'base64', data: toBase64(data) } };
  if (data instanceof ArrayBuffer) return readData(new Uint8Array(data));
  if (isObject(data) && !(data instanceof URL)) {
    if (typeof data['text'] === 'string') return readData(new TextEncoder().encode(data['text']));
    return readData(data['data'] ?? data['url'] ?? '');
  }
  const text = String(data);
  if (/^data:/i.test(text)) return readDataUrl(text);
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  return { source: isUrl ? { type: 'url', url: text } : { type: 'base64', data: text } };
}

function readDataUrl(url: string): { source: FileSource; mediaType: string } {
  const comma = url.indexOf(',');
  const [mediaType, ...attributes] = url.slice('data:'.length, comma).split(';');
  // A sign that escapes nothing stands for itself.
  const body = decodeURIComponent(url.slice(comma + 1).replace(/%(?![\da-f]{2})/gi, '%25'));
  const data = attributes.includes('base64') ? body : toBase64(new TextEncoder().encode(body));
  return { source: { type: 'base64', data }, mediaType: mediaType || 'text/plain' };
}
