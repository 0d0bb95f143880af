/** Running a handler so that virtual time knows what it waits for, and saying so oneself: `real`, `never`. */
import { isObservable, Observable, Subscriber } from 'rxjs';
import { current, type Handler } from './handler.ts';
import { realmHere } from './realm.ts';

/**
 * Runs one call of a handler: every timer armed under it is its own, through all its awaits, and virtual
 * time stands still while it does real work. What the handler returns (a promise, an iterator, a
 * stream, an Observable) is followed to its end. Outside of virtual time it just runs.
 */
export function inHandler<T>(label: string, work: () => T): T {
  const realm = realmHere();
  if (!realm?.freezes || !current) return work();
  const outside = current.getStore();
  const handler = realm.handler(label, outside);
  return follow(handler, outside, within(handler, work));
}

/**
 * Virtual time stands still until this promise has settled. Only needed where millrace cannot see that
 * something is real: in the test itself, and in browsers.
 */
export function real<T>(promise: PromiseLike<T>): Promise<T> {
  const realm = realmHere();
  if (!realm) return Promise.resolve(promise);
  const leave = realm.handler(`real(...) in ${current?.getStore()?.label ?? 'the test'}`).enter();
  // A chain and not a second branch: a rejection that nobody handles must stay one.
  return Promise.resolve(promise).finally(leave);
}

/** A promise that never settles, and that virtual time does not wait for: the answer of a server that hangs. */
export function never(): Promise<never> {
  current?.getStore()?.hold();
  return new Promise(() => {});
}

/**
 * Tells virtual time that the handler waits for something of the flow itself, such as the next chunk of
 * another step, until the answer of this function is called. It is not real work then.
 */
export function waiting(): () => void {
  return current?.getStore()?.hold() ?? (() => {});
}

function within<T>(handler: Handler | undefined, work: () => T): T {
  if (!current) return work();
  // `run(undefined)` is how one leaves: what comes after a handler does not belong to it.
  return current.run(handler as Handler, work);
}

function follow<T>(handler: Handler, outside: Handler | undefined, result: T): T {
  if (typeof result !== 'object' || result === null) return result;
  if (result instanceof Promise) {
    const leave = handler.enter();
    result.then(leave, leave);
    return result;
  }
  if (isObservable(result)) return followObservable(handler, outside, result) as T;
  if ('getReader' in result) return followStream(handler, result) as T;
  if (Symbol.asyncIterator in result) return followIterable(handler, result) as T;
  // A promise of someone else, which may start its work when it is asked: ask it once.
  if ('then' in result && typeof result.then === 'function') {
    return follow(
      handler,
      outside,
      within(handler, () => Promise.resolve(result)),
    ) as T;
  }
  return result;
}

/** In flight from subscription to end. Whoever listens runs outside of the handler again. */
function followObservable(
  handler: Handler,
  outside: Handler | undefined,
  source: Observable<unknown>,
): Observable<unknown> {
  return new Observable<unknown>((subscriber) => {
    subscriber.add(handler.enter());
    within(handler, () => source.subscribe(new Leaving(subscriber, outside)));
  });
}

/** A real Subscriber in the chain, so that unsubscribing also stops a source that emits without a pause. */
class Leaving extends Subscriber<unknown> {
  private readonly outside: Handler | undefined;

  constructor(subscriber: Subscriber<unknown>, outside: Handler | undefined) {
    super(subscriber);
    this.outside = outside;
  }

  protected override _next(value: unknown): void {
    within(this.outside, () => super._next(value));
  }

  protected override _error(error: unknown): void {
    within(this.outside, () => super._error(error));
  }

  protected override _complete(): void {
    within(this.outside, () => super._complete());
  }
}

/** In flight while somebody waits for the next value; between two values the consumer is at work. */
function followIterable(handler: Handler, source: object): object {
  const call = (key: string) => tracked(handler, source, key);
  const iterate = () => {
    const iterator = within(handler, () =>
      (source as AsyncIterable<unknown>)[Symbol.asyncIterator](),
    );
    return iterator === source ? followed : followIterable(handler, iterator);
  };
  const followed = withMethods(source, {
    [Symbol.asyncIterator]: iterate,
    next: call('next'),
    return: call('return'),
    throw: call('throw'),
  });
  return followed;
}

function followStream(handler: Handler, source: object): object {
  const getReader = (...parameters: unknown[]) => {
    const reader = Reflect.apply(Reflect.get(source, 'getReader'), source, parameters) as object;
    return withMethods(reader, { read: tracked(handler, reader, 'read') });
  };
  const iterate = () => {
    const iterator = (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    return followIterable(handler, iterator);
  };
  return withMethods(source, { getReader, [Symbol.asyncIterator]: iterate });
}

type Method = (...parameters: unknown[]) => unknown;

function tracked(handler: Handler, target: object, key: string): Method | undefined {
  const method: unknown = Reflect.get(target, key);
  if (typeof method !== 'function') return undefined;
  return (...parameters) => {
    const leave = handler.enter();
    const answer = within(handler, () => Reflect.apply(method, target, parameters) as unknown);
    Promise.resolve(answer).then(leave, leave);
    return answer;
  };
}

/** The same object to whoever looks at it, except for these methods. */
function withMethods(target: object, methods: Record<PropertyKey, Method | undefined>): object {
  return new Proxy(target, {
    get(_, key) {
      const method = methods[key];
      if (method) return method;
      const value: unknown = Reflect.get(target, key);
      // Bound: the methods of host objects refuse a proxy as their `this`.
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
