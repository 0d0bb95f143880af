/** Who called: which handler a timer belongs to, through every `await`. Node only; elsewhere nobody is known. */
import { builtin } from './real-host.ts';

export interface Storage<T> {
  run<Result>(store: T, work: () => Result): Result;
  getStore(): T | undefined;
}

interface StorageClass {
  new <T>(): Storage<T>;
  snapshot?: () => <Result>(work: () => Result) => Result;
}

const { AsyncLocalStorage } = (builtin('node:async_hooks') ?? {}) as {
  AsyncLocalStorage?: StorageClass;
};

/** A value that follows the flow of control, or undefined on a host that cannot do that. */
export function asyncContext<T>(): Storage<T> | undefined {
  return AsyncLocalStorage && new AsyncLocalStorage<T>();
}

/**
 * Binds a callback to the context it is made in, as the host's own timers do: what it arms in turn
 * belongs to the same handler, and the test's own contexts are not lost.
 */
export function bindContext(callback: () => void): () => void {
  const within = AsyncLocalStorage?.snapshot?.();
  return within ? () => within(callback) : callback;
}
