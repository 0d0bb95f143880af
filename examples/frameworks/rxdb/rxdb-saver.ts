/** Keeps runs in an RxDB collection, one document for each: they replicate, sync and can be watched like any other. */
import {
  applyPatches,
  type Claim,
  type Commit,
  claimedSnapshot,
  expiredRuns,
  type Retention,
  type RunQuery,
  type RunSummary,
  revive,
  runExists,
  type Saver,
  type Snapshot,
  staleRun,
  summaryOf,
} from 'millrace';
import type { RxCollection, RxDocument, RxJsonSchema } from 'rxdb';
import { concatMap, type Observable } from 'rxjs';

/** States are text: names of steps and params are not for RxDB to judge. */
export interface StoredRun extends RunSummary {
  readonly t: number;
  readonly claimed: string;
  readonly state: string;
  readonly commits: readonly string[];
}

const string = { type: 'string' } as const;
const number = { type: 'number' } as const;

export const runSchema: RxJsonSchema<StoredRun> = {
  version: 0,
  primaryKey: 'runId',
  type: 'object',
  properties: {
    ...{ runId: { type: 'string', maxLength: 128 }, parentId: string, flowId: string },
    ...{ status: string, seq: number, t: number, t0: number, t1: number },
    ...{ claimed: string, state: string, commits: { type: 'array', items: string } },
  },
  required: ['runId', 'flowId', 'status', 'seq', 't', 'claimed', 'state', 'commits'],
};

const parsed = (state: string): Snapshot => revive(JSON.parse(state));

export class RxdbSaver implements Saver {
  private readonly runs: RxCollection<StoredRun>;

  constructor(runs: RxCollection<StoredRun>) {
    this.runs = runs;
  }

  async claim(run: Claim): Promise<void> {
    const snapshot = claimedSnapshot(run);
    const claimed = JSON.stringify(snapshot);
    const stored = { ...summaryOf(snapshot), t: run.t, claimed, state: claimed, commits: [] };
    await this.runs.insert(stored).catch((error) => {
      throw error.code === 'CONFLICT' ? runExists(run.runId) : error;
    });
  }

  save(commits$: Observable<Commit>): Observable<number> {
    return commits$.pipe(concatMap((commit) => this.put(commit)));
  }

  /** The update is atomic, also between tabs: whoever does not go on from the last commit is stale. */
  private async put(commit: Commit): Promise<number> {
    const { runId, seq, prev, patches, snapshot } = commit;
    const text = JSON.stringify({ runId, seq, prev, patches });
    const run = await this.runs.findOne(runId).exec();
    if (!run) throw staleRun(commit, undefined);
    await run.incrementalModify((stored) => {
      // It may have been deleted since it was found.
      if (stored._deleted) throw staleRun(commit, undefined);
      if (stored.seq !== prev) throw staleRun(commit, stored.seq);
      const commits = [...stored.commits, text];
      return { ...stored, ...summaryOf(snapshot), state: JSON.stringify(snapshot), commits };
    });
    return seq;
  }

  async load(runId: string): Promise<Snapshot | undefined> {
    const run = await this.runs.findOne(runId).exec();
    return run ? parsed(run.state) : undefined;
  }

  async last(query: RunQuery): Promise<Snapshot | undefined> {
    const [run] = await this.newest({ ...query, limit: 1 });
    return run && parsed(run.state);
  }

  async list(query: RunQuery): Promise<readonly RunSummary[]> {
    const runs = await this.newest({ limit: 100, ...query });
    return runs.map(({ state }) => summaryOf(parsed(state)));
  }

  async *history(runId: string): AsyncGenerator<Commit> {
    const run = await this.runs.findOne(runId).exec();
    if (!run) return;
    let snapshot = parsed(run.claimed);
    for (const text of run.commits) {
      const commit = JSON.parse(text) as Omit<Commit, 'snapshot'>;
      snapshot = applyPatches(snapshot, commit.patches);
      yield { ...commit, snapshot };
    }
  }

  async delete(runId: string): Promise<void> {
    await this.runs.findOne(runId).remove();
  }

  async prune(retention: Retention): Promise<number> {
    const runs = await this.find({});
    const expired = new Set(expiredRuns(runs.map(storedRun), retention));
    const chosen = runs.filter(({ runId }) => expired.has(runId));
    const removed = await Promise.all(chosen.map(removedAsItIs));
    return removed.filter((isRemoved) => isRemoved).length;
  }

  private async newest(query: RunQuery): Promise<readonly StoredRun[]> {
    return (await this.find(query)).map(storedRun);
  }

  private find({ limit, ...wanted }: RunQuery): Promise<RxDocument<StoredRun>[]> {
    return this.runs
      .find({
        selector: wanted,
        sort: [{ t: 'desc' }, { runId: 'desc' }],
        ...(limit !== undefined && { limit }),
      })
      .exec();
  }
}

const storedRun = (run: RxDocument<StoredRun>): StoredRun => run.toJSON() as StoredRun;

/** Atomic, as `put` is. False for a run that has gone on since it was found: it stays. */
async function removedAsItIs(run: RxDocument<StoredRun>): Promise<boolean> {
  const { seq } = run;
  let isRemoved = false;
  await run.incrementalModify((stored) => {
    isRemoved = stored.seq === seq;
    return isRemoved ? { ...stored, _deleted: true } : stored;
  });
  return isRemoved;
}
