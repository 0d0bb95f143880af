/**
 * Writes the commits of all runs of a process, those of many runs in one transaction: what comes while one is under way goes into the next.
 *
 * W1 A batch is written only where the stored `seq` of its run is the one that it follows; the row of the run is locked from then on.
 * W2 A batch that is stale leaves nothing behind, and does not keep the others in its transaction from being written.
 */

import type { CompiledQuery, Kysely, Transaction } from 'kysely';
import { type Snapshot, staleRun } from '../index.ts';
import type { Batch } from './batched.ts';
import type { Patiently } from './patience.ts';
import { type Look, lookAtBase } from './record.ts';
import type { Tables } from './sql-schema.ts';

interface Job {
  readonly batch: Batch;
  done(): void;
  failed(error: unknown): void;
}

export interface SqlWriterOptions {
  readonly db: Kysely<Tables>;
  readonly baseEvery: number;
  /** How many transactions may be under way at once. */
  readonly lanes: number;
  readonly patiently: Patiently;
}

const mostRuns = 64;

export class SqlWriter {
  private readonly options: SqlWriterOptions;
  private readonly statements: ReturnType<typeof statementsFor>;
  private readonly jobs: Job[] = [];
  private busy = 0;

  constructor(options: SqlWriterOptions) {
    this.options = options;
    this.statements = statementsFor(options.db);
  }

  write(batch: Batch): Promise<void> {
    return new Promise((done, failed) => {
      this.jobs.push({ batch, done, failed });
      if (this.busy < this.options.lanes) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.busy += 1;
    // Other runs have something to write in this turn, too.
    await undefined;
    while (this.jobs.length > 0) await this.writeTogether(this.jobs.splice(0, mostRuns));
    this.busy -= 1;
  }

  private async writeTogether(jobs: Job[]): Promise<void> {
    // Always in the same order: transactions that wait for each other's rows would wait for ever.
    jobs.sort((a, b) => (a.batch.runId < b.batch.runId ? -1 : 1));
    const { db, patiently } = this.options;
    let stale: ReadonlyMap<Job, unknown>;
    try {
      stale = await patiently(() =>
        db.transaction().execute((within) => this.putAll(within, jobs)),
      );
    } catch (error) {
      for (const job of jobs) job.failed(error);
      return;
    }
    for (const job of jobs) {
      if (stale.has(job)) job.failed(stale.get(job));
      else job.done();
    }
  }

  /** Those that are stale, and why. */
  private async putAll(
    db: Transaction<Tables>,
    jobs: readonly Job[],
  ): Promise<ReadonlyMap<Job, unknown>> {
    const stale = new Map<Job, unknown>();
    for (const job of jobs) {
      const known = await this.put(db, job.batch);
      if (known) stale.set(job, staleRun(job.batch, known.seq));
    }
    return stale;
  }

  /** Stores a batch, or tells what is stored instead of what it follows. */
  private async put(
    db: Transaction<Tables>,
    batch: Batch,
  ): Promise<{ readonly seq: number | undefined } | undefined> {
    const { runId, prev, seq, commits, size, isNews } = batch;
    const { statements } = this;
    const grown = [commits.length, size, runId, prev];
    const { rows } = await db.executeQuery(
      isNews
        ? filled(statements.news, [seq, ...newsOf(batch.snapshot), ...grown])
        : filled(statements.next, [seq, ...grown]),
    );
    const [written] = rows;
    if (!written) {
      const known = await db.executeQuery(filled(statements.known, [runId]));
      return { seq: known.rows[0]?.seq };
    }
    const body = `[${commits.join(',')}]`;
    await db.executeQuery(filled(statements.commit, [runId, seq, body]));
    const look = lookAtBase(written, this.options.baseEvery, batch);
    if (look) await this.keepLook(db, batch, look);
    return undefined;
  }

  private async keepLook(
    db: Transaction<Tables>,
    { runId, seq }: Batch,
    look: Look,
  ): Promise<void> {
    const { base, written } = look;
    if (base !== undefined) {
      const states = db.deleteFrom('millrace_states').where('run_id', '=', runId);
      await states.where('seq', '>=', 0).execute();
      await db.insertInto('millrace_states').values({ run_id: runId, seq, body: base }).execute();
    }
    await db.updateTable('millrace_runs').set(written).where('run_id', '=', runId).execute();
  }
}

const newsOf = ({ status, t0, t1 }: Snapshot): readonly unknown[] => [
  status,
  t0 ?? null,
  t1 ?? null,
];

/** What is written for each batch, made into SQL once: that would take longer than to write it. */
function statementsFor(db: Kysely<Tables>) {
  const of = db
    .updateTable('millrace_runs')
    .where('run_id', '=', '')
    .where('seq', '=', 0)
    .returning(['commits', 'size', 'base']);
  // An index on the status is written anew although it is the same: it stays out of most updates.
  const next = of.set({ seq: 0 });
  const news = next.set({ status: '', t0: 0, t1: 0 });
  return {
    next: next
      .set(({ eb }) => ({ commits: eb('commits', '+', 0), size: eb('size', '+', 0) }))
      .compile(),
    news: news
      .set(({ eb }) => ({ commits: eb('commits', '+', 0), size: eb('size', '+', 0) }))
      .compile(),
    commit: db.insertInto('millrace_commits').values({ run_id: '', seq: 0, body: '' }).compile(),
    known: db.selectFrom('millrace_runs').select('seq').where('run_id', '=', '').compile(),
  };
}

/** A statement with other parameters, in the order in which they stand in it. */
const filled = <Row>(
  statement: CompiledQuery<Row>,
  parameters: readonly unknown[],
): CompiledQuery<Row> => ({ ...statement, parameters });
