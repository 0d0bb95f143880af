/** What savers write of a run, as text: its head when it is claimed, its commits, now and then its whole state. */
import {
  applyPatches,
  type Claim,
  type Commit,
  claimedSnapshot,
  endedStatuses,
  FlowError,
  type Patch,
  revive,
  type Snapshot,
  stepState,
} from '../index.ts';
import { decode, encode, toPlain } from './codec.ts';

/**
 * A commit as it is stored: what each field of the run, and each field of a step, is from then on; `undefined` where there is none any
 * more. Shorter than patches, which are made of it again when it is read: the state before tells whether a field is new.
 */
export interface StoredCommit {
  readonly seq: number;
  readonly steps?: Readonly<Record<string, Fields | undefined>>;
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

export const headText = (claim: Claim): string =>
  encode({ ...claimedSnapshot(claim), steps: {} }, []);

export function commitText({ patches }: Commit): string {
  const fields: string[] = [];
  const steps: string[] = [];
  let path: string | undefined;
  let changed: Record<string, unknown> = {};
  const flush = (): void => {
    if (path !== undefined) steps.push(`${JSON.stringify(path)}:${JSON.stringify(changed)}`);
  };
  for (const patch of patches) {
    const [name = '', step, field] = patch.path;
    const value = toPlain(patch.op === 'remove' ? undefined : patch.value, patch.path);
    if (step === undefined) fields.push(`"${name}":${JSON.stringify(value)}`);
    else if (field === undefined) steps.push(`${JSON.stringify(step)}:${JSON.stringify(value)}`);
    else {
      if (step !== path) {
        flush();
        path = step;
        changed = {};
      }
      changed[field] = value;
    }
  }
  flush();
  if (steps.length > 0) fields.push(`"steps":{${steps.join(',')}}`);
  return `{${fields.join(',')}}`;
}

/** The patches that a commit was made of. Without the state before it, such that they make the same state. */
function patchesOf({ steps = {}, ...fields }: StoredCommit, before?: Snapshot): readonly Patch[] {
  const patches: Patch[] = [];
  addFields(patches, [], fields, before);
  for (const [path, changed] of Object.entries(steps)) {
    const step = before && stepState(before, path);
    if (!changed) patches.push({ op: 'remove', path: ['steps', path] });
    else if (step || !before) addFields(patches, ['steps', path], changed, step);
    else patches.push({ op: 'add', path: ['steps', path], value: changed });
  }
  return patches;
}

function addFields(patches: Patch[], at: readonly string[], fields: Fields, before = {}): void {
  for (const [name, value] of Object.entries(fields)) {
    const path = [...at, name];
    const isNew = (before as Fields)[name] === undefined;
    if (value === undefined) patches.push({ op: 'remove', path });
    else patches.push({ op: isNew ? 'add' : 'replace', path, value });
  }
}

/** A whole state. Which flow it is of stands in the head, and is long for a flow of many steps. */
const baseText = (snapshot: Snapshot): string => encode({ ...snapshot, flow: null }, []);

/** The state that is made of a head, perhaps a base, and the commits after it. */
export function restored(
  head: string,
  base: string | undefined,
  commits: readonly StoredCommit[],
): Snapshot {
  const first = decode(head) as Snapshot;
  const start = base === undefined ? first : { ...(decode(base) as Snapshot), flow: first.flow };
  return applyPatches(
    revive(start),
    commits.flatMap((stored) => patchesOf(stored)),
  );
}

/** Gives each commit its patches and its snapshot, one after the other. */
export function folding(head: string): (stored: StoredCommit) => Commit {
  let snapshot = revive(decode(head) as Snapshot);
  return (stored) => {
    const { runId, seq: prev } = snapshot;
    const patches = patchesOf(stored, snapshot);
    snapshot = applyPatches(snapshot, patches);
    return Object.freeze({ runId, seq: stored.seq, prev, patches, snapshot });
  };
}

/** What has been written of a run since its last whole state: how many commits, and how long they are. */
export interface Written {
  readonly commits: number;
  readonly size: number;
  /** How long the whole state was that was stored last; twice its length where it was looked at in vain since. */
  readonly base: number;
}

/** Nothing but a whole state; the head of a run is one. */
export const writtenAfter = (base: string): Written => ({ commits: 0, size: 0, base: base.length });

/** What comes of a look at the whole state. */
export interface Look {
  /** It is worth storing. */
  readonly base?: string;
  readonly written: Written;
}

/**
 * Looks whether the whole state should be stored; undefined where it is too early even for that. It is stored after so many commits, when
 * they are twice as long as it is: so it adds half to what is written at most, and what has to be read stays near what the state is. In
 * a run in which each step runs once the commits are hardly longer than the state, and so none is stored. Nor is one at the end, which
 * is seldom read.
 */
export function lookAtBase(
  written: Written,
  every: number,
  batch: { readonly snapshot: Snapshot },
): Look | undefined {
  const { commits, size } = written;
  if (commits < every || size < 2 * written.base) return undefined;
  const { snapshot } = batch;
  if (endedStatuses.includes(snapshot.status)) return undefined;
  const base = baseText(snapshot);
  if (size < 2 * base.length) return { written: { commits, size, base: 2 * base.length } };
  return { base, written: writtenAfter(base) };
}

export function checkedBaseEvery(baseEvery: number | undefined = 100): number {
  if (Number.isInteger(baseEvery) && baseEvery >= 1) return baseEvery;
  throw new FlowError(
    'invalid-option',
    `The option "baseEvery" of a saver is ${baseEvery}. It takes a whole number, 1 or more`,
  );
}

/** NUL and halves of characters: databases and file systems would refuse or change them. */
const isImproper = (id: string): boolean => /\p{Surrogate}|\0/u.test(id);

/** An id that is looked for. One that can never have been stored becomes one that nobody has, and not by chance that of another run. */
export const soughtId = (id: string): string => (isImproper(id) ? '' : id);

/** Refuses ids that are no proper text. */
export function checkIds({ runId, parentId, flow }: Claim): void {
  for (const id of [runId, parentId ?? '', flow.id]) {
    if (isImproper(id)) {
      throw new FlowError(
        'invalid-option',
        `The id ${JSON.stringify(id)} cannot be stored: it holds a NUL or half of a character`,
      );
    }
  }
}
