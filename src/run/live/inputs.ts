/** Where the inputs of a live flow come from. */
import { isObservable, type Observable, Subscription } from 'rxjs';
import { FlowError, typeName } from '../../errors.ts';
import { put } from '../../plain.ts';
import { fromSubscribable } from '../../wire/consume.ts';
import type { Values } from './seat.ts';

/** One Observable of inputs, or for each input an Observable or a value. */
export type LiveInputs<Input> =
  | Observable<Input>
  | { readonly [K in keyof Input]: Observable<Input[K]> | Input[K] };

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

export function inputsOf(given: unknown): Inputs {
  if (isSubscribable(given)) {
    const source = fromSubscribable(given as Observable<unknown>);
    return { read: (before, hearer) => new WholeInputs(source, before, hearer) };
  }
  if (typeof given !== 'object' || given === null) {
    throw new FlowError(
      'invalid-option',
      `live() takes an Observable of inputs, or an object with an Observable or a value for each input, not ${typeName(given)}.`,
    );
  }
  const streams = new Map<string, Observable<unknown>>();
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (isSubscribable(value)) streams.set(name, fromSubscribable(value as Observable<unknown>));
    else values[name] = value;
  }
  return { read: (before, hearer) => new NamedInputs(streams, { ...values, ...before }, hearer) };
}

/** One stream: each of its values is an input. */
class WholeInputs implements InputReader {
  readonly subscription = new Subscription();
  private readonly source: Observable<unknown>;
  private readonly hearer: InputHearer;
  private latest: unknown;
  private isPushed = false;

  constructor(source: Observable<unknown>, given: Values, hearer: InputHearer) {
    this.source = source;
    this.latest = given;
    this.hearer = hearer;
  }

  start(): void {
    const { hearer, subscription } = this;
    const isGiven = Object.keys(this.latest as Values).length > 0;
    subscription.add(
      this.source.subscribe({
        next: (input) => this.push(input),
        error: (error: unknown) => hearer.error(error),
        complete: () => hearer.complete(),
      }),
    );
    if (isGiven && !this.isPushed) this.push(this.latest);
  }

  set(partial: Values): void {
    this.push({ ...(this.latest as Values), ...partial });
  }

  private push(input: unknown): void {
    this.isPushed = true;
    this.latest = input;
    this.hearer.push(input);
  }
}

/** A stream for each of some inputs. There is no input until each of them has a value. */
class NamedInputs implements InputReader {
  readonly subscription = new Subscription();
  private readonly streams: ReadonlyMap<string, Observable<unknown>>;
  private readonly hearer: InputHearer;
  private readonly awaited: Set<string>;
  private readonly latest: Record<string, unknown>;
  private open: number;
  private isPushed = false;

  constructor(
    streams: ReadonlyMap<string, Observable<unknown>>,
    values: Values,
    hearer: InputHearer,
  ) {
    this.streams = streams;
    this.latest = { ...values };
    this.hearer = hearer;
    this.open = streams.size;
    this.awaited = new Set([...streams.keys()].filter((name) => !Object.hasOwn(values, name)));
  }

  start(): void {
    const { hearer, subscription } = this;
    for (const [name, stream] of this.streams) {
      if (subscription.closed) return;
      const names = [name];
      subscription.add(
        stream.subscribe({
          next: (value) => {
            put(this.latest, name, value);
            this.push(names);
          },
          error: (error: unknown) => hearer.error(error),
          // Values alone never end: they wait for next().
          complete: () => --this.open > 0 || hearer.complete(),
        }),
      );
    }
    if (!this.isPushed) this.set({});
  }

  set(partial: Values): void {
    const names = Object.keys(partial);
    for (const name of names) put(this.latest, name, partial[name]);
    this.push(names);
  }

  private push(names: readonly string[]): void {
    if (this.awaited.size > 0) {
      for (const name of names) this.awaited.delete(name);
      if (this.awaited.size > 0) return;
    }
    if (this.isPushed) {
      this.hearer.push(this.latest, names);
      return;
    }
    this.isPushed = true;
    this.hearer.push({ ...this.latest });
  }
}

const isSubscribable = (value: unknown): boolean =>
  isObservable(value) || typeof (value as { subscribe?: unknown } | null)?.subscribe === 'function';
