/** Makes the time of Node's modules virtual: `node:timers`, `node:timers/promises`. Does nothing where there is no Node. */
import { builtin } from './real-host.ts';
import type { Realm } from './realm.ts';
import type { Replacements } from './replace.ts';

interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly ref?: boolean;
}

/** `util.promisify(setTimeout)` finds its promise version here. */
const customPromisify = Symbol.for('nodejs.util.promisify.custom');

export function patchNodeTimers(realm: Realm, replacements: Replacements): void {
  const timers = builtin('node:timers') as Record<string, unknown> | undefined;
  const promises = builtin('node:timers/promises') as Record<string, unknown> | undefined;
  const module = builtin('node:module') as { syncBuiltinESMExports?: () => void } | undefined;
  if (!timers || !promises) return;
  for (const clear of ['clear', 'set']) {
    for (const kind of ['Timeout', 'Interval', 'Immediate']) {
      replacements.define(timers, clear + kind, Reflect.get(globalThis, clear + kind));
    }
  }
  const sleep = wait(realm);
  replacements.replace(promises, 'setTimeout', sleep);
  replacements.replace(promises, 'setImmediate', (value?: unknown, options?: WaitOptions) =>
    sleep(0, value, options),
  );
  replacements.replace(promises, 'setInterval', interval(realm));
  for (const key of ['setTimeout', 'setImmediate']) {
    Object.defineProperty(Reflect.get(globalThis, key), customPromisify, { value: promises[key] });
  }
  const { scheduler } = promises;
  if (typeof scheduler === 'object' && scheduler !== null) {
    replacements.replace(scheduler, 'wait', (delay: number, options?: WaitOptions) =>
      sleep(delay, undefined, options),
    );
    replacements.replace(scheduler, 'yield', () => sleep(0));
  }
  // `import { setTimeout } from 'node:timers/promises'` is a live binding of a copy: it has to be told, on the way back as well.
  module?.syncBuiltinESMExports?.();
  replacements.afterwards(() => module?.syncBuiltinESMExports?.());
}

function wait(realm: Realm) {
  return (delay = 0, value?: unknown, options: WaitOptions = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) return reject(abortError(signal));
      const abort = () => {
        timer.cancel();
        reject(abortError(signal));
      };
      const timer = realm.schedule(() => {
        signal?.removeEventListener('abort', abort);
        resolve(value);
      }, delay);
      if (options.ref === false) timer.unref();
      signal?.addEventListener('abort', abort, { once: true });
    });
}

function interval(realm: Realm) {
  return async function* (
    delay = 1,
    value?: unknown,
    options: WaitOptions = {},
  ): AsyncGenerator<unknown, void> {
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    let due = 0;
    let wake = () => {};
    const timer = realm.schedule(
      () => {
        due += 1;
        wake();
      },
      delay,
      { repeat: true },
    );
    if (options.ref === false) timer.unref();
    const abort = () => {
      timer.cancel();
      wake();
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      for (;;) {
        if (due === 0 && !signal?.aborted) await new Promise<void>((resolve) => (wake = resolve));
        for (; due > 0; due--) yield value;
        if (signal?.aborted) throw abortError(signal);
      }
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    }
  };
}

/** The error that Node's own functions reject with. */
function abortError(signal: AbortSignal | undefined): Error {
  const error = new Error('The operation was aborted', { cause: signal?.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}
