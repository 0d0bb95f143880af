/** Keeps runs in a SQL database, through Kysely: SQLite, Postgres, or what else has a dialect with `on conflict` and `returning`. */

import type { Dialect, Kysely, Selectable } from 'kysely';
import { defer, from, mergeMap, type Observable } from 'rxjs';
import {
  type Claim,
  type Commit,
  checkedRetention,
  endedStatuses,
  type Retention,
  type RunQuery,
  type RunStatus,
  type RunSummary,
  runExists,
  type Saver,
  type Snapshot,
} from '../index.ts';
import { type Batch, batched } from './batched.ts';
import { decode } from './codec.ts';
import { kysely } from './kysely.ts';
import {
  checkedBaseEvery,
  checkIds,
  folding,
  headText,
  restored,
  type StoredCommit,
} from './record.ts';
import { migrate, type Tables } from './sql-schema.ts';
import { SqlWriter } from './sql-writer.ts';

export interface SqlSaverOptions {
  /** How Kysely talks to the database. A function is called when it is first needed. */
  readonly dialect: Dialect | (() => Dialect | Promise<Dialect>);
  /** How many commits of a run are stored, at least, before its whole state is stored again. Default 100. */
  readonly baseEvery?: number;
}

interface Opened {
  readonly db: Kysely<Tables>;
  readonly writer: SqlWriter;
}

const page = 20;

/**
 * A saver on a SQL database. It makes its tables (`millrace_…`) when it is first used. Most people want `sqlite()` or `postgres()`.
 *
 * @example
 * const saver = new SqlSaver({ dialect: new PostgresDialect({ pool }) })
 */
export class SqlSaver implements Saver {
  private readonly options: SqlSaverOptions;
  private readonly baseEvery: number;
  private opening: Promise<Opened> | undefined;

  constructor(options: SqlSaverOptions) {
    this.options = options;
    this.baseEvery = checkedBaseEvery(options.baseEvery);
  }

  claim(run: Claim): Observable<void> {
    return this.using(async ({ db }) => {
      checkIds(run);
      const { runId, flow, parentId = null, t } = run;
      const body = headText(run);
      const isNew = await db.transaction().execute(async (within) => {
        const { numInsertedOrUpdatedRows } = await within
          .insertInto('millrace_runs')
          .values({
            run_id: runId,
            flow_id: flow.id,
            parent_id: parentId,
            status: 'pending',
            seq: -1,
            t,
            t0: null,
            t1: null,
            commits: 0,
            size: 0,
            base: 0,
          })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        if (numInsertedOrUpdatedRows === 0n) return false;
        await within
          .insertInto('millrace_states')
          .values({ run_id: runId, seq: -1, body })
          .execute();
        return true;
      });
      if (!isNew) throw runExists(runId);
    });
  }

  save(commits$: Observable<Commit>): Observable<number> {
    return commits$.pipe(
      batched(async (batch: Batch) => (await this.opened()).writer.write(batch)),
    );
  }

  load(runId: string): Observable<Snapshot | undefined> {
    return this.using(({ db }) => loaded(db, runId));
  }

  last(query: Pick<RunQuery, 'flowId' | 'parentId'>): Observable<Snapshot | undefined> {
    return this.using(async ({ db }) => {
      const [run] = await newest(db, { ...query, limit: 1 });
      return run && loaded(db, run.run_id);
    });
  }

  list(query: RunQuery): Observable<readonly RunSummary[]> {
    return this.using(async ({ db }) => (await newest(db, query)).map(summary));
  }

  history(runId: string): Observable<Commit> {
    return defer(() => this.opened()).pipe(mergeMap(({ db }) => from(commitsOf(db, runId))));
  }

  delete(runId: string): Observable<void> {
    return this.using(({ db }) => deleteRuns(db, [runId]));
  }

  prune(retention: Retention): Observable<number> {
    return this.using(async ({ db }) => {
      const expired = await expiredIn(db, retention);
      for (let at = 0; at < expired.length; at += 100)
        await deleteRuns(db, expired.slice(at, at + 100));
      return expired.length;
    });
  }

  /** Lets go of the database. A pool that was given to `postgres()` stays open. */
  async close(): Promise<void> {
    const opening = this.opening;
    this.opening = undefined;
    await (await opening)?.db.destroy();
  }

  private using<T>(work: (opened: Opened) => Promise<T>): Observable<T> {
    return defer(async () => work(await this.opened()));
  }

  private opened(): Promise<Opened> {
    this.opening ??= this.open().catch((error: unknown) => {
      // What failed may be there the next time.
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  private async open(): Promise<Opened> {
    const { dialect } = this.options;
    const { Kysely } = await kysely();
    const made = typeof dialect === 'function' ? await dialect() : dialect;
    const db = new Kysely<Tables>({ dialect: made });
    await migrate(db);
    const lanes = made.createAdapter().supportsMultipleConnections ? 4 : 1;
    return { db, writer: new SqlWriter({ db, baseEvery: this.baseEvery, lanes }) };
  }
}

async function loaded(db: Kysely<Tables>, runId: string): Promise<Snapshot | undefined> {
  // Commits stay when a later state is stored: what comes between these two queries does no harm.
  const states = await db
    .selectFrom('millrace_states')
    .select(['seq', 'body'])
    .where('run_id', '=', runId)
    .orderBy('seq')
    .execute();
  const [head, base] = states;
  if (!head) return undefined;
  const rows = await db
    .selectFrom('millrace_commits')
    .select('body')
    .where('run_id', '=', runId)
    .where('seq', '>', base?.seq ?? -1)
    .orderBy('seq')
    .execute();
  return restored(
    head.body,
    base?.body,
    rows.flatMap(({ body }) => decode(body) as StoredCommit[]),
  );
}

async function* commitsOf(db: Kysely<Tables>, runId: string): AsyncGenerator<Commit> {
  const head = await db
    .selectFrom('millrace_states')
    .select('body')
    .where('run_id', '=', runId)
    .where('seq', '=', -1)
    .executeTakeFirst();
  if (!head) return;
  const fold = folding(head.body);
  for (let after = -1; ; ) {
    const rows = await db
      .selectFrom('millrace_commits')
      .select(['seq', 'body'])
      .where('run_id', '=', runId)
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(page)
      .execute();
    for (const { body } of rows)
      for (const stored of decode(body) as StoredCommit[]) yield fold(stored);
    if (rows.length < page) return;
    after = (rows.at(-1) as { seq: number }).seq;
  }
}

type RunRow = Selectable<Tables['millrace_runs']>;

function newest(db: Kysely<Tables>, query: RunQuery): Promise<RunRow[]> {
  const { flowId, parentId, status, limit = 100 } = query;
  let runs = db.selectFrom('millrace_runs').selectAll();
  if (flowId !== undefined) runs = runs.where('flow_id', '=', flowId);
  if (parentId !== undefined) runs = runs.where('parent_id', '=', parentId);
  if (status !== undefined) runs = runs.where('status', '=', status);
  return runs.orderBy('t', 'desc').orderBy('run_id', 'desc').limit(limit).execute();
}

const summary = ({ run_id, parent_id, flow_id, status, seq, t0, t1 }: RunRow): RunSummary => ({
  runId: run_id,
  ...(parent_id !== null && { parentId: parent_id }),
  flowId: flow_id,
  status: status as RunStatus,
  seq,
  ...(t0 !== null && { t0 }),
  ...(t1 !== null && { t1 }),
});

async function expiredIn(db: Kysely<Tables>, retention: Retention): Promise<readonly string[]> {
  const { olderThan, keepLast = 0, unfinished = false } = checkedRetention(retention);
  const placed = db.selectFrom('millrace_runs').select(({ fn }) => [
    'run_id',
    'status',
    fn.coalesce('t1', 't').as('ended'),
    fn
      .agg<number>('row_number')
      .over((over) => over.partitionBy('flow_id').orderBy('t', 'desc').orderBy('run_id', 'desc'))
      .as('place'),
  ]);
  let expired = db.selectFrom(placed.as('placed')).select('run_id').where('place', '>', keepLast);
  if (olderThan !== undefined) expired = expired.where('ended', '<', olderThan);
  if (!unfinished) expired = expired.where('status', 'in', [...endedStatuses]);
  return (await expired.execute()).map(({ run_id }) => run_id);
}

const deleteRuns = (db: Kysely<Tables>, runIds: readonly string[]): Promise<void> =>
  db.transaction().execute(async (within) => {
    // The row of a run first: whoever writes to it has to notice.
    for (const table of ['millrace_runs', 'millrace_states', 'millrace_commits'] as const)
      await within
        .deleteFrom(table)
        .where('run_id', 'in', [...runIds])
        .execute();
  });
