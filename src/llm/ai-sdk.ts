/** Chat models from any provider package of the AI SDK, without importing one: `millrace/llm/ai-sdk`. */
import { FlowError } from '../index.ts';
import type { DownloadOptions } from './download.ts';
import { type AcceptsUrl, prepareFiles } from './files.ts';
import { isObject } from './json.ts';
import type { ChatCall, ChatModel } from './model.ts';
import { answerCut, type RetryOptions, request } from './request.ts';
import { type Dialect, writePrompt, writeSettings } from './spec-prompt.ts';
import { type SpecPart, SpecReader } from './spec-stream.ts';

/** What millrace asks of a model of the AI SDK. Models of the specs V2, V3 and V4 have it. */
export interface AiSdkModel {
  readonly specificationVersion: string;
  readonly provider: string;
  readonly modelId: string;
  readonly supportedUrls?: UrlPatterns | PromiseLike<UrlPatterns>;
  // `never`, so that the options of every version of the spec fit.
  doStream(options: never): PromiseLike<{ readonly stream: ReadableStream<unknown> }>;
}

type UrlPatterns = Readonly<Record<string, readonly RegExp[]>>;

export interface AiSdkOptions {
  /** How often and how patiently a refused request is sent again. */
  readonly retry?: RetryOptions;
  /** What may be fetched where the provider does not take a URL. */
  readonly files?: DownloadOptions;
}

/**
 * Makes a chat model of a model that a provider package of the AI SDK gives, such as `openai('gpt-5')`.
 * Each subscription sends one request; unsubscribing aborts it.
 *
 * @example
 * import { anthropic } from '@ai-sdk/anthropic'
 * const model = fromAiSdk(anthropic('claude-sonnet-4-5'))
 */
export function fromAiSdk(model: AiSdkModel, options: AiSdkOptions = {}): ChatModel {
  checkModel(model);
  const name = `${model.provider}/${model.modelId}`;
  // `openai.responses` and `openai.chat` are of one provider, and so are their options.
  const [provider = ''] = model.provider.split('.');
  const dialect: Dialect = { version: model.specificationVersion, provider };
  return (call) =>
    request(
      name,
      async (signal, emit) => {
        const parts = await open(model, call, dialect, options, signal);
        const reader = new SpecReader();
        await readAll(parts, signal, (part) => reader.read(part as SpecPart).forEach(emit));
        if (!reader.finished) throw answerCut(name);
      },
      options.retry,
    );
}

function checkModel(model: AiSdkModel): void {
  if (!isObject(model) || typeof model['doStream'] !== 'function') {
    throw new FlowError(
      'invalid-option',
      `fromAiSdk needs a model of a provider package, such as openai("gpt-5"), not ${JSON.stringify(model)}.`,
    );
  }
  if (model.specificationVersion === 'v1') {
    throw new FlowError(
      'invalid-option',
      `The model "${model.modelId}" speaks version 1 of the spec. Update its provider package.`,
    );
  }
}

async function open(
  model: AiSdkModel,
  call: ChatCall,
  dialect: Dialect,
  options: AiSdkOptions,
  signal: AbortSignal,
): Promise<ReadableStream<unknown>> {
  const acceptsUrl = matcher((await model.supportedUrls) ?? {});
  const messages = await prepareFiles(call.messages, acceptsUrl, options.files ?? {}, signal);
  signal.throwIfAborted();
  const prompt = writePrompt(messages, dialect);
  const settings = { ...writeSettings(call, dialect), prompt, abortSignal: signal };
  const { stream } = await model.doStream(settings as never);
  return stream;
}

function matcher(patterns: UrlPatterns): AcceptsUrl {
  const byType = new Map(Object.entries(patterns));
  return (mediaType, url) => {
    const kind = `${mediaType.split('/')[0]}/*`;
    return ['*', '*/*', kind, mediaType].some((key) =>
      byType.get(key)?.some((pattern) => pattern.test(url)),
    );
  };
}

async function readAll(
  parts: ReadableStream<unknown>,
  signal: AbortSignal,
  take: (part: unknown) => void,
): Promise<void> {
  const reader = parts.getReader();
  // Models that do not listen to the signal stop when nobody reads.
  const stop = () => void reader.cancel().catch(() => undefined);
  if (signal.aborted) return stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) take(next.value);
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
