/** What calls of a step told, kept by their params: least recently used goes first, old ones expire. */
import type { Cache } from '../graph/definition.ts';
import { canonicalJson } from '../graph/hash.ts';
import type { Clock } from './clock.ts';

interface Kept<Note> {
  /** The chunks, and last the result. */
  readonly notes: readonly Note[];
  readonly until: number;
}

const ids = new WeakMap<object, number>();
let lastId = 0;

/** What is no plain data is the same only where it is the same object. */
function identity(value: object): string {
  const id = ids.get(value) ?? ++lastId;
  ids.set(value, id);
  return `#${id}`;
}

export class ResultCache<Note> {
  private readonly kept = new Map<string, Kept<Note>>();
  private readonly options: Cache;

  constructor(options: Cache) {
    this.options = options;
  }

  key(params: unknown): string {
    return this.options.key ? this.options.key(params as never) : canonicalJson(params, identity);
  }

  get(key: string, clock: Clock): readonly Note[] | undefined {
    const kept = this.kept.get(key);
    if (!kept) return undefined;
    this.kept.delete(key);
    if (kept.until <= clock.now()) return undefined;
    this.kept.set(key, kept);
    return kept.notes;
  }

  set(key: string, notes: readonly Note[], clock: Clock): void {
    const { ttl = Number.POSITIVE_INFINITY, max = 100 } = this.options;
    this.kept.delete(key);
    this.kept.set(key, { notes, until: clock.now() + ttl });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= max) break;
      this.kept.delete(oldest);
    }
  }
}
