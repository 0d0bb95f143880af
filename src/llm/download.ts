/** Fetches a file for a model that does not take its URL: within a limit, and from public hosts only. */
import { FlowError } from '../index.ts';
import { isPrivateAddress, isPrivateHost } from './private-host.ts';

export interface DownloadOptions {
  /** The largest file in bytes. Default 20 MiB. */
  readonly maxBytes?: number;
  /** Hosts, with their port, that are fetched from although they are private. */
  readonly allowHosts?: readonly string[];
  readonly fetch?: typeof globalThis.fetch;
  /** The addresses of a host name. Default: the resolver of Node, where there is one. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

export interface Download {
  readonly bytes: Uint8Array;
  readonly mediaType: string | undefined;
}

const defaultMaxBytes = 20 * 1024 * 1024;
const maxRedirects = 5;

/**
 * URLs may come from a model or a stranger, and the server that runs the flow may reach what they may
 * not. So each hop is checked: its scheme, its host, and the addresses that its name stands for. A
 * name whose address changes between check and fetch is not caught: a `fetch` of your own can do that.
 */
export async function download(
  address: string,
  options: DownloadOptions,
  signal: AbortSignal,
): Promise<Download> {
  const { fetch = globalThis.fetch } = options;
  let url = parse(address);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    await checkHost(url, options);
    const response = await fetch(url, { signal, redirect: 'manual' });
    const location = redirectOf(response);
    if (location === undefined) return read(url, response, options.maxBytes ?? defaultMaxBytes);
    await response.body?.cancel();
    url = parse(location, url);
  }
  throw refused(address, `redirects more than ${maxRedirects} times`);
}

function parse(address: string, base?: URL): URL {
  const url = URL.canParse(address, base) ? new URL(address, base) : undefined;
  if (!url) throw refused(address, 'is not a URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw refused(address, 'is neither https nor http');
  }
  return url;
}

async function checkHost(url: URL, options: DownloadOptions): Promise<void> {
  if (options.allowHosts?.includes(url.host)) return;
  const { resolve = resolveInNode } = options;
  const isPrivate =
    isPrivateHost(url.hostname) ||
    (isName(url.hostname) && (await resolve(url.hostname)).some(isPrivateAddress));
  if (isPrivate) {
    throw refused(
      url.href,
      `is on the private host "${url.host}". List it in "allowHosts" to fetch it`,
    );
  }
}

interface NodeProcess {
  getBuiltinModule?(id: string): {
    lookup(host: string, options: { all: true }): Promise<{ address: string }[]>;
  };
}

const isName = (hostname: string) => !hostname.startsWith('[') && !/^[\d.]+$/.test(hostname);

// Not an import: bundles for browsers and workers must not ask for a built-in of Node.
async function resolveInNode(host: string): Promise<string[]> {
  const { process } = globalThis as { process?: NodeProcess };
  const found = await process?.getBuiltinModule?.('node:dns/promises').lookup(host, { all: true });
  return (found ?? []).map(({ address }) => address);
}

function redirectOf(response: Response): string | undefined {
  if (response.type === 'opaqueredirect') {
    throw refused(response.url, 'redirects, and a browser does not say where. Pass the final URL');
  }
  if (![301, 302, 303, 307, 308].includes(response.status)) return undefined;
  return response.headers.get('location') ?? undefined;
}

async function read(url: URL, response: Response, maxBytes: number): Promise<Download> {
  const tooLarge = () =>
    refused(url.href, `is larger than ${maxBytes} bytes. Raise "maxBytes" to fetch it`);
  if (!response.ok) {
    await response.body?.cancel();
    throw refused(url.href, `answered with status ${response.status}`);
  }
  if (Number(response.headers.get('content-length')) > maxBytes) {
    await response.body?.cancel();
    throw tooLarge();
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next?.value; next = await reader?.read()) {
    size += next.value.length;
    // The length in the header may lie, or count compressed bytes.
    if (size > maxBytes) {
      await reader?.cancel();
      throw tooLarge();
    }
    chunks.push(next.value);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return { bytes, mediaType: response.headers.get('content-type')?.split(';')[0]?.trim() };
}

function refused(address: string, fact: string): FlowError {
  // A signed URL is a secret: its query does not belong into messages and logs.
  const [shown = ''] = address.split(/[?#]/);
  return new FlowError('invalid-params', `The file "${shown.slice(0, 200)}" ${fact}.`);
}
