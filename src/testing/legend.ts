/** One character for every value, so that values can be marbles. */
import { firstDifference, sameValue } from './same-value.ts';
import { showOnOneLine } from './show.ts';

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** Beyond 62 different values: Greek, Cyrillic and so on, characters that nobody gives by hand. */
const firstRareLetter = 0x3b1;

/**
 * Names given by the author come first; a value that is a single letter or digit (`'x'`, `5`) stands for
 * itself; every other value gets the first letter that is free.
 */
export class Legend {
  private readonly values = new Map<string, unknown>();
  private readonly taken: Set<string>;
  private readonly used = new Set<string>();
  private rare = firstRareLetter;

  /** `reserved`: characters that already mean themselves, and may be given to no other value. */
  constructor(given: Readonly<Record<string, unknown>> = {}, reserved: Iterable<string> = []) {
    for (const [key, value] of Object.entries(given)) this.values.set(key, value);
    this.taken = new Set(reserved);
  }

  /** The character of a value. Equal values have the same one. */
  key(value: unknown): string {
    for (const [key, known] of this.values) {
      if (sameValue(known, value)) {
        this.used.add(key);
        return key;
      }
    }
    const own = ownCharacter(value);
    const key = own !== undefined && !this.values.has(own) ? own : this.freeLetter();
    this.values.set(key, value);
    // What is written as it is needs no explanation.
    if (key !== own) this.used.add(key);
    return key;
  }

  /** Of all characters that stand for the same value as this one, the one that the value has. */
  first(key: string): string {
    const isDigit = /^[0-9]$/.test(key);
    const own = ownCharacter(key) === undefined ? [] : isDigit ? [key, Number(key)] : [key];
    const meant = this.values.has(key) ? [this.values.get(key)] : own;
    for (const [known, value] of this.values)
      if (meant.some((each) => sameValue(value, each))) return known;
    return key;
  }

  /** The value that a character stands for, where it is not just that character. */
  meaning(key: string): string | undefined {
    return this.values.has(key) && ownCharacter(this.values.get(key)) !== key
      ? showOnOneLine(this.values.get(key))
      : undefined;
  }

  /** One line for every character that needs explaining: `d = { title: 'Rivers' }`. */
  lines(): readonly string[] {
    return [...this.used].sort().flatMap((key) => {
      const meaning = this.meaning(key);
      return meaning === undefined ? [] : [`${key} = ${meaning}`];
    });
  }

  /** What distinguishes the values of two characters, where one would have to search for it. */
  contrast(expected: string, actual: string): string | undefined {
    const difference = firstDifference(this.values.get(expected), this.values.get(actual));
    if (!difference) return undefined;
    const { path } = difference;
    return `${path} is ${showOnOneLine(difference.actual)}, not ${showOnOneLine(difference.expected)}`;
  }

  private freeLetter(): string {
    const isFree = (letter: string) => !this.values.has(letter) && !this.taken.has(letter);
    const letter = [...letters].find(isFree);
    if (letter !== undefined) return letter;
    for (;;) {
      const next = String.fromCodePoint(this.rare++);
      if (/\p{L}/u.test(next) && isFree(next)) return next;
    }
  }
}

/** The character that stands for this value by itself. */
export function ownCharacter(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const text = String(value);
  return /^[a-zA-Z0-9]$/.test(text) ? text : undefined;
}
