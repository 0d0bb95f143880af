/** Whatever a handler returns, told as chunks and one result. */
import {
  from,
  isObservable,
  Observable,
  observable,
  type Subscribable,
  type Subscription,
  type Unsubscribable,
} from 'rxjs';
import { Aside, Result } from './aside.ts';
import type { Reduce } from './step.ts';
import { subscribeTo } from './subscribe.ts';

/** Who is told. After `done` or `fail` nothing more comes. Once closed, what still comes is only reported. */
export interface Sink {
  readonly closed: boolean;
  chunk(value: unknown): void;
  done(result: unknown): void;
  fail(error: unknown): void;
}

/** A sink that may have to wait for something that was stopped. */
export interface OpenSink extends Sink {
  /** Gets what stops the rest, before anything is told: what is told may be the reason to stop. */
  opened(stop: Stop): void;
  /** What was still open when it was stopped has ended without a word. */
  heard(): void;
}

/** Stops the rest, and says whether something is still open that cannot be stopped: the sink will hear of it once. */
type Stop = () => boolean;

/** Takes a handler's result in. Synchronous results are told before it returns. */
export function consume(result: unknown, reduce: Reduce | undefined, sink: OpenSink): void {
  try {
    if (isResult(result)) sink.done(result);
    else if (can(result, 'then')) settle(result as PromiseLike<unknown>, reduce, sink);
    else if (can(result, 'subscribe'))
      observe(fromSubscribable(result as Subscribable<unknown>), reduce, sink);
    else if (isIterator(result as object)) pull(result as Iterator<unknown>, reduce, sink);
    // By its reader: the iterator of a web stream cannot be stopped while it waits for a chunk.
    else if (can(result, 'getReader')) pullLater(readerOf(result as ReadableStream), reduce, sink);
    else pullLater((result as AsyncIterable<unknown>)[Symbol.asyncIterator](), reduce, sink);
  } catch (error) {
    // What has thrown brings nothing else.
    sink.opened(() => false);
    sink.fail(error);
  }
}

/** Whether a handler has returned its result itself, and nothing has to be waited for. */
export const isResult = (returned: unknown): boolean =>
  typeof returned !== 'object' ||
  returned === null ||
  !(
    can(returned, 'then') ||
    can(returned, 'subscribe') ||
    can(returned, 'getReader') ||
    isIterator(returned) ||
    can(returned, Symbol.asyncIterator)
  );

const can = (value: unknown, method: PropertyKey): boolean =>
  typeof (value as Readonly<Record<PropertyKey, unknown>>)[method] === 'function';

// Only iterators, not iterables: an array, a Map and a Set are values.
const isIterator = (value: object): boolean => can(value, 'next') && can(value, Symbol.iterator);

/** A promise may bring a stream: `async () => (await fetch(url)).body`. */
function settle(promise: PromiseLike<unknown>, reduce: Reduce | undefined, sink: OpenSink): void {
  let settled = false;
  sink.opened(() => !settled);
  // Only the first thing that it says counts, as with any promise.
  const fail = (error: unknown): void => {
    if (settled) return;
    settled = true;
    sink.fail(error);
  };
  try {
    promise.then((value) => {
      if (settled) return;
      settled = true;
      // A sink that is closed still hears of it: it reports what came too late.
      if (sink.closed) sink.done(value);
      else consume(value, reduce, sink);
    }, fail);
  } catch (error) {
    fail(error);
  }
}

function observe(source: Observable<unknown>, reduce: Reduce | undefined, sink: OpenSink): void {
  // The handler may have ended the run itself.
  if (sink.closed) return;
  const chunks = new Chunks(reduce ?? 'last', sink);
  let subscription: Subscription | undefined;
  sink.opened(() => {
    subscription?.unsubscribe();
    return false;
  });
  subscribeTo(
    source,
    {
      next: (value) => {
        chunks.add(value);
        if (sink.closed) subscription?.unsubscribe();
      },
      error: (error: unknown) => sink.fail(error),
      complete: () => chunks.end(undefined),
    },
    (own) => {
      subscription = own;
    },
  );
}

function pull(iterator: Iterator<unknown>, reduce: Reduce | undefined, sink: Sink): void {
  const chunks = new Chunks(reduce, sink);
  for (;;) {
    const { done, value } = iterator.next();
    if (done) chunks.end(value);
    else chunks.add(value);
    if (done) return;
    if (sink.closed) {
      iterator.return?.();
      return;
    }
  }
}

function pullLater(
  iterator: AsyncIterator<unknown>,
  reduce: Reduce | undefined,
  sink: OpenSink,
): void {
  const chunks = new Chunks(reduce, sink);
  let stopped = false;
  let pending = false;
  sink.opened(() => {
    if (stopped) return pending;
    stopped = true;
    // What it says to being stopped concerns nobody any more.
    void iterator.return?.()?.then(undefined, () => undefined);
    return pending;
  });
  const step = ({ done, value }: IteratorResult<unknown>): void => {
    pending = false;
    if (stopped) {
      if (done && value === undefined) sink.heard();
      else sink.done(value);
    } else if (done) {
      stopped = true;
      chunks.end(value);
    } else {
      chunks.add(value);
      next();
    }
  };
  const fail = (error: unknown): void => {
    pending = false;
    stopped = true;
    sink.fail(error);
  };
  const next = (): void => {
    if (stopped) return;
    pending = true;
    Promise.resolve(iterator.next()).then(step).then(undefined, fail);
  };
  next();
}

function readerOf(stream: ReadableStream<unknown>): AsyncIterator<unknown> {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<unknown>>,
    return: () => reader.cancel() as Promise<never>,
  };
}

/** Thrown for a stream that completes without the value that was to be its result. */
export const noValue = new Error('no value');

/** Chunks on their way to a result. Without a `reduce` a generator's rule holds: what it returned, else what it yielded. */
class Chunks {
  private readonly reduce: Reduce | undefined;
  private readonly sink: Sink;
  private readonly all: unknown[] = [];
  private last: unknown = noValue;
  private given: Result | undefined;

  constructor(reduce: Reduce | undefined, sink: Sink) {
    this.reduce = reduce;
    this.sink = sink;
  }

  add(value: unknown): void {
    if (value instanceof Result) {
      this.given = value;
      return;
    }
    if (value instanceof Aside) {
      this.sink.chunk(value);
      return;
    }
    if (this.reduce === 'last') this.last = value;
    else this.all.push(value);
    this.sink.chunk(value);
  }

  end(returned: unknown): void {
    try {
      this.sink.done(this.result(returned));
    } catch (error) {
      this.sink.fail(error);
    }
  }

  private result(returned: unknown): unknown {
    const { reduce, all, given } = this;
    if (given) return given.result;
    if (typeof reduce === 'function') return reduce(all as never[]);
    switch (reduce) {
      case 'last':
        if (this.last === noValue) throw noValue;
        return this.last;
      case 'concat':
        return all.join('');
      case 'collect':
        return all;
      default:
        if (returned !== undefined || all.length === 0) return returned;
        return all.every((chunk) => typeof chunk === 'string') ? all.join('') : all;
    }
  }
}

/** What takes a function that is called with each value: a store, a signal. */
export interface Store<T> {
  subscribe(listener: (value: T) => void): unknown;
}

/**
 * An RxJS Observable of anything with a `subscribe` method: an Observable of another copy or version of RxJS, a platform Observable,
 * a store (Svelte, nanostores), a signal. Values are passed on as they come; unsubscribing unsubscribes.
 *
 * @example
 * fromSubscribable(store).pipe(map((state) => state.user)).subscribe(render)
 */
export function fromSubscribable<T>(source: Subscribable<T> | Store<T>): Observable<T> {
  if (isObservable(source)) return source as Observable<T>;
  if (observable in source) return from(source as unknown as Observable<T>);
  return new Observable<T>((out) => {
    const stop = new AbortController();
    out.add(() => stop.abort());
    const observer = {
      next: (value: T) => out.next(value),
      error: (error: unknown) => out.error(error),
      complete: () => out.complete(),
    };
    const subscribe = source.subscribe as (
      observer: object,
      options?: object,
    ) => Partial<Unsubscribable> | (() => void) | undefined;
    // A store takes a function, others take an object with methods: they get both in one. A platform Observable would take that for a
    // mere function and tell it of values only; a store would call what it is given besides.
    const subscription = isPlatformObservable(source)
      ? subscribe.call(source, observer, { signal: stop.signal })
      : subscribe.call(source, Object.assign(observer.next, observer));
    return () => {
      if (typeof subscription === 'function') subscription();
      else subscription?.unsubscribe?.();
    };
  });
}

/** By what else it can do: a store has no operators. */
const isPlatformObservable = (source: object): boolean =>
  typeof (source as { forEach?: unknown }).forEach === 'function';
