/** Changes of state as patches: what a saver stores. */
import type { FlowEvent } from './event.ts';
import { isFinal } from './event.ts';
import { reduce, type Snapshot, type StepState, snapshotFrom, stepState } from './snapshot.ts';

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
  readonly snapshot: Snapshot;
}

type Data = Readonly<Record<string, unknown>>;

/** What an event changes; undefined for one that changes nothing. */
export function commitOf(before: Snapshot, event: FlowEvent): Commit | undefined {
  const snapshot = reduce(before, event);
  if (snapshot === before) return undefined;
  const patches = [...difference(before, snapshot, []), ...stepPatches(before, snapshot, event)];
  return Object.freeze({
    runId: snapshot.runId,
    seq: snapshot.seq,
    prev: before.seq,
    patches,
    snapshot,
  });
}

/** Everything that a snapshot has more than an empty one, as one commit. */
export function wholeCommit(empty: Snapshot, snapshot: Snapshot): Commit {
  const steps: Patch[] = Object.entries(snapshot.steps).map(([path, value]) => ({
    op: 'add',
    path: ['steps', path],
    value,
  }));
  const patches = [...difference(empty, snapshot, []), ...steps];
  return Object.freeze({
    runId: snapshot.runId,
    seq: snapshot.seq,
    prev: empty.seq,
    patches,
    snapshot,
  });
}

function stepPatches(before: Snapshot, after: Snapshot, event: FlowEvent): readonly Patch[] {
  if (event.path !== '' && !event.type.startsWith('FLOW_'))
    return stepPatch(event.path, before, after);
  // The end of a run may cancel any of its steps.
  if (!isFinal(event) || event.type === 'FLOW_OUTPUT') return [];
  return Object.keys(before.steps).flatMap((path) => stepPatch(path, before, after));
}

function stepPatch(path: string, before: Snapshot, after: Snapshot): readonly Patch[] {
  const [old, now] = [stepState(before, path), stepState(after, path)];
  if (old === now || !now) return [];
  return old
    ? difference(old, now, ['steps', path])
    : [{ op: 'add', path: ['steps', path], value: now }];
}

/** The fields of one record that differ from another's. `steps` is not looked into: it may be long. */
function difference(before: object, after: object, at: readonly string[]): readonly Patch[] {
  const [old, now] = [before as Data, after as Data];
  const patches: Patch[] = [];
  for (const name of Object.keys(now)) {
    if (name === 'steps' || old[name] === now[name]) continue;
    patches.push({ op: name in old ? 'replace' : 'add', path: [...at, name], value: now[name] });
  }
  for (const name of Object.keys(old))
    if (!(name in now)) patches.push({ op: 'remove', path: [...at, name] });
  return patches;
}

/** The snapshot that patches make of another one. */
export function applyPatches(snapshot: Snapshot, patches: readonly Patch[]): Snapshot {
  const fields: Record<string, unknown> = {};
  for (const name of Object.keys(snapshot))
    if (name !== 'steps') fields[name] = (snapshot as unknown as Data)[name];
  const steps = new Map<string, Record<string, unknown>>();
  for (const patch of patches) {
    const [name = '', path, field] = patch.path;
    if (name !== 'steps' || path === undefined) {
      if (patch.op === 'remove') delete fields[name];
      else fields[name] = patch.value;
      continue;
    }
    const step = steps.get(path) ?? { ...stepState(snapshot, path) };
    if (field === undefined)
      steps.set(path, patch.op === 'remove' ? {} : { ...(patch.value as object) });
    else {
      if (patch.op === 'remove') delete step[field];
      else step[field] = patch.value;
      steps.set(path, step);
    }
  }
  return snapshotFrom(
    snapshot,
    fields as unknown as Snapshot,
    steps as unknown as Map<string, StepState>,
  );
}
