/** What something was at each version of the input, as far back as anyone may still ask. */
import { lastUpTo } from './by-version.ts';

export interface Entry<T> {
  /** Of the version from which on it is so. */
  readonly number: number;
  readonly value: T;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class History<T> {
  /** The oldest first. */
  private readonly entries: Mutable<Entry<T>>[] = [];

  get last(): Entry<T> | undefined {
    const { length } = this.entries;
    // To read before the first one would be slow.
    return length === 0 ? undefined : this.entries[length - 1];
  }

  clear(): void {
    if (this.entries.length > 0) this.entries.length = 0;
  }

  /** Sets what it is from a version on. `oldest` is the oldest version that anyone may still ask at. */
  set(number: number, value: T, oldest: number): void {
    const { entries } = this;
    const at = lastUpTo(entries, number);
    const before = entries[at];
    if (before?.number === number) before.value = value;
    else entries.splice(at + 1, 0, { number, value });
    const needed = lastUpTo(entries, oldest);
    if (needed > 0) entries.splice(0, needed);
  }

  /** What holds at a version. */
  at(version: number): Entry<T> | undefined {
    const at = lastUpTo(this.entries, version);
    // To read before the first one would be slow.
    return at < 0 ? undefined : this.entries[at];
  }

  /** Takes values of a kind for unknown. */
  forget(this: History<T | undefined>, isMeant: (value: T | undefined) => boolean): void {
    for (const entry of this.entries) if (isMeant(entry.value)) entry.value = undefined;
  }
}
