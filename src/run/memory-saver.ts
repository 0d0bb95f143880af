/** Keeps runs in memory: for tests, browsers, and runs that need not outlive the process. */
import { defer, EMPTY, from, map, Observable, of } from 'rxjs';
import { FlowError } from '../errors.ts';
import type { Commit } from '../state/commit.ts';
import type { Snapshot } from '../state/snapshot.ts';
import { expiredRuns } from './retention.ts';
import {
  type Claim,
  claimedSnapshot,
  type Retention,
  type RunQuery,
  type RunSummary,
  type Saver,
  summaryOf,
} from './saver.ts';

interface Kept {
  snapshot: Snapshot;
  readonly commits: Commit[];
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
      this.runs.set(runId, { snapshot: claimedSnapshot(run), commits: [], t });
      out.next();
      out.complete();
    });
  }

  save(commits$: Observable<Commit>): Observable<number> {
    return commits$.pipe(
      map((commit) => {
        const kept = this.runs.get(commit.runId);
        if (!kept || kept.snapshot.seq !== commit.prev) throw staleRun(commit, kept?.snapshot.seq);
        kept.commits.push(commit);
        kept.snapshot = commit.snapshot;
        return commit.seq;
      }),
    );
  }

  load(runId: string): Observable<Snapshot | undefined> {
    return of(this.runs.get(runId)?.snapshot);
  }

  last(query: Pick<RunQuery, 'flowId' | 'parentId'>): Observable<Snapshot | undefined> {
    return of(this.newest(query)[0]?.snapshot);
  }

  list(query: RunQuery): Observable<readonly RunSummary[]> {
    return of(
      this.newest(query)
        .slice(0, query.limit ?? 100)
        .map(({ snapshot }) => summaryOf(snapshot)),
    );
  }

  history(runId: string): Observable<Commit> {
    const kept = this.runs.get(runId);
    return kept ? from([...kept.commits]) : EMPTY;
  }

  delete(runId: string): Observable<void> {
    this.runs.delete(runId);
    return of(undefined);
  }

  prune(retention: Retention): Observable<number> {
    return defer(() => {
      const runs = this.newest({}).map(({ snapshot, t }) => ({ ...summaryOf(snapshot), t }));
      const expired = expiredRuns(runs, retention);
      for (const runId of expired) this.runs.delete(runId);
      return of(expired.length);
    });
  }

  private newest({ flowId, parentId, status }: RunQuery): Kept[] {
    return [...this.runs.values()]
      .filter(
        ({ snapshot }) =>
          (flowId === undefined || snapshot.flow.id === flowId) &&
          (parentId === undefined || snapshot.parentId === parentId) &&
          (status === undefined || snapshot.status === status),
      )
      .sort((a, b) => b.t - a.t || (a.snapshot.runId < b.snapshot.runId ? 1 : -1));
  }
}

export const runExists = (runId: string): FlowError =>
  new FlowError(
    'run-exists',
    `A run "${runId}" exists already. Give the new run another id, or leave the id out to get a new one; to go on with it use flow.resume("${runId}")`,
  );

export const staleRun = (
  { runId, prev }: Pick<Commit, 'runId' | 'prev'>,
  stored: number | undefined,
): FlowError =>
  new FlowError(
    'stale-run',
    `The run "${runId}" has gone on elsewhere: this process knows it up to event ${prev}, the saver has it up to ${stored ?? 'nothing'}. It is stopped here; resume it to go on`,
  );
