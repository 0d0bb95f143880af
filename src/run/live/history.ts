/** What something was at each version of the input, as far back as anyone may still ask. */
export interface Entry<T> {
  readonly version: number;
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
  set(version: number, value: T, oldest: number): void {
    const { entries } = this;
    let at = entries.length;
    while (at > 0 && (entries[at - 1] as Entry<T>).version > version) at--;
    const before = entries[at - 1];
    if (before?.version === version) before.value = value;
    else entries.splice(at, 0, { version, value });
    let needed = entries.length - 1;
    while (needed > 0 && (entries[needed] as Entry<T>).version > oldest) needed--;
    if (needed > 0) entries.splice(0, needed);
  }

  /** What holds at a version. */
  at(version: number): Entry<T> | undefined {
    for (let i = this.entries.length - 1; i >= 0; i--) {
      const entry = this.entries[i] as Entry<T>;
      if (entry.version <= version) return entry;
    }
    return undefined;
  }

  /** Takes values of a kind for unknown. */
  forget(this: History<T | undefined>, isMeant: (value: T | undefined) => boolean): void {
    for (const entry of this.entries) if (isMeant(entry.value)) entry.value = undefined;
  }
}
