/** Links derived from what steps read, merged with the stated ones; and an order in which they can be met. */
import { addToList } from '../plain.ts';
import { keysNeeded, keysOf } from './binding.ts';
import { conditionKeys } from './condition.ts';
import { type Link, linkId, type StatedLink } from './definition.ts';
import type { Written } from './draft.ts';
import { type Key, parseKey } from './key.ts';

/** Ids are compared by code unit: the same everywhere, whatever the locale. */
export const byId = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** In the order of names: that in which they came says nothing. */
export const byName = <T>(named: Iterable<readonly [string, T]>): ReadonlyMap<string, T> =>
  new Map([...named].sort(([a], [b]) => byId(a, b)));

/** How a step reads another one. */
interface Reads {
  value?: boolean;
  chunks?: boolean;
  error?: boolean;
  /** By its params or its own condition, not only by the condition of another link. */
  own?: boolean;
  /** So, and without a default. */
  needed?: boolean;
}

/** Every link of the flow, by target; sources in the order of their ids. */
export function deriveLinks(draft: Written): Map<string, readonly Link[]> {
  const all = new Map<string, readonly Link[]>();
  for (const id of draft.steps.keys()) {
    const links = linksInto(draft, id);
    if (links.length > 0) all.set(id, links);
  }
  return all;
}

function linksInto(draft: Written, to: string): readonly Link[] {
  const reads = new Map<string, Reads>();
  const read = (key: Key, own: boolean, needed = own) => {
    if (key.of === 'input') return;
    const known: Reads = reads.get(key.step) ?? {};
    known[key.of === 'chunks' || key.of === 'error' ? key.of : 'value'] = true;
    known.own ||= own;
    known.needed ||= needed;
    reads.set(key.step, known);
  };
  for (const binding of draft.params.get(to)?.values() ?? []) {
    if ('autolink' in binding) continue;
    const needed = new Set(keysNeeded(binding));
    for (const key of keysOf(binding)) read(parseKey(key), true, needed.has(key));
  }
  for (const key of conditionKeys(draft.steps.get(to)?.settings.when)) read(parseKey(key), true);
  const stated = draft.linksInto.get(to);
  for (const link of stated?.values() ?? []) {
    for (const key of conditionKeys(link.when)) read(parseKey(key), false);
  }
  const sources = [...new Set([...reads.keys(), ...(stated?.keys() ?? [])])].sort(byId);
  return sources.map((from) => makeLink(from, to, stated?.get(from), reads.get(from)));
}

function makeLink(
  from: string,
  to: string,
  stated: StatedLink | undefined,
  reads: Reads | undefined,
): Link {
  const on = stated?.on ?? (reads?.error ? (reads.value ? 'settled' : 'failure') : 'success');
  return Object.freeze({
    ...stated,
    id: linkId(from, to),
    from,
    to,
    on,
    derived: !stated,
    // A stated tool link, an `on`, or a condition needs the outcome of the source, not its start.
    stream: Boolean(
      reads?.chunks &&
        !reads.value &&
        !reads.error &&
        !stated?.when &&
        !stated?.on &&
        !stated?.isTool &&
        !stated?.isToolResult,
    ),
    counts: Boolean(stated || reads?.needed),
    optional: Boolean(!stated && reads?.own && !reads.needed),
  });
}

/**
 * Sorts steps so that each stands after its sources (Kahn, 1962). The order follows from the ids alone. Cycles have been
 * refused when the links were made.
 */
export function sortSteps(
  ids: Iterable<string>,
  linksInto: ReadonlyMap<string, readonly Link[]>,
): readonly string[] {
  const sorted = [...ids].sort(byId);
  const known = new Set(sorted);
  const missing = new Map<string, number>();
  const targets = new Map<string, string[]>();
  const order: string[] = [];
  for (const id of sorted) {
    const sources = (linksInto.get(id) ?? []).filter((link) => known.has(link.from));
    if (sources.length === 0) order.push(id);
    missing.set(id, sources.length);
    for (const { from } of sources) addToList(targets, from, id);
  }
  for (const id of order) {
    for (const target of targets.get(id) ?? []) {
      const left = (missing.get(target) ?? 0) - 1;
      missing.set(target, left);
      if (left === 0) order.push(target);
    }
  }
  return order;
}
