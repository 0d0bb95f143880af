/** Makes the files of a call such that the provider takes them: as text, as URL or as base64. */
import { type DownloadOptions, download } from './download.ts';
import { fromBase64, toBase64 } from './json.ts';
import type { FilePart, Message, Part, TextPart } from './message.ts';

/** Whether the provider fetches such a URL itself. */
export type AcceptsUrl = (mediaType: string, url: string) => boolean;

/**
 * Text-like files become text, since most providers refuse `text/csv` or `application/json` as a file;
 * URLs that the provider does not take are fetched. Everything else stays as it is.
 */
export async function prepareFiles(
  messages: readonly Message[],
  acceptsUrl: AcceptsUrl,
  options: DownloadOptions,
  signal: AbortSignal,
): Promise<readonly Message[]> {
  const prepare = async (part: Part): Promise<Part> => {
    if (part.type !== 'file') return part;
    const { source } = part;
    const fetched =
      source.type === 'url' &&
      (isTextLike(part.mediaType) || !acceptsUrl(part.mediaType, source.url))
        ? await fetchPart(part, source.url, options, signal)
        : part;
    return isTextLike(fetched.mediaType) && fetched.source.type === 'base64'
      ? textOf(fetched, fetched.source.data)
      : fetched;
  };
  return Promise.all(
    messages.map(async (message) => {
      if (!message.content.some((part) => part.type === 'file')) return message;
      return { ...message, content: await Promise.all(message.content.map(prepare)) };
    }),
  );
}

async function fetchPart(
  part: FilePart,
  url: string,
  options: DownloadOptions,
  signal: AbortSignal,
): Promise<FilePart> {
  const { bytes, mediaType } = await download(url, options, signal);
  const vague = part.mediaType.endsWith('/*') || part.mediaType === 'application/octet-stream';
  return {
    ...part,
    mediaType: vague ? (mediaType ?? part.mediaType) : part.mediaType,
    source: { type: 'base64', data: toBase64(bytes) },
  };
}

function isTextLike(mediaType: string): boolean {
  return /^(text\/|application\/((.+\+)?(json|xml|yaml)|x-yaml|x-ndjson|csv|javascript|sql)\b|image\/svg\+xml)/i.test(
    mediaType,
  );
}

function textOf({ filename, providerMetadata }: FilePart, data: string): TextPart {
  const text = new TextDecoder().decode(fromBase64(data));
  return {
    type: 'text',
    text: filename === undefined ? text : `${filename}:\n\n${text}`,
    ...(providerMetadata && { providerMetadata }),
  };
}
