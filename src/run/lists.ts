/**
 * Lists in the shared memory: steps add to them, and runs that continue a run go on with them.
 *
 * M1 A list is a value. A step sees what the list was when the run began, and what the steps before it in the graph have added; when they
 *    ended never shows. What a step adds counts when it has succeeded.
 * M2 A run keeps what it has added, behind at most one page of what was there before, and the name of the run that has the rest. So a long
 *    list costs no more to go on with than a short one.
 */
import { concatMap, from, map, Observable, of, type Subscription, take } from 'rxjs';
import { freeze, isPlain, own, put } from '../plain.ts';
import type { Additions, Outcome } from '../state/outcome.ts';
import type { Snapshot } from '../state/snapshot.ts';
import { ownerOf, type Plan, type PlanNode } from '../wire/plan.ts';
import { subscribeTo } from '../wire/subscribe.ts';
import type { RunOptions } from './options.ts';
import type { Saver } from './saver.ts';
import type { Setup } from './setup.ts';

/** How a run keeps a list, in the `data` of its snapshot. */
export interface MemoryList {
  readonly '~list': 1;
  /** The end of the list. */
  readonly items: readonly unknown[];
  /** How many of them the run has added. */
  readonly added: number;
  readonly run: string;
  /** The run that keeps what comes before. */
  readonly before?: string;
}

const pageSize = 64;

const isList = (value: unknown): value is MemoryList =>
  isPlain(value) && (value as Partial<MemoryList>)['~list'] === 1;

/** What has been added to one list more. */
export function joined(
  adds: Additions | undefined,
  name: string,
  items: readonly unknown[],
): Record<string, readonly unknown[]> {
  const all: Record<string, readonly unknown[]> = { ...adds };
  const before = (own(all, name) as readonly unknown[] | undefined) ?? [];
  put(all, name, freeze([...before, ...items]));
  return all;
}

/** What all steps of a run have added, by list, in the order of the plan. */
export function additionsOf({
  outcomes,
}: {
  readonly outcomes: readonly (Outcome | undefined)[];
}): ReadonlyMap<string, readonly unknown[]> {
  const all = new Map<string, readonly unknown[]>();
  for (const outcome of outcomes) {
    if (outcome?.status !== 'success' || !outcome.adds) continue;
    for (const [name, items] of Object.entries(outcome.adds))
      all.set(name, [...(all.get(name) ?? []), ...items]);
  }
  return all;
}

/** A list as a run leaves it that has added these items. */
export function extended(before: unknown, items: readonly unknown[], run: string): MemoryList {
  const added = { '~list': 1, items, added: items.length, run } as const;
  if (!isList(before)) return freeze(added);
  if (before.items.length >= pageSize) return freeze({ ...added, before: before.run });
  const { before: older } = before;
  const all = [...before.items, ...items];
  return freeze({ ...added, items: all, ...(older !== undefined && { before: older }) });
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

/** Where older runs are: a saver. */
type Runs = Pick<Saver, 'load'>;

/** The end of a list, page by page: `count` items at least, where there are as many. */
function endOf(
  list: unknown,
  name: string,
  count: number,
  runs: Runs | undefined,
): Observable<readonly unknown[]> {
  return new Observable((out) => {
    const pages: (readonly unknown[])[] = [];
    let loading: Subscription | undefined;
    let missing = count;
    let todo: unknown = list;
    let isReading = false;
    out.add(() => loading?.unsubscribe());
    const read = (): void => {
      if (isReading) return;
      isReading = true;
      while (todo !== undefined && !out.closed) {
        const page = todo;
        todo = undefined;
        if (!isList(page)) break;
        pages.push(page.items);
        missing -= page.items.length;
        if (missing <= 0 || page.before === undefined || !runs) break;
        let found: Snapshot | undefined;
        // A run that is no longer kept is where the list begins.
        const done = () => {
          todo = own(found?.data, name) ?? null;
          read();
        };
        subscribeTo(
          from(runs.load(page.before)),
          {
            next: (snapshot) => {
              found ??= snapshot;
            },
            error: (error: unknown) => out.error(error),
            complete: done,
          },
          (subscription) => {
            loading = subscription;
          },
        );
        if (todo === undefined) {
          isReading = false;
          return;
        }
      }
      isReading = false;
      out.next(pages.reverse().flat());
      out.complete();
    };
    read();
  });
}

/** The last items of a list that a run has left, `count` of them or a few more. By default all. */
export function listOf<Item>(
  runs: Runs,
  runId: string,
  name: string,
  count: number = Number.POSITIVE_INFINITY,
): Observable<readonly Item[]> {
  return from(runs.load(runId)).pipe(
    take(1),
    concatMap((snapshot) => {
      const list = own(snapshot?.data, name) ?? null;
      return endOf(list, name, count, runs) as Observable<readonly Item[]>;
    }),
  );
}

/** A run, as its lists see it. */
export interface ListKeeper {
  readonly plan: Plan;
  readonly outcomes: readonly (Outcome | undefined)[];
  readonly memory: Readonly<Record<string, unknown>>;
  readonly options: Pick<RunOptions, 'saver'>;
  readonly setup: Pick<Setup, 'prefix' | 'host'>;
  /** Gets the nodes that ask. */
  readonly hearers: Set<number>;
}

/** What the step at a path sees of a list. */
export function remembered(
  { plan, outcomes, memory, options: { saver }, setup: { prefix, host }, hearers }: ListKeeper,
  path: string,
  name: string,
  count: number,
): Observable<readonly unknown[]> {
  const node = ownerOf(plan, prefix === undefined ? path : path.slice(prefix.length + 1));
  if (node) hearers.add(node.index);
  const added = node ? earlierAdditions(plan, node, outcomes, name) : [];
  const missing = count - added.length;
  if (missing <= 0) return of(added);
  const inherited = host
    ? (host.remembered?.(prefix ?? '', name, missing) ?? of([]))
    : endOf(own(memory, name) ?? null, name, missing, saver);
  return added.length === 0 ? inherited : inherited.pipe(map((items) => [...items, ...added]));
}

function earlierAdditions(
  plan: Plan,
  { index }: PlanNode,
  outcomes: readonly (Outcome | undefined)[],
  name: string,
): readonly unknown[] {
  const items: unknown[] = [];
  for (const before of earlier(plan, index)) {
    const outcome = outcomes[before];
    if (outcome?.status === 'success')
      items.push(...((own(outcome.adds, name) as readonly unknown[] | undefined) ?? []));
  }
  return items;
}

const sources = new WeakMap<Plan, readonly (readonly number[])[]>();

/** The nodes that have ended whenever this one begins, in the order of the plan. */
export function earlier(plan: Plan, index: number): readonly number[] {
  const known = sources.get(plan) ?? sourcesOf(plan);
  sources.set(plan, known);
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

function sourcesOf({ nodes }: Plan): readonly (readonly number[])[] {
  const found: number[][] = nodes.map(() => []);
  for (const { index, targets, startTargets } of nodes) {
    for (const target of targets) found[target]?.push(index);
    for (const target of startTargets) found[target]?.push(-index - 1);
  }
  return found;
}
