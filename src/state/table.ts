/**
 * A table of records by name that never changes: setting a record gives a new table that shares all but one short way with the old one.
 * Work per change does not grow with the table (a vector trie of 32 branches, after Bagwell and Clojure).
 */

import { put } from '../plain.ts';

const bits = 5;
const width = 1 << bits;
const mask = width - 1;

type Branch<T> = readonly (Branch<T> | T | undefined)[];

export interface Table<T> {
  /** Names and their places. Shared by tables that grew from one another; only the first `size` names count. */
  readonly places: Map<string, number>;
  /** What stands directly below a name. Shared, too: there may be names that do not count. */
  readonly below: Map<string, Set<string>>;
  readonly size: number;
  readonly levels: number;
  readonly root: Branch<T>;
}

export const emptyTable = <T>(): Table<T> => ({
  places: new Map(),
  below: new Map(),
  size: 0,
  levels: 1,
  root: [],
});

export function tableOf<T>(record: Readonly<Record<string, T>>): Table<T> {
  return Object.entries(record).reduce(
    (table, [name, value]) => withRecord(table, name, value),
    emptyTable<T>(),
  );
}

export function recordAt<T>({ places, size, levels, root }: Table<T>, name: string): T | undefined {
  const place = places.get(name);
  if (place === undefined || place >= size) return undefined;
  let branch = root;
  for (let shift = (levels - 1) * bits; shift > 0; shift -= bits) {
    branch = branch[(place >>> shift) & mask] as Branch<T>;
  }
  return branch[place & mask] as T;
}

/** Without a record, the table has none of that name: its place stays, for when it comes back. */
export function withRecord<T>(table: Table<T>, name: string, record: T | undefined): Table<T> {
  const known = table.places.get(name);
  if (known !== undefined && known < table.size) {
    return { ...table, root: set(table.root, (table.levels - 1) * bits, known, record) };
  }
  const place = table.size;
  // Another table has grown from this one: its names are not ours.
  const places =
    table.places.size === place
      ? table.places
      : new Map([...table.places].filter(([, at]) => at < place));
  places.set(name, place);
  placeBelow(table.below, name);
  const isFull = place === width ** table.levels;
  const levels = isFull ? table.levels + 1 : table.levels;
  const root = set(isFull ? [table.root] : table.root, (levels - 1) * bits, place, record);
  return { places, below: table.below, size: place + 1, levels, root };
}

function placeBelow(below: Table<unknown>['below'], name: string): void {
  const above = nameAbove(name);
  if (above === '') return;
  const names = below.get(above);
  if (names) names.add(name);
  else {
    below.set(above, new Set([name]));
    placeBelow(below, above);
  }
}

/** What is found for a name, or else for the nearest one above it. */
export function nearest<T>(name: string, find: (name: string) => T): T | undefined {
  for (let at = name; at !== ''; at = nameAbove(at)) {
    const found = find(at);
    if (found) return found;
  }
  return undefined;
}

/** The name of what something stands directly below; empty for what stands below nothing. */
const nameAbove = (name: string): string =>
  name.slice(0, Math.max(name.lastIndexOf('.'), name.lastIndexOf('['), 0));

/** All names below a name: work for those alone. Some may have no record, or none any more. */
export function namesBelow({ below }: Table<unknown>, above: string): readonly string[] {
  const names = [...(below.get(above) ?? [])];
  for (const name of names) for (const inner of below.get(name) ?? []) names.push(inner);
  return names;
}

function set<T>(branch: Branch<T>, shift: number, place: number, record: T | undefined): Branch<T> {
  const copy = branch.slice();
  const at = (place >>> shift) & mask;
  copy[at] =
    shift === 0 ? record : set((branch[at] ?? []) as Branch<T>, shift - bits, place, record);
  return copy;
}

/** Visits each record, in the order in which names came. */
export function eachRecord<T>(table: Table<T>, visit: (name: string, record: T) => void): void {
  for (const [name, place] of table.places) {
    if (place >= table.size) break;
    const record = recordAt(table, name);
    if (record !== undefined) visit(name, record);
  }
}

/** The table as a plain frozen record, in the order in which names came. */
export function toRecord<T>(table: Table<T>): Readonly<Record<string, T>> {
  const record: Record<string, unknown> = {};
  eachRecord(table, (name, value) => put(record, name, value));
  return Object.freeze(record) as Readonly<Record<string, T>>;
}
