/** Makes the host's time virtual: timers, dates, frames, abort timeouts. What reads the globals when it is called, as RxJS does, follows. */
import { current } from './handler.ts';
import { inHandler } from './in-handler.ts';
import { patchNodeTimers } from './node-time.ts';
import { builtin } from './real-host.ts';
import type { Realm } from './realm.ts';
import { type HostFunction, Replacements } from './replace.ts';
import { VirtualTimer } from './virtual-timer.ts';

type Callback = (...parameters: unknown[]) => unknown;

/** Returns what puts the real time back. */
export function takeTime(realm: Realm): () => void {
  const replacements = new Replacements(() => realm.isHere());
  try {
    replaceTimers(realm, replacements);
    replaceFrames(realm, replacements);
    replaceDates(realm, replacements);
    replaceFetch(replacements);
    patchNodeTimers(realm, replacements);
  } catch (error) {
    replacements.putBack();
    throw error;
  }
  return () => replacements.putBack();
}

/** Node's `setTimeout` returns an object, that of browsers a number. */
const returnsNumbers = builtin('node:timers') === undefined;

function replaceTimers(realm: Realm, replacements: Replacements): void {
  const armed = new Map<number, VirtualTimer>();
  const arm = (callback: Callback, delay: unknown, repeat: boolean, parameters: unknown[]) => {
    const task = () => {
      if (!repeat) armed.delete(timer.id);
      callback(...parameters);
    };
    const timer = realm.schedule(task, Number(delay), { repeat });
    armed.set(timer.id, timer);
    return returnsNumbers ? timer.id : timer;
  };
  const clearWith = (original: unknown) => (handle?: unknown) => {
    const timer = handle instanceof VirtualTimer ? handle : armed.get(Number(handle));
    if (timer) {
      armed.delete(timer.id);
      timer.cancel();
    } else if (typeof original === 'function') {
      // It may have been armed before time became virtual.
      Reflect.apply(original, globalThis, [handle]);
    }
  };
  const replacement: Record<string, HostFunction> = {
    setTimeout: (callback: Callback, delay?: unknown, ...parameters: unknown[]) =>
      arm(callback, delay, false, parameters),
    setInterval: (callback: Callback, delay?: unknown, ...parameters: unknown[]) =>
      arm(callback, delay, true, parameters),
    setImmediate: (callback: Callback, ...parameters: unknown[]) =>
      arm(callback, 0, false, parameters),
  };
  for (const [key, value] of Object.entries(replacement)) {
    if (key in globalThis) replacements.replace(globalThis, key, value);
  }
  for (const key of ['clearTimeout', 'clearInterval', 'clearImmediate']) {
    if (key in globalThis) {
      // Whoever calls: what counts is whose timer it is.
      replacements.define(globalThis, key, clearWith(Reflect.get(globalThis, key)));
    }
  }
}

/** A frame is drawn every 16 ms. */
function replaceFrames(realm: Realm, replacements: Replacements): void {
  if (!('requestAnimationFrame' in globalThis)) return;
  const frames = new Map<number, VirtualTimer>();
  replacements.replace(globalThis, 'requestAnimationFrame', (callback: (now: number) => void) => {
    const timer = realm.schedule(
      () => {
        frames.delete(timer.id);
        callback(realm.now);
      },
      16 - (realm.now % 16),
    );
    frames.set(timer.id, timer);
    return timer.id;
  });
  replacements.replace(globalThis, 'cancelAnimationFrame', (id: number) => {
    frames.get(id)?.cancel();
    frames.delete(id);
  });
}

function replaceDates(realm: Realm, replacements: Replacements): void {
  const RealDate = globalThis.Date;
  const virtualNow = () => realm.start + realm.now;
  const now = () => (realm.isHere() ? virtualNow() : RealDate.now());
  const date = new Proxy(RealDate, {
    construct: (target, parameters, newTarget) =>
      Reflect.construct(
        target,
        parameters.length > 0 || !realm.isHere() ? parameters : [virtualNow()],
        newTarget,
      ) as Date,
    apply: () => (realm.isHere() ? new RealDate(virtualNow()).toString() : RealDate()),
    get: (target, key) => (key === 'now' ? now : (Reflect.get(target, key) as unknown)),
  });
  replacements.define(globalThis, 'Date', date);
  replacements.replace(performance, 'now', () => realm.now);
  replacements.replace(AbortSignal, 'timeout', (delay: number) => {
    const controller = new AbortController();
    const abort = () =>
      controller.abort(
        new DOMException('The operation was aborted due to timeout', 'TimeoutError'),
      );
    realm.schedule(abort, delay, { guard: true });
    return controller.signal;
  });
}

/**
 * A request is real work even when its caller also holds a timer to give it up by. It counts as a
 * handler of its own; a stub of `fetch` that waits for virtual timers is seen to do so.
 */
function replaceFetch(replacements: Replacements): void {
  const track = (target: object, key: string) => {
    const original: unknown = Reflect.get(target, key);
    if (typeof original !== 'function') return;
    replacements.replace(target, key, function (...parameters: never[]) {
      return inHandler(
        `fetch in ${current?.getStore()?.label ?? 'the test'}`,
        () => Reflect.apply(original, this, parameters) as unknown,
      );
    });
  };
  track(globalThis, 'fetch');
  if (typeof Response === 'undefined') return;
  for (const key of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text']) {
    track(Response.prototype, key);
  }
}
