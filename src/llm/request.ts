/** A request to a model as an Observable: sent late, aborted on unsubscribe, retried while unheard. */
import { catchError, defer, Observable, retry, tap, throwError, timer } from 'rxjs';
import { FlowError } from '../index.ts';
import { isObject } from './json.ts';
import type { ChatChunk } from './model.ts';

export interface RetryOptions {
  /** How many requests may follow a refused one. Default 2, 0 for none. */
  readonly count?: number;
  /** Milliseconds before the second request, doubled for each further one. Default 500. */
  readonly delay?: number;
  /** The longest wait. A provider that asks for more is not asked again. Default one minute. */
  readonly maxDelay?: number;
}

export type Send = (signal: AbortSignal, emit: (chunk: ChatChunk) => void) => Promise<void>;

/**
 * Retries only before the first chunk: who has read half an answer must not read it twice. What is
 * worth a retry says the error itself with `isRetryable`, how long to wait its `retry-after`.
 */
export function request(
  model: string,
  send: Send,
  options: RetryOptions = {},
): Observable<ChatChunk> {
  return defer(() => {
    let heard = false;
    return attempt(send).pipe(
      tap(() => {
        heard = true;
      }),
      retry({
        count: options.count ?? 2,
        delay: (error, attempts) => {
          const wait = heard ? undefined : waitBefore(error, attempts, options);
          return wait === undefined ? throwError(() => error) : timer(wait);
        },
      }),
      catchError((error) => throwError(() => modelFailed(model, error))),
    );
  });
}

function attempt(send: Send): Observable<ChatChunk> {
  return new Observable((subscriber) => {
    const controller = new AbortController();
    // A microtask later: who unsubscribes in the same tick, as switchMap does, has asked for nothing.
    Promise.resolve()
      .then(() => {
        if (!subscriber.closed) return send(controller.signal, (chunk) => subscriber.next(chunk));
      })
      .then(
        () => subscriber.complete(),
        (error) => subscriber.error(error),
      );
    return () => controller.abort();
  });
}

function waitBefore(error: unknown, attempts: number, options: RetryOptions): number | undefined {
  if (!isObject(error) || error['isRetryable'] !== true) return undefined;
  const asked = retryAfter(error['responseHeaders']);
  const { delay = 500, maxDelay = 60_000 } = options;
  if (asked !== undefined) return asked <= maxDelay ? asked : undefined;
  return Math.min(delay * 2 ** (attempts - 1), maxDelay);
}

function retryAfter(headers: unknown): number | undefined {
  if (!isObject(headers)) return undefined;
  const ms = Number.parseFloat(String(headers['retry-after-ms']));
  if (ms >= 0) return ms;
  const text = String(headers['retry-after']);
  const seconds = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : Number.NaN;
  const wait = Number.isNaN(seconds) ? Date.parse(text) - Date.now() : seconds * 1000;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

function modelFailed(model: string, error: unknown): FlowError {
  if (FlowError.is(error)) return error;
  return new FlowError('step-failed', `The model "${model}" failed: ${reason(error)}`, {
    cause: error,
  });
}

// Errors within a stream are plain objects with some providers.
function reason(error: unknown): string {
  if (isObject(error) && typeof error['message'] === 'string') return error['message'];
  return isObject(error) ? JSON.stringify(error) : String(error);
}

/** The answer ended without a last word: the connection was cut, or the provider gave up. */
export function answerCut(model: string): FlowError {
  return new FlowError(
    'step-failed',
    `The model "${model}" ended its answer before it was complete. Give the step a retry.`,
  );
}
