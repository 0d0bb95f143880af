/** Chat models of any server that speaks OpenAI chat completions: `millrace/llm/openai-compatible`. */
import { writeBody } from './chat-request.ts';
import { ChatReader } from './chat-stream.ts';
import type { DownloadOptions } from './download.ts';
import { type AcceptsUrl, prepareFiles } from './files.ts';
import { isObject, parseJson } from './json.ts';
import type { ChatCall, ChatModel } from './model.ts';
import { answerCut, type RetryOptions, request } from './request.ts';
import { readEvents } from './sse.ts';

export interface OpenaiCompatibleOptions {
  /** Where the API begins: `https://api.openai.com/v1`, `http://localhost:11434/v1`. */
  readonly baseURL: string;
  readonly model: string;
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch?: typeof globalThis.fetch;
  readonly retry?: RetryOptions;
  /** What may be fetched where the server does not take a URL. */
  readonly files?: DownloadOptions;
  /** Which URLs the server fetches itself. Default: images by https. */
  readonly acceptsUrl?: AcceptsUrl;
}

/**
 * A chat model with nothing to install: OpenAI, OpenRouter, Groq, Together, Ollama, vLLM, llama.cpp.
 * Whatever else a server understands goes to the body through `providerOptions.openaiCompatible`.
 *
 * @example
 * const model = openaiCompatible({ baseURL: 'http://localhost:11434/v1', model: 'qwen3' })
 */
export function openaiCompatible(options: OpenaiCompatibleOptions): ChatModel {
  return (call) =>
    request(
      options.model,
      async (signal, emit) => {
        const reader = new ChatReader();
        for await (const data of readEvents(await send(options, call, signal), cut)) {
          if (data === '[DONE]') break;
          reader.read(data).forEach(emit);
        }
        if (!reader.finished) throw answerCut(options.model);
        reader.end().forEach(emit);
      },
      options.retry,
    );
}

const cut = (cause: unknown): Error =>
  new Error(`The connection was cut: ${deepest(cause)}. Give the step a retry`, { cause });

/** What fetch hides below an error that says no more than that it failed. */
function deepest(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return deepest(error.cause);
  // Of several addresses that were tried none is named.
  return error.message || String((error as { code?: unknown }).code ?? error.name);
}

const imagesByHttps: AcceptsUrl = (mediaType, url) =>
  mediaType.startsWith('image/') && url.startsWith('https:');

async function send(
  options: OpenaiCompatibleOptions,
  call: ChatCall,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const {
    baseURL,
    model,
    apiKey,
    headers,
    fetch = globalThis.fetch,
    acceptsUrl = imagesByHttps,
  } = options;
  const messages = await prepareFiles(call.messages, acceptsUrl, options.files ?? {}, signal);
  const response = await fetch(`${baseURL.replace(/\/$/, '')}/chat/completions`, {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      ...headers,
      ...call.headers,
    },
    body: JSON.stringify(writeBody(model, call, messages)),
  }).catch((cause: unknown) => {
    const url = baseURL.split(/[?#]/)[0];
    const text = `The server at "${url}" cannot be reached: ${deepest(cause)}`;
    throw Object.assign(new Error(text, { cause }), { isRetryable: true });
  });
  if (!response.ok || !response.body) throw await refusal(response);
  return response.body;
}

// The same fields as the errors of the AI SDK have, so that retries read one shape.
async function refusal(response: Response): Promise<Error> {
  const { status, headers } = response;
  const responseBody = await response.text().catch(() => '');
  const body = parseJson(responseBody);
  const detail = isObject(body) && isObject(body['error']) ? body['error']['message'] : undefined;
  const text = typeof detail === 'string' ? detail : responseBody.slice(0, 200);
  return Object.assign(new Error(`${status} ${text}`), {
    statusCode: status,
    responseHeaders: Object.fromEntries(headers),
    responseBody,
    isRetryable: status === 408 || status === 409 || status === 429 || status >= 500,
  });
}
