/** Keeps runs in memory: for tests, browsers, and runs that need not outlive the process. */
import { defer, EMPTY, from, map, Observable, of, scan } from 'rxjs';
import { FlowError } from '../errors.ts';
import { applyPatches, type Commit } from '../state/commit.ts';
import type { Snapshot } from '../state/snapshot.ts';
import { checkedLimit, expiredRuns } from './retention.ts';
import {
  type Claim,
  claimedSnapshot,
  type Retention,
  type RunQuery,
  type RunSummary,
  type Saver,
  summaryOf,
} from './saver.ts';

/** A commit without the state after it: that is made again when the history is read. */
type Change = Pick<Commit, 'seq' | 'prev' | 'patches'>;

interface Kept {
  readonly claimed: Snapshot;
  readonly changes: Change[];
  last: Pick<Commit, 'seq' | 'snapshot'>;
  readonly t: number;
}

/**
 * A saver that keeps everything in memory, at once. Values are kept as they are, not copied: they are frozen.
 *
 * @example
 * const flow = digest.with({ saver: new MemorySaver() })
 */
export class MemorySaver implements Saver {
  private readonly runs = new Map<string, Kept>();

  claim(run: Claim): Observable<void> {
    return new Observable((out) => {
      const { runId, t } = run;
      if (this.runs.has(runId)) {
        out.error(runExists(runId));
        return;
      }
      const claimed = claimedSnapshot(run);
      this.runs.set(runId, { claimed, changes: [], last: { seq: -1, snapshot: claimed }, t });
      out.next();
      out.complete();
    });
  }

  save(commits$: Observable<Commit>): Observable<number> {
    return commits$.pipe(
      map((commit) => {
        const kept = this.runs.get(commit.runId);
        const { seq, prev, patches } = commit;
        if (kept?.last.seq !== prev) throw staleRun(commit, kept?.last.seq);
        kept.changes.push({ seq, prev, patches });
        kept.last = commit;
        return seq;
      }),
    );
  }

  load(runId: string): Observable<Snapshot | undefined> {
    return of(this.runs.get(runId)?.last.snapshot);
  }

  last(query: Pick<RunQuery, 'flowId' | 'parentId'>): Observable<Snapshot | undefined> {
    return of(this.newest(query)[0]?.last.snapshot);
  }

  list(query: RunQuery): Observable<readonly RunSummary[]> {
    return defer(() => {
      const runs = this.newest(query).slice(0, checkedLimit(query));
      return of(runs.map(({ last }) => summaryOf(last.snapshot)));
    });
  }

  history(runId: string): Observable<Commit> {
    const kept = this.runs.get(runId);
    if (!kept) return EMPTY;
    const { claimed, changes } = kept;
    return from(changes.slice()).pipe(
      scan(
        ({ snapshot }: Pick<Commit, 'snapshot'>, change): Commit =>
          Object.freeze({ runId, ...change, snapshot: applyPatches(snapshot, change.patches) }),
        { snapshot: claimed },
      ),
    ) as Observable<Commit>;
  }

  delete(runId: string): Observable<void> {
    this.runs.delete(runId);
    return of(undefined);
  }

  prune(retention: Retention): Observable<number> {
    return defer(() => {
      const runs = this.newest({}).map(({ last, t }) => ({ ...summaryOf(last.snapshot), t }));
      const expired = expiredRuns(runs, retention);
      for (const runId of expired) this.runs.delete(runId);
      return of(expired.length);
    });
  }

  private newest({ flowId, parentId, status }: RunQuery): Kept[] {
    return [...this.runs.values()]
      .filter(
        ({ last: { snapshot } }) =>
          (flowId === undefined || snapshot.flow.id === flowId) &&
          (parentId === undefined || snapshot.parentId === parentId) &&
          (status === undefined || snapshot.status === status),
      )
      .sort((a, b) => b.t - a.t || (a.claimed.runId < b.claimed.runId ? 1 : -1));
  }
}

export const runExists = (runId: string): FlowError =>
  new FlowError(
    'run-exists',
    `A run "${runId}" exists already. Give the new run another id, or none; to go on with it use flow.resume("${runId}")`,
  );

export const staleRun = (
  { runId, prev }: Pick<Commit, 'runId' | 'prev'>,
  stored: number | undefined,
): FlowError =>
  new FlowError(
    'stale-run',
    `The run "${runId}" has gone on elsewhere: this process knows it up to event ${prev}, the saver has it up to ${stored ?? 'nothing'}. It is stopped here; resume it to go on`,
  );
