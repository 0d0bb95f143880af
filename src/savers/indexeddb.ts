/** Keeps runs in a browser, in IndexedDB. */

import { defer, from, type Observable } from 'rxjs';
import {
  type Claim,
  type Commit,
  checkedLimit,
  expiredRuns,
  type Retention,
  type RunQuery,
  type RunSummary,
  runExists,
  type Saver,
  type Snapshot,
  staleRun,
} from '../index.ts';
import { type Batch, batched } from './batched.ts';
import { decode } from './codec.ts';
import { allOf, type Db, opened, type StoredRun, stores } from './indexeddb-schema.ts';
import {
  checkedBaseEvery,
  checkIds,
  folding,
  headText,
  lookAtBase,
  restored,
  type StoredCommit,
  writtenAfter,
} from './record.ts';

export interface IndexedDbOptions {
  /** The name of the database. Default `millrace`. */
  readonly name?: string;
  /** `strict`: a commit counts as stored when it is on the disk. `relaxed`: when the system has it. By default as the browser has it. */
  readonly durability?: 'strict' | 'relaxed';
  /** How many commits of a run are stored, at least, before its whole state is stored again. Default 100. */
  readonly baseEvery?: number;
}

const page = 20;

/**
 * A saver in the browser. Tabs and workers of one origin share it. It needs the package `idb`.
 *
 * @example
 * const flow = digest.with({ saver: new IndexedDbSaver() })
 */
export class IndexedDbSaver implements Saver {
  private readonly name: string;
  private readonly how: IDBTransactionOptions;
  private readonly baseEvery: number;
  private opening: Promise<Db> | undefined;

  constructor({ name = 'millrace', durability, baseEvery }: IndexedDbOptions = {}) {
    this.name = name;
    this.how = { durability: durability ?? 'default' };
    this.baseEvery = checkedBaseEvery(baseEvery);
  }

  claim(run: Claim): Observable<void> {
    return this.using(async (db) => {
      checkIds(run);
      const { runId, flow, parentId, t } = run;
      const body = headText(run);
      const within = db.transaction(stores, 'readwrite', this.how);
      const isNew = (await within.objectStore('runs').getKey(runId)) === undefined;
      if (isNew) {
        await within.objectStore('runs').put({
          runId,
          ...(parentId !== undefined && { parentId }),
          flowId: flow.id,
          status: 'pending',
          seq: -1,
          t,
          written: writtenAfter(body),
        });
        await within.objectStore('states').put({ runId, seq: -1, body });
      }
      await within.done;
      if (!isNew) throw runExists(runId);
    });
  }

  save(commits$: Observable<Commit>): Observable<number> {
    return commits$.pipe(batched(async (batch) => this.put(await this.opened(), batch)));
  }

  load(runId: string): Observable<Snapshot | undefined> {
    return this.using((db) => loaded(db, runId));
  }

  last(query: Pick<RunQuery, 'flowId' | 'parentId'>): Observable<Snapshot | undefined> {
    return this.using(async (db) => {
      const [run] = await newest(db, { ...query, limit: 1 });
      return run && loaded(db, run.runId);
    });
  }

  list(query: RunQuery): Observable<readonly RunSummary[]> {
    return this.using(async (db) => (await newest(db, query)).map(summary));
  }

  history(runId: string): Observable<Commit> {
    // Each page by itself: another tab may close the database between two.
    return defer(() => from(commitsOf(() => this.opened(), runId)));
  }

  delete(runId: string): Observable<void> {
    return this.using(async (db) => void (await deleteRuns(db, [{ runId }])));
  }

  prune(retention: Retention): Observable<number> {
    return this.using(async (db) => {
      const runs = await newest(db, { limit: Infinity });
      const expired = new Set(expiredRuns(runs, retention));
      return deleteRuns(
        db,
        runs.filter(({ runId }) => expired.has(runId)),
      );
    });
  }

  /** Lets go of the database. */
  async close(): Promise<void> {
    const opening = this.opening;
    this.opening = undefined;
    (await opening)?.close();
  }

  private using<T>(work: (db: Db) => Promise<T>): Observable<T> {
    return defer(async () => work(await this.opened()));
  }

  private opened(): Promise<Db> {
    this.opening ??= opened(this.name, () => {
      this.opening = undefined;
    }).catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  /** Transactions that write to the same stores come one after the other, also those of other tabs: what is read first stays true. */
  private async put(db: Db, batch: Batch): Promise<void> {
    const { runId, prev, seq, commits, size, snapshot } = batch;
    const within = db.transaction(stores, 'readwrite', this.how);
    const runs = within.objectStore('runs');
    const run = await runs.get(runId);
    const isStale = run?.seq !== prev;
    const texts: Promise<unknown>[] = [];
    if (run && !isStale) {
      const grown = {
        commits: run.written.commits + commits.length,
        size: run.written.size + size,
        base: run.written.base,
      };
      const { base, written } = lookAtBase(grown, this.baseEvery, batch) ?? { written: grown };
      const body = `[${commits.join(',')}]`;
      texts.push(
        runs.put({ ...run, ...times(snapshot), seq, status: snapshot.status, written }),
        within.objectStore('commits').put({ runId, seq, body }),
      );
      if (base !== undefined) {
        const states = within.objectStore('states');
        texts.push(states.delete(allOf(runId, -1)), states.put({ runId, seq, body: base }));
      }
    }
    // All at once: a transaction ends where nobody asks it for more, and one failure is that of all.
    await Promise.all([...texts, within.done]);
    if (isStale) throw staleRun(batch, run?.seq);
  }
}

/** A run that goes on has no end any more: the field is there, and says so. */
const times = ({ t0, t1 }: Snapshot) => ({ t0, t1 });

async function loaded(db: Db, runId: string): Promise<Snapshot | undefined> {
  const within = db.transaction(stores);
  const [head, base] = await within.objectStore('states').getAll(allOf(runId));
  if (!head) return undefined;
  const rows = await within.objectStore('commits').getAll(allOf(runId, base?.seq ?? -1));
  return restored(
    head.body,
    base?.body,
    rows.flatMap(({ body }) => decode(body) as StoredCommit[]),
  );
}

async function* commitsOf(open: () => Promise<Db>, runId: string): AsyncGenerator<Commit> {
  const head = await (await open()).get('states', [runId, -1]);
  if (!head) return;
  const fold = folding(head.body);
  for (let after = -1; ; ) {
    const rows = await (await open()).getAll('commits', allOf(runId, after), page);
    for (const { body } of rows)
      for (const stored of decode(body) as StoredCommit[]) yield fold(stored);
    const last = rows.at(-1);
    if (!last || rows.length < page) return;
    after = last.seq;
  }
}

async function newest(db: Db, query: RunQuery): Promise<StoredRun[]> {
  const { flowId, parentId, status } = query;
  const limit = checkedLimit(query);
  const found: StoredRun[] = [];
  let place = await db.transaction('runs').store.index('t').openCursor(null, 'prev');
  while (place && found.length < limit) {
    const { value: run } = place;
    if (
      (flowId === undefined || run.flowId === flowId) &&
      (parentId === undefined || run.parentId === parentId) &&
      (status === undefined || run.status === status)
    )
      found.push(run);
    place = await place.continue();
  }
  return found;
}

const summary = ({ runId, parentId, flowId, status, seq, t0, t1 }: StoredRun): RunSummary => ({
  runId,
  ...(parentId !== undefined && { parentId }),
  flowId,
  status,
  seq,
  ...(t0 !== undefined && { t0 }),
  ...(t1 !== undefined && { t1 }),
});

/** Deletes runs, those that have not gone on since `seq`; tells how many. */
async function deleteRuns(
  db: Db,
  chosen: readonly { readonly runId: string; readonly seq?: number }[],
): Promise<number> {
  const within = db.transaction(stores, 'readwrite');
  const deletions = chosen.map(async ({ runId, seq }): Promise<number> => {
    const run = await within.objectStore('runs').get(runId);
    if (!run || run.seq !== (seq ?? run.seq)) return 0;
    await Promise.all([
      within.objectStore('runs').delete(runId),
      within.objectStore('states').delete(allOf(runId)),
      within.objectStore('commits').delete(allOf(runId)),
    ]);
    return 1;
  });
  const [deleted] = await Promise.all([Promise.all(deletions), within.done]);
  return deleted.reduce((sum, each) => sum + each, 0);
}
