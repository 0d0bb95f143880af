/** Keeps runs in a SQL database, through Kysely: SQLite, Postgres, or what else has a dialect with `on conflict` and `returning`. */

import type { Dialect, Kysely } from 'kysely';
import { defer, from, type Observable } from 'rxjs';
import {
  type Claim,
  type Commit,
  type Retention,
  type RunQuery,
  type RunSummary,
  runExists,
  type Saver,
  type Snapshot,
} from '../index.ts';
import { type Batch, batched } from './batched.ts';
import { kysely } from './kysely.ts';
import { type Patiently, patience } from './patience.ts';
import { checkedBaseEvery, checkIds, headText, soughtId } from './record.ts';
import {
  commitsIn,
  deleteIn,
  expiredIn,
  insertRun,
  newestIn,
  stateIn,
  summary,
} from './sql-queries.ts';
import { migrate, type Tables } from './sql-schema.ts';
import { SqlWriter } from './sql-writer.ts';

export interface SqlSaverOptions {
  /** How Kysely talks to the database. A function is called when it is first needed. */
  readonly dialect: Dialect | (() => Dialect | Promise<Dialect>);
  /** How many commits of a run are stored, at least, before its whole state is stored again. Default 100. */
  readonly baseEvery?: number;
  /** How long to try again, in ms, while others keep the database locked. Default 5000. */
  readonly busyTimeout?: number;
}

interface Opened {
  readonly db: Kysely<Tables>;
  readonly writer: SqlWriter;
  /** What the database is still needed for. */
  readonly atWork: Set<Promise<unknown>>;
}

/**
 * A saver on a SQL database. It makes its tables (`millrace_…`) when it is first used. Most people want `sqlite()` or `postgres()`.
 *
 * @example
 * const saver = new SqlSaver({ dialect: new PostgresDialect({ pool }) })
 */
export class SqlSaver implements Saver {
  private readonly options: SqlSaverOptions;
  private readonly baseEvery: number;
  private readonly patiently: Patiently;
  private opening: Promise<Opened> | undefined;
  private closing: Promise<unknown> = Promise.resolve();

  constructor(options: SqlSaverOptions) {
    this.options = options;
    this.baseEvery = checkedBaseEvery(options.baseEvery);
    this.patiently = patience(options.busyTimeout ?? 5000);
  }

  claim(run: Claim): Observable<void> {
    return this.using(async ({ db }) => {
      checkIds(run);
      if (!(await insertRun(db, run, headText(run)))) throw runExists(run.runId);
    });
  }

  save(commits$: Observable<Commit>): Observable<number> {
    return commits$.pipe(
      batched((batch: Batch) => this.working(({ writer }) => writer.write(batch))),
    );
  }

  load(runId: string): Observable<Snapshot | undefined> {
    return this.using(({ db }) => stateIn(db, soughtId(runId)));
  }

  last(query: Pick<RunQuery, 'flowId' | 'parentId'>): Observable<Snapshot | undefined> {
    return this.using(async ({ db }) => {
      const [run] = await newestIn(db, { ...query, limit: 1 });
      return run && stateIn(db, run.run_id);
    });
  }

  list(query: RunQuery): Observable<readonly RunSummary[]> {
    return this.using(async ({ db }) => (await newestIn(db, query)).map(summary));
  }

  history(runId: string): Observable<Commit> {
    // Each page by itself: the saver may be closed between two, and opens again.
    return defer(() => from(commitsIn((read) => this.patientlyWorking(read), soughtId(runId))));
  }

  delete(runId: string): Observable<void> {
    return this.using(async ({ db }) => void (await deleteIn(db, [{ run_id: soughtId(runId) }])));
  }

  prune(retention: Retention): Observable<number> {
    return this.using(async ({ db }) => {
      const expired = await expiredIn(db, retention);
      let deleted = 0;
      for (let at = 0; at < expired.length; at += 100)
        deleted += await deleteIn(db, expired.slice(at, at + 100));
      return deleted;
    });
  }

  /** Lets go of the database when what is under way is done. A pool that was given to `postgres()` stays open. */
  async close(): Promise<void> {
    const { opening } = this;
    this.opening = undefined;
    if (opening) this.closing = Promise.all([this.closing, closed(opening)]);
    await this.closing;
  }

  private using<T>(work: (opened: Opened) => Promise<T>): Observable<T> {
    return defer(() => this.patientlyWorking(work));
  }

  private patientlyWorking<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    return this.working((opened) => this.patiently(() => work(opened)));
  }

  private async working<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    const opened = await this.opened();
    const result = work(opened);
    opened.atWork.add(result);
    return result.finally(() => opened.atWork.delete(result));
  }

  private opened(): Promise<Opened> {
    this.opening ??= this.patiently(() => this.open()).catch((error: unknown) => {
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
    try {
      await migrate(db);
    } catch (error) {
      // A database that somebody else has opened cannot be opened again here.
      if (typeof dialect === 'function') await db.destroy();
      throw error;
    }
    const lanes = made.createAdapter().supportsMultipleConnections ? 4 : 1;
    const { baseEvery, patiently } = this;
    const writer = new SqlWriter({ db, baseEvery, lanes, patiently });
    return { db, writer, atWork: new Set() };
  }
}

async function closed(opening: Promise<Opened>): Promise<void> {
  const opened = await opening.catch(() => undefined);
  await Promise.allSettled(opened?.atWork ?? []);
  await opened?.db.destroy();
}
