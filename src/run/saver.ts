/** Where runs are kept: the port that savers implement. */
import type { Observable, ObservableInput } from 'rxjs';
import { present } from '../plain.ts';
import type { Commit } from '../state/commit.ts';
import {
  changed,
  emptySnapshot,
  type FlowIdentity,
  type RunStatus,
  type Snapshot,
} from '../state/snapshot.ts';

/** A run that is about to start. */
export interface Claim {
  readonly runId: string;
  readonly flow: FlowIdentity;
  readonly parentId?: string;
  /** What it is run with, frozen, so that it can be resumed even if its process ends before the first commit. Absent in a fork. */
  readonly input?: unknown;
  /** When, in ms since 1970. */
  readonly t: number;
}

export interface RunSummary {
  readonly runId: string;
  readonly parentId?: string;
  readonly flowId: string;
  readonly status: RunStatus;
  readonly seq: number;
  readonly t0?: number;
  readonly t1?: number;
}

export interface RunQuery {
  readonly flowId?: string;
  readonly parentId?: string;
  readonly status?: RunStatus;
  /** The most that is wanted. Default 100. */
  readonly limit?: number;
}

/** Which runs may go: those that fit in every respect that is given. At least `olderThan` or `keepLast` must be. */
export interface Retention {
  /** Ended before this time (or claimed, where they have not ended), in ms since 1970. */
  readonly olderThan?: number;
  /** Not among this many newest ones of their flow. */
  readonly keepLast?: number;
  /** Runs that have not ended or are suspended may go, too. By default they stay. */
  readonly unfinished?: boolean;
}

/**
 * Keeps runs. `saverContract` of millrace/testing is the suite that every saver must pass.
 *
 * S1 A run id is claimed once: a second claim errors with `run-exists`.
 * S2 Commits come in order. Each is stored only if its `prev` is the last stored `seq`; else the stream errors with `stale-run`.
 * S3 A `seq` is emitted when it, and all before it, are durable. One may stand for several.
 * S4 What has been emitted is there, whatever happens to the process.
 */
export interface Saver {
  claim(run: Claim): ObservableInput<unknown>;
  /** Stores commits, and emits each seq once it is durable. Completes when all are and the source has completed. */
  save(commits$: Observable<Commit>): Observable<number>;
  /** The last stored state of a run. */
  load(runId: string): ObservableInput<Snapshot | undefined>;
  /** The last stored state of the newest run that fits. */
  last(query: Pick<RunQuery, 'flowId' | 'parentId'>): ObservableInput<Snapshot | undefined>;
  /** The newest runs that fit, newest first. */
  list(query: RunQuery): ObservableInput<readonly RunSummary[]>;
  /** Every commit of a run, in order. */
  history(runId: string): ObservableInput<Commit>;
  delete(runId: string): ObservableInput<unknown>;
  /** Deletes runs that are no longer wanted, and tells how many. */
  prune(retention: Retention): ObservableInput<number>;
}

/**
 * When the steps after a step may start: `sync`: when its commit is durable. `async`: at once, as long as not too many commits wait.
 * `exit`: at once, and only the end is stored. In each mode the end is told when it is durable, and a run that goes on begins when its
 * first commit is.
 */
export type Durability = 'sync' | 'async' | 'exit';

/** The state of a run that has been claimed and has not begun. Commits are folded over it. */
export const claimedSnapshot = ({ runId, flow, parentId, input }: Claim): Snapshot =>
  changed(emptySnapshot(runId, flow), { parentId, input });

export const summaryOf = (snapshot: Snapshot): RunSummary => {
  const { runId, parentId, flow, status, seq, t0, t1 } = snapshot;
  return present({ runId, parentId, flowId: flow.id, status, seq, t0, t1 });
};
