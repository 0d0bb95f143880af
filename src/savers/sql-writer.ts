/**
 * Writes the commits of all runs of a process, those of many runs in one transaction: what comes while one is under way goes into the next.
 *
 * W1 A batch is written only where the stored `seq` of its run is the one that it follows; the row of the run is locked from then on.
 * W2 A batch that is stale leaves nothing behind, and does not keep the others in its transaction from being written.
 */

import type { Kysely, Transaction } from 'kysely';
import { staleRun } from '../index.ts';
import type { Batch } from './batched.ts';
import type { Patiently } from './patience.ts';
import { baseText, isBaseDue } from './record.ts';
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
  private readonly jobs: Job[] = [];
  private busy = 0;

  constructor(options: SqlWriterOptions) {
    this.options = options;
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
    { runId, prev, seq, commits, size, snapshot }: Batch,
  ): Promise<{ readonly seq: number | undefined } | undefined> {
    const { status, t0 = null, t1 = null } = snapshot;
    const written = await db
      .updateTable('millrace_runs')
      .set(({ eb }) => ({
        seq,
        status,
        t0,
        t1,
        commits: eb('commits', '+', commits.length),
        size: eb('size', '+', size),
      }))
      .where('run_id', '=', runId)
      .where('seq', '=', prev)
      .returning(['commits', 'size', 'base'])
      .executeTakeFirst();
    if (!written) {
      const known = db.selectFrom('millrace_runs').select('seq').where('run_id', '=', runId);
      return { seq: (await known.executeTakeFirst())?.seq };
    }
    const body = `[${commits.join(',')}]`;
    await db.insertInto('millrace_commits').values({ run_id: runId, seq, body }).execute();
    if (isBaseDue(written, this.options.baseEvery))
      await this.putBase(db, runId, seq, baseText(snapshot));
    return undefined;
  }

  private async putBase(
    db: Transaction<Tables>,
    runId: string,
    seq: number,
    body: string,
  ): Promise<void> {
    await db
      .deleteFrom('millrace_states')
      .where('run_id', '=', runId)
      .where('seq', '>=', 0)
      .execute();
    await db.insertInto('millrace_states').values({ run_id: runId, seq, body }).execute();
    await db
      .updateTable('millrace_runs')
      .set({ commits: 0, size: 0, base: body.length })
      .where('run_id', '=', runId)
      .execute();
  }
}
