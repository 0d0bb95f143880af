/** Changes of state as patches: what a saver stores. */
import { equal } from '../plain.ts';
import { type FlowEvent, isFinal } from './event.ts';
import { Fold, isAnew, isOfOneStep } from './reduce.ts';
import {
  changed,
  type Snapshot,
  type StepState,
  stepState,
  tableAfter,
  tableFor,
} from './snapshot.ts';
import { eachRecord, namesBelow } from './table.ts';

/** One change of plain data, in the manner of RFC 6902; the path is a list, as immer has it. */
export type Patch =
  | { readonly op: 'add' | 'replace'; readonly path: readonly string[]; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: readonly string[] };

/** One change of the state of a run. Folding the patches of all commits over the empty snapshot gives each snapshot. */
export interface Commit {
  readonly runId: string;
  /** The number of the event that made it. */
  readonly seq: number;
  /** The number of the commit before; -1 for the first. */
  readonly prev: number;
  readonly patches: readonly Patch[];
  /** The state after it; put together when it is read. */
  readonly snapshot: Snapshot;
}

type Data = Readonly<Record<string, unknown>>;

/** What an event changes; undefined for one that changes nothing. */
export const commitOf = (before: Snapshot, event: FlowEvent): Commit | undefined =>
  new Commits(before).next(event);

// After so many events a snapshot is made although nobody asks: what is asked later begins there.
const longest = 1000;

/** Makes commits of events, one after the other. */
export class Commits {
  private readonly fold: Fold;
  private stretch: Stretch;

  constructor(first: Snapshot) {
    this.fold = new Fold(first);
    this.stretch = new Stretch(first);
  }

  /** Takes an event in that belongs to a later commit. False where it changes nothing. */
  take(event: FlowEvent): boolean {
    const { fold, stretch } = this;
    if (!fold.take(event)) return false;
    if (stretch.push(event) >= longest || !isOfOneStep(event))
      this.stretch = new Stretch(fold.snapshot);
    return true;
  }

  /** The commit of one event; undefined for one that changes nothing. */
  next(event: FlowEvent): Commit | undefined {
    const { fold } = this;
    const prev = fold.seq;
    if (isOfOneStep(event)) {
      const before = fold.step(event.path);
      if (!this.take(event)) return undefined;
      const patches: Patch[] = [{ op: 'replace', path: seqPath, value: event.seq }];
      addStep(patches, event.path, before, fold.step(event.path));
      return this.commit(event.runId, prev, patches);
    }
    const before = fold.snapshot;
    this.take(event);
    const { snapshot } = fold;
    const paths = isFinal(event) ? pathsIn(before, snapshot) : pathsOf(event, before);
    return this.commit(event.runId, prev, between(before, snapshot, paths));
  }

  /** Everything that has changed since a snapshot, as one commit. */
  whole(since: Snapshot): Commit {
    const { snapshot } = this.fold;
    this.stretch = new Stretch(snapshot);
    return this.commit(
      snapshot.runId,
      since.seq,
      between(since, snapshot, pathsIn(since, snapshot)),
    );
  }

  private commit(runId: string, prev: number, patches: readonly Patch[]): Commit {
    const { fold, stretch } = this;
    const { length } = stretch;
    return new LazyCommit(runId, fold.seq, prev, patches, () => this.read(stretch, length));
  }

  private read(stretch: Stretch, length: number): Snapshot {
    if (stretch !== this.stretch || length < stretch.length) return stretch.after(length);
    const { snapshot } = this.fold;
    this.stretch = new Stretch(snapshot);
    return snapshot;
  }
}

/** Events in a row. The state after each can be asked for; in order it costs least. */
class Stretch {
  private readonly events: FlowEvent[] = [];
  private readonly base: Snapshot;
  private fold: Fold | undefined;
  private folded = 0;

  constructor(base: Snapshot) {
    this.base = base;
  }

  get length(): number {
    return this.events.length;
  }

  push(event: FlowEvent): number {
    return this.events.push(event);
  }

  after(length: number): Snapshot {
    if (!this.fold || length < this.folded) {
      this.fold = new Fold(this.base);
      this.folded = 0;
    }
    while (this.folded < length) this.fold.take(this.events[this.folded++] as FlowEvent);
    return this.fold.snapshot;
  }
}

/** Its snapshot is made when somebody reads it: most are passed by. */
class LazyCommit implements Commit {
  readonly runId: string;
  readonly seq: number;
  readonly prev: number;
  readonly patches: readonly Patch[];
  declare readonly snapshot: Snapshot;
  #snapshot: Snapshot | undefined;
  #make: (() => Snapshot) | undefined;

  // A property of its own, so that copies have it; one getter for all, so that they stay of one shape.
  private static readonly lazily: PropertyDescriptor & ThisType<LazyCommit> = {
    enumerable: true,
    get() {
      this.#snapshot ??= this.#make?.();
      this.#make = undefined;
      return this.#snapshot;
    },
  };

  constructor(
    runId: string,
    seq: number,
    prev: number,
    patches: readonly Patch[],
    make: () => Snapshot,
  ) {
    this.runId = runId;
    this.seq = seq;
    this.prev = prev;
    this.patches = patches;
    this.#make = make;
    Object.defineProperty(this, 'snapshot', LazyCommit.lazily);
    Object.freeze(this);
  }
}

const seqPath = Object.freeze(['seq']);

/** What is different between two snapshots, in their steps at some paths. A run may begin with a copy of the input that its claim has. */
function between(before: Snapshot, after: Snapshot, paths: Iterable<string>): readonly Patch[] {
  const [old, now] = [before as unknown as Data, after as unknown as Data];
  const patches: Patch[] = [];
  for (const name of namesIn(old, now))
    if (name !== 'steps' && !(name === 'input' && equal(old[name], now[name])))
      addField(patches, [], name, old[name], now[name]);
  for (const path of paths) addStep(patches, path, stepState(before, path), stepState(after, path));
  return patches;
}

function pathsIn(...snapshots: readonly Snapshot[]): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const snapshot of snapshots) eachRecord(tableFor(snapshot), (path) => paths.add(path));
  return paths;
}

/** Where an event changes steps that is not the last one of a run. */
const pathsOf = (event: FlowEvent, before: Snapshot): readonly string[] =>
  isAnew(event) ? [event.path, ...namesBelow(tableFor(before), event.path)] : [];

function addStep(
  patches: Patch[],
  path: string,
  old: StepState | undefined,
  now: StepState | undefined,
): void {
  if (old === now) return;
  if (!old || !now) addField(patches, ['steps'], path, old, now);
  else
    for (const name of namesIn(now, old) as ReadonlySet<keyof StepState>)
      addField(patches, ['steps', path], name, old[name], now[name]);
}

const namesIn = (...states: readonly object[]): ReadonlySet<string> =>
  new Set(states.flatMap(Object.keys));

/** A field that is undefined is none. */
function addField(
  patches: Patch[],
  at: readonly string[],
  name: string,
  old: unknown,
  now: unknown,
): void {
  if (old === now) return;
  const path = [...at, name];
  if (now === undefined) patches.push({ op: 'remove', path });
  else patches.push({ op: old === undefined ? 'add' : 'replace', path, value: now });
}

/** The snapshot that patches make of another one. */
export function applyPatches(snapshot: Snapshot, patches: readonly Patch[]): Snapshot {
  const fields: Record<string, unknown> = {};
  const steps = new Map<string, Record<string, unknown> | undefined>();
  for (const patch of patches) {
    const [name = '', path, field] = patch.path;
    if (name !== 'steps' || path === undefined) {
      fields[name] = patch.op === 'remove' ? undefined : patch.value;
      continue;
    }
    const step = { ...(steps.has(path) ? steps.get(path) : stepState(snapshot, path)) } as Record<
      string,
      unknown
    >;
    if (field === undefined)
      steps.set(path, patch.op === 'remove' ? undefined : { ...(patch.value as object) });
    else {
      if (patch.op === 'remove') delete step[field];
      else step[field] = patch.value;
      steps.set(path, step);
    }
  }
  const table = tableAfter(snapshot, steps as Map<string, StepState | undefined>);
  return changed(snapshot, fields, table);
}
