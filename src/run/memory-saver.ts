/** Keeps runs in memory: for tests, browsers, and runs that need not outlive the process. */
import { concatMap, EMPTY, from, Observable, of } from 'rxjs';
import { FlowError } from '../errors.ts';
import type { Commit } from '../state/commit.ts';
import { emptySnapshot, type Snapshot } from '../state/snapshot.ts';
import { type Claim, type RunQuery, type RunSummary, type Saver, summaryOf } from './saver.ts';

interface Kept {
  snapshot: Snapshot;
  readonly commits: Commit[];
}

/**
 * A saver that keeps everything in memory, at once. Values are kept as they are, not copied: they are frozen.
 *
 * @example
 * const flow = digest.with({ saver: new MemorySaver() })
 */
export class MemorySaver implements Saver {
  private readonly runs = new Map<string, Kept>();

  claim({ runId, flow, parentId }: Claim): Observable<void> {
    return new Observable((out) => {
      if (this.runs.has(runId)) {
        out.error(runExists(runId));
        return;
      }
      const empty = emptySnapshot(runId, flow);
      const snapshot = parentId === undefined ? empty : Object.freeze({ ...empty, parentId });
      this.runs.set(runId, { snapshot, commits: [] });
      out.next();
      out.complete();
    });
  }

  save(commits$: Observable<Commit>): Observable<number> {
    return commits$.pipe(
      concatMap((commit) => {
        const kept = this.runs.get(commit.runId);
        if (!kept || kept.snapshot.seq !== commit.prev) throw staleRun(commit, kept?.snapshot.seq);
        kept.commits.push(commit);
        kept.snapshot = commit.snapshot;
        return of(commit.seq);
      }),
    );
  }

  load(runId: string): Observable<Snapshot | undefined> {
    return of(this.runs.get(runId)?.snapshot);
  }

  last(query: Pick<RunQuery, 'flowId' | 'parentId'>): Observable<Snapshot | undefined> {
    return of(this.newest(query)[0]);
  }

  list(query: RunQuery): Observable<readonly RunSummary[]> {
    return of(
      this.newest(query)
        .slice(0, query.limit ?? 100)
        .map(summaryOf),
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

  private newest({ flowId, parentId, status }: RunQuery): Snapshot[] {
    return [...this.runs.values()]
      .map(({ snapshot }) => snapshot)
      .filter(
        (snapshot) =>
          (flowId === undefined || snapshot.flow.id === flowId) &&
          (parentId === undefined || snapshot.parentId === parentId) &&
          (status === undefined || snapshot.status === status),
      )
      .sort((a, b) => (b.t0 ?? 0) - (a.t0 ?? 0) || (a.runId < b.runId ? 1 : -1));
  }
}

export const runExists = (runId: string): FlowError =>
  new FlowError(
    'run-exists',
    `A run "${runId}" exists already. Give the new run another id, or leave the id out to get a new one; to go on with it use flow.resume("${runId}")`,
  );

export const staleRun = ({ runId, prev }: Commit, stored: number | undefined): FlowError =>
  new FlowError(
    'stale-run',
    `The run "${runId}" has gone on elsewhere: this process knows it up to event ${prev}, the saver has it up to ${stored ?? 'nothing'}. It is stopped here; resume it to go on`,
  );
