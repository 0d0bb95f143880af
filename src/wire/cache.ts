/** Results of a step, kept by its params: least recently used goes first, old ones expire. */

import type { Cache } from '../graph/definition.ts';
import { canonicalJson } from '../graph/hash.ts';
import type { Clock } from './clock.ts';

interface Kept {
  readonly result: unknown;
  readonly until: number;
}

export class ResultCache {
  private readonly kept = new Map<string, Kept>();
  private readonly options: Cache;

  constructor(options: Cache) {
    this.options = options;
  }

  key(params: unknown): string {
    return this.options.key ? this.options.key(params as never) : canonicalJson(params);
  }

  get(key: string, clock: Clock): { readonly result: unknown } | undefined {
    const kept = this.kept.get(key);
    if (!kept) return undefined;
    this.kept.delete(key);
    if (kept.until <= clock.now()) return undefined;
    this.kept.set(key, kept);
    return kept;
  }

  set(key: string, result: unknown, clock: Clock): void {
    const { ttl = Number.POSITIVE_INFINITY, max = 100 } = this.options;
    this.kept.delete(key);
    this.kept.set(key, { result, until: clock.now() + ttl });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= max) break;
      this.kept.delete(oldest);
    }
  }
}
