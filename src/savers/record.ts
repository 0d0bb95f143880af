/** What savers write of a run, as text: its head when it is claimed, its commits, now and then its whole state. */
import {
  applyPatches,
  type Claim,
  type Commit,
  claimedSnapshot,
  FlowError,
  type Patch,
  revive,
  type Snapshot,
} from '../index.ts';
import { decode, encode, toPlain } from './codec.ts';

/** A commit without the snapshot, which is folded again when it is read. */
export interface StoredCommit {
  readonly seq: number;
  readonly prev: number;
  readonly patches: readonly Patch[];
}

export const headText = (claim: Claim): string =>
  encode({ ...claimedSnapshot(claim), steps: {} }, []);

export const commitText = ({ seq, prev, patches }: Commit): string =>
  JSON.stringify({ seq, prev, patches: patches.map(patchPlain) });

const patchPlain = (patch: Patch): unknown =>
  patch.op === 'remove' ? patch : { ...patch, value: toPlain(patch.value, patch.path) };

/** A whole state. Which flow it is of stands in the head, and is long for a flow of many steps. */
export const baseText = (snapshot: Snapshot): string => encode({ ...snapshot, flow: null }, []);

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
    commits.flatMap(({ patches }) => patches),
  );
}

/** Gives each commit its snapshot, one after the other. */
export function folding(head: string): (stored: StoredCommit) => Commit {
  let snapshot = revive(decode(head) as Snapshot);
  return ({ seq, prev, patches }) => {
    snapshot = applyPatches(snapshot, patches);
    return Object.freeze({ runId: snapshot.runId, seq, prev, patches, snapshot });
  };
}

/** How much has been written of a run since its last whole state, and how much that was. */
export interface Written {
  readonly commits: number;
  readonly size: number;
  readonly base: number;
}

export const nothingWritten: Written = { commits: 0, size: 0, base: 0 };

/**
 * Whether a whole state should be written: after so many commits, but not before they have become twice as long as the last one was. So
 * what is written per commit does not grow with the run, and what has to be read stays near what the state is.
 */
export const isBaseDue = ({ commits, size, base }: Written, every: number): boolean =>
  commits >= every && size >= 2 * base;

export function checkedBaseEvery(baseEvery: number | undefined = 100): number {
  if (Number.isInteger(baseEvery) && baseEvery >= 1) return baseEvery;
  throw new FlowError(
    'invalid-option',
    `The option "baseEvery" of a saver is ${baseEvery}. It takes a whole number, 1 or more`,
  );
}

/** Refuses ids that are no proper text: databases and file systems would change them. */
export function checkIds({ runId, parentId, flow }: Claim): void {
  for (const id of [runId, parentId ?? '', flow.id]) {
    if (/\p{Surrogate}|\0/u.test(id)) {
      throw new FlowError(
        'invalid-option',
        `The id ${JSON.stringify(id)} cannot be stored: it holds a NUL or half of a character`,
      );
    }
  }
}
