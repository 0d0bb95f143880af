/** Where the inputs of a live flow come from. */
import { type Observable, type Subscribable, Subscription } from 'rxjs';
import { FlowError, typeName } from '../../errors.ts';
import { checkInputNames, readInput } from '../../graph/check-input.ts';
import type { FlowDefinition } from '../../graph/definition.ts';
import { isPlain, put } from '../../plain.ts';
import { fromSubscribable, type Store } from '../../wire/consume.ts';
import type { Values } from './seat.ts';

/** An Observable, of RxJS or another kind, or a store. */
type Source<T> = Subscribable<T> | Store<T>;

/** One source of inputs, or for each input a source or a value. */
export type LiveInputs<Input> =
  | Source<Input>
  | { readonly [K in keyof Input]: Source<Input[K]> | Input[K] };

export interface InputHearer {
  /** A new input. `names`: what of it may be new, where the rest is what it was; then its owner goes on to change it. */
  push(input: unknown, names?: readonly string[]): void;
  error(error: unknown): void;
  /** No stream will bring another one. */
  complete(): void;
}

export interface Inputs {
  /** Begins to read. `given` has been set before. */
  read(given: Values, hearer: InputHearer): InputReader;
}

export interface InputReader {
  readonly subscription: Subscription;
  /** Subscribes to the streams. */
  start(): void;
  /** Sets several inputs together. */
  set(partial: Values): void;
}

/** Throws a FlowError: `invalid-option` for what can bring no input, `invalid-input` for names that are no inputs, and for what throws when it is read. */
export function inputsOf(definition: FlowDefinition, given: unknown): Inputs {
  if (isSubscribable(given)) {
    const source = fromSubscribable(given as Observable<unknown>);
    return { read: (before, hearer) => wholeInputs(source, before, hearer) };
  }
  if (typeof given !== 'object' || given === null) {
    throw new FlowError(
      'invalid-option',
      `live() takes an Observable of inputs, or for each input an Observable or a value, not ${typeName(given)}.`,
    );
  }
  checkInputNames(definition, given);
  const streams = new Map<string, Observable<unknown>>();
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(partsOf(definition, given))) {
    if (isSubscribable(value)) streams.set(name, fromSubscribable(value as Observable<unknown>));
    else put(values, name, value);
  }
  return { read: (before, hearer) => namedInputs(streams, { ...values, ...before }, hearer) };
}

/** One stream: each of its values is an input. */
function wholeInputs(source: Observable<unknown>, given: Values, hearer: InputHearer): InputReader {
  const subscription = new Subscription();
  let latest: unknown = given;
  let isPushed = false;
  const push = (input: unknown) => {
    isPushed = true;
    latest = input;
    hearer.push(input);
  };
  return {
    subscription,
    start() {
      const { error, complete } = hearer;
      subscription.add(source.subscribe({ next: push, error, complete }));
      if (!isPushed && Object.keys(given).length > 0) push(given);
    },
    set(partial) {
      let before: unknown;
      try {
        before = isPlain(latest) && { ...latest };
      } catch {} // refused
      push({ ...(before as Values), ...partial });
    },
  };
}

/** A stream for each of some inputs. There is no input until each of them has a value. */
function namedInputs(
  streams: ReadonlyMap<string, Observable<unknown>>,
  values: Values,
  hearer: InputHearer,
): InputReader {
  const subscription = new Subscription();
  const latest: Record<string, unknown> = { ...values };
  const awaited = new Set([...streams.keys()].filter((name) => !Object.hasOwn(values, name)));
  let open = streams.size;
  let isPushed = false;
  const push = (names: readonly string[]) => {
    if (awaited.size > 0) {
      for (const name of names) awaited.delete(name);
      if (awaited.size > 0) return;
    }
    if (isPushed) {
      hearer.push(latest, names);
      return;
    }
    isPushed = true;
    hearer.push({ ...latest });
  };
  return {
    subscription,
    start() {
      for (const [name, stream] of streams) {
        if (subscription.closed) return;
        const names = [name];
        const next = (value: unknown) => {
          put(latest, name, value);
          push(names);
        };
        const { error } = hearer;
        // Values alone never end: they wait for next().
        const complete = () => --open > 0 || hearer.complete();
        subscription.add(stream.subscribe({ next, error, complete }));
      }
      if (!isPushed) push([]);
    },
    set(partial) {
      const names = Object.keys(partial);
      for (const name of names) put(latest, name, partial[name]);
      push(names);
    },
  };
}

/** What was given for inputs, by name, read once. Throws a FlowError (`invalid-input`) where that throws. */
export const partsOf = (definition: FlowDefinition, given: object): Values =>
  readInput(definition, given, () => ({ ...given })) as Values;

/** What cannot be read is none: as a value it will be refused. */
function isSubscribable(value: unknown): boolean {
  try {
    return typeof (value as Partial<Store<unknown>> | null)?.subscribe === 'function';
  } catch {
    return false;
  }
}
