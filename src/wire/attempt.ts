/**
 * All attempts of one step at one input, told as notes: limits, retries, fallback, cache. Its neighbours: `admit` says whether the step
 * runs at all, `call` makes one call.
 *
 * A1 A step takes its place under the limits anew for each attempt: waiting for a retry holds nothing.
 * A2 It tells `start` once, when its first attempt begins.
 * A3 It ends with one `result`, or errors with one FlowError.
 */
import {
  catchError,
  defer,
  from,
  type MonoTypeOperatorFunction,
  Observable,
  type Subscription,
  tap,
} from 'rxjs';
import { FlowError } from '../errors.ts';
import type { Retry, StepSettings } from '../graph/definition.ts';
import { oncePer } from '../plain.ts';
import { Adds, Aside, Through } from './aside.ts';
import { ResultCache } from './cache.ts';
import { callOnce } from './call.ts';
import { within } from './clock.ts';
import type { Callee } from './context.ts';
import type { Host } from './host.ts';
import { Limiter, limitedBy, type Visitor } from './limiter.ts';
import type { Handler } from './step.ts';
import { subscribeTo } from './subscribe.ts';

export type Note =
  /** Whoever hears this calls `go`, the first time when all who must hear the first chunk are there. Then what was below it is void. */
  | { readonly note: 'start'; readonly go: () => void }
  | { readonly note: 'chunk'; readonly chunk: unknown }
  | {
      readonly note: 'retry';
      readonly attempt: number;
      readonly delay: number;
      readonly error: FlowError;
    }
  | {
      readonly note: 'result';
      readonly result: unknown;
      readonly attempts: number;
      readonly isCached?: true;
    };

/** What the attempts of a step share over all runs of the process. */
export interface Shared {
  readonly limiter?: Limiter | undefined;
  readonly cache?: ResultCache<Note> | undefined;
}

/** One limiter and one cache for a step of a definition, however many plans it is part of. */
const sharedOf = oncePer(
  ({ concurrency, cache }: StepSettings): Shared => ({
    limiter: concurrency === undefined ? undefined : new Limiter(concurrency),
    cache: cache && new ResultCache<Note>(cache),
  }),
);

/** Whether a step needs nothing but one call of its handler. */
export const isSimple = ({
  retry,
  timeout,
  cache,
  concurrency,
  ...settings
}: StepSettings): boolean =>
  !retry && !timeout && !cache && concurrency === undefined && !('fallback' in settings);

/** A step, to be attempted. */
export interface Attempted extends Callee {
  readonly settings: StepSettings;
  /** It may wait for steps that need a place under the limit of the run, so it must not take one from them. */
  readonly readsChunks: boolean;
}

export function attempts(
  callee: Attempted,
  params: unknown,
  host: Host,
  visitor: Visitor,
): Observable<Note> {
  const { step, settings, path } = callee;
  const { timeout = {}, retry } = settings;
  const { clock } = host;
  const { limiter, cache } = sharedOf(settings);
  const late = (what: string, attempt?: number) => (ms: number) =>
    new FlowError(
      'step-timeout',
      `Step "${path}" ${what} ${ms} ms. Give it more time in its option "timeout", or make it faster.`,
      { path, ...(attempt && { attempt }) },
    );
  let started = false;

  const call = (code: Handler<unknown>, attempt: number): Observable<Note> =>
    new Observable((out) => {
      callOnce(callee, (context) => code(params, context), host, attempt, {
        get closed() {
          return out.closed;
        },
        called: (call) => {
          visitor.called(call);
          out.add(() => call.stop());
        },
        chunk: (chunk) => out.next({ note: 'chunk', chunk }),
        done: (result) => {
          out.next({ note: 'result', result, attempts: attempt });
          out.complete();
        },
        fail: (error) => out.error(error),
      });
    });

  const begun = (source: Observable<Note>): Observable<Note> =>
    new Observable((out) => {
      if (started) host.forget?.(path);
      started = true;
      // To give up a place, or to be told, may have been the end of it.
      out.next({ note: 'start', go: () => out.closed || source.subscribe(out) });
    });

  const once = (attempt: number): Observable<Note> =>
    begun(
      call(step.handler as Handler<unknown>, attempt).pipe(
        within<Note>(timeout.idle, clock, late('told nothing for', attempt), isOwn),
        within(timeout.attempt, clock, late('took longer than', attempt)),
      ),
    ).pipe(limitedBy([limiter, callee.readsChunks ? undefined : host.limiter], visitor));

  return repeated(once, retry, host).pipe(
    within(timeout.total, clock, late('and its retries took longer than')),
    // It may have run out of time while it waited for a place.
    fallBack(settings, params, (code) => begun(call(code, 0))),
    kept(cache, params, host, begun),
  );
}

/** Subscribes again as long as the retry policy allows. A loop: retries without a delay cost no stack. */
function repeated(
  once: (attempt: number) => Observable<Note>,
  retry: Retry | undefined,
  host: Host,
): Observable<Note> {
  if (!retry) return once(1);
  return new Observable((out) => {
    let attempt = 0;
    let current: Subscription | undefined;
    let stopTimer: (() => void) | undefined;
    let looping = false;
    let again = false;
    out.add(() => {
      stopTimer?.();
      current?.unsubscribe();
    });
    const fail = (error: FlowError) => {
      let delay: number | undefined;
      try {
        delay = delayAfter(retry, error, attempt);
      } catch (thrown) {
        out.error(thrown);
        return;
      }
      if (delay === undefined) {
        out.error(error);
        return;
      }
      // First: whoever hears of the retry may stop it.
      if (delay > 0) stopTimer = host.clock.after(delay, next);
      out.next({ note: 'retry', attempt, delay, error });
      if (delay === 0) next();
    };
    const next = () => {
      again = true;
      if (looping) return;
      looping = true;
      while (again && !out.closed) {
        again = false;
        subscribeTo(
          once(++attempt),
          { next: (note) => out.next(note), error: fail, complete: () => out.complete() },
          (subscription) => {
            current = subscription;
          },
        );
      }
      looping = false;
    };
    next();
  });
}

const hopeless = new Set(['invalid-input', 'invalid-params', 'invalid-result', 'cancelled']);

/** How long to wait after this failed attempt, in ms; undefined where it was the last one. */
function delayAfter(retry: Retry, error: FlowError, attempt: number): number | undefined {
  if (attempt > retry.count) return undefined;
  const worthIt = retry.when
    ? retry.when(error.code === 'step-failed' ? error.cause : error, attempt)
    : !hopeless.has(error.code);
  if (!worthIt) return undefined;
  const { delay = 0, backoff, maxDelay = Number.POSITIVE_INFINITY, jitter = 0 } = retry;
  const grown = backoff === 'exponential' ? delay * 2 ** (attempt - 1) : delay;
  return Math.min(grown, maxDelay) * (1 - jitter * Math.random());
}

function fallBack(
  settings: StepSettings,
  params: unknown,
  call: (code: Handler<unknown>) => Observable<Note>,
): MonoTypeOperatorFunction<Note> {
  if (!('fallback' in settings)) return (source) => source;
  const { fallback } = settings;
  return catchError((error: FlowError) =>
    call(() =>
      typeof fallback === 'function'
        ? fallback(error.code === 'step-failed' ? error.cause : error, params)
        : fallback,
    ),
  );
}

/**
 * Not what steps below have told: it is theirs, and comes only where somebody hears of it. But their chunks, and what they remember, are
 * those of this step.
 */
const isOwn = ({ chunk }: { readonly note: unknown; readonly chunk?: unknown }): boolean =>
  !(chunk instanceof Aside) || chunk instanceof Through || chunk instanceof Adds;

/** Answers from the cache where it can, and fills it. */
function kept(
  cache: ResultCache<Note> | undefined,
  params: unknown,
  { clock }: Host,
  begun: MonoTypeOperatorFunction<Note>,
): MonoTypeOperatorFunction<Note> {
  if (!cache) return (source) => source;
  return (source) =>
    defer(() => {
      const key = cache.key(params);
      const known = cache.get(key, clock);
      if (known) return begun(from(known));
      let notes: Note[] = [];
      return source.pipe(
        tap((note) => {
          if (note.note === 'retry') notes = [];
          else if (note.note === 'chunk') {
            if (isOwn(note)) notes.push(note);
          } else if (note.note === 'result' && note.attempts > 0)
            cache.set(key, [...notes, { ...note, isCached: true }], clock);
        }),
      );
    });
}
