/**
 * Lists in the shared memory: steps add to them, and runs that continue a run go on with them.
 *
 * M1 A list is a value. A step sees what the list was when the run began, and what the steps before it in the graph have added; when they
 *    ended never shows. What a step adds counts when it has succeeded.
 * M2 A run keeps what it has added, behind at most one page of what was there before, and the name of the run that has the rest. So a long
 *    list costs no more to go on with than a short one.
 */
import { freeze, isPlain, oncePer, put } from '../plain.ts';
import type { Additions, Outcome } from '../state/outcome.ts';
import type { Snapshot } from '../state/snapshot.ts';
import type { Plan } from '../wire/plan.ts';

/** How a run keeps a list, in the `data` of its snapshot. */
export interface MemoryList {
  readonly '~list': 1;
  /** The end of the list. */
  readonly items: readonly unknown[];
  /** How many of them the run has added. */
  readonly added: number;
  readonly run: string;
  /** The run that keeps what comes before, */
  readonly before?: string;
  /** and how much of its items: it may go on later, and add more. */
  readonly seen?: number;
}

const pageSize = 64;

export const isList = (value: unknown): value is MemoryList =>
  isPlain(value) && (value as Partial<MemoryList>)['~list'] === 1;

/** What has been added to lists so far, by name. */
export type Adding = Map<string, unknown[]>;

/** In place: a step that runs thousands of others adds what each of them does. */
export function addTo(
  lists: Adding | undefined,
  { name, items }: { readonly name: string; readonly items: readonly unknown[] },
): Adding {
  const after = lists ?? new Map<string, unknown[]>();
  const list = after.get(name) ?? [];
  for (const item of items) list.push(item);
  return after.set(name, list);
}

export const asAdditions = (lists: Adding | undefined): Additions | undefined =>
  lists && freeze(Object.fromEntries(lists));

/** What all steps of a run have added, by list, in the order of the plan. */
export function additionsOf({
  outcomes,
}: {
  readonly outcomes: readonly (Outcome | undefined)[];
}): ReadonlyMap<string, readonly unknown[]> {
  const all: Adding = new Map();
  for (const outcome of outcomes) {
    if (outcome?.status !== 'success' || !outcome.adds) continue;
    for (const [name, items] of Object.entries(outcome.adds)) addTo(all, { name, items });
  }
  return all;
}

/** A list as a run leaves it that has added these items. */
export function extended(before: unknown, items: readonly unknown[], run: string): MemoryList {
  const added = { '~list': 1, items, added: items.length, run } as const;
  if (!isList(before)) return freeze(added);
  const { items: page } = before;
  return freeze(
    page.length < pageSize
      ? { ...before, ...added, items: [...page, ...items] }
      : { ...added, before: before.run, seen: page.length },
  );
}

/** Shared memory as it was before a run added to it: a run that goes on, or is forked, adds the same again. */
export function asItStood(data: Snapshot['data'], runId: string): Snapshot['data'] {
  const ownLists = Object.entries(data).filter(([, value]) => isList(value) && value.run === runId);
  if (ownLists.length === 0) return data;
  const stood: Record<string, unknown> = { ...data };
  for (const [name, value] of ownLists as [string, MemoryList][]) {
    const items = value.items.slice(0, value.items.length - value.added);
    if (items.length === 0 && value.before === undefined) delete stood[name];
    else put(stood, name, { ...value, items, added: 0 });
  }
  return freeze(stood);
}

/** The nodes that have ended whenever this one begins, in the order of the plan. */
export function earlier(plan: Plan, index: number): readonly number[] {
  const known = sourcesOf(plan);
  const found = new Set<number>();
  const seen = new Set([index]);
  for (const at of seen) {
    for (const source of known[at] as readonly number[]) {
      // Of a step whose chunks are read only those before it have ended: it is noted as its own complement.
      if (source >= 0) found.add(source);
      seen.add(source >= 0 ? source : -source - 1);
    }
  }
  return [...found].sort((a, b) => a - b);
}

const sourcesOf = oncePer(({ nodes }: Plan): readonly (readonly number[])[] => {
  const found: number[][] = nodes.map(() => []);
  for (const { index, targets, startTargets } of nodes) {
    for (const target of targets) found[target]?.push(index);
    for (const target of startTargets) found[target]?.push(-index - 1);
  }
  return found;
});
