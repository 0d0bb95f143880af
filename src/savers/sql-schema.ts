/** The tables of the SQL saver, and how they came to be. */

import type { Kysely, Transaction } from 'kysely';
import { FlowError } from '../index.ts';
import { isBusy } from './patience.ts';

export interface Tables {
  /** One row a run: what `list` shows, and the `seq` on which every write is conditional. */
  readonly millrace_runs: {
    readonly run_id: string;
    readonly flow_id: string;
    readonly parent_id: string | null;
    readonly status: string;
    readonly seq: number;
    /** When it was claimed, started and ended. */
    readonly t: number;
    readonly t0: number | null;
    readonly t1: number | null;
    /** What was written since the last whole state, and how long that is. */
    readonly commits: number;
    readonly size: number;
    readonly base: number;
  };
  /** Of each run its head, with seq -1, and the last whole state that was written. */
  readonly millrace_states: {
    readonly run_id: string;
    readonly seq: number;
    readonly body: string;
  };
  /** Commits as they were written: a row holds those of one batch, and has the seq of the last. */
  readonly millrace_commits: {
    readonly run_id: string;
    readonly seq: number;
    readonly body: string;
  };
  readonly millrace_version: { readonly version: number };
}

type Db = Kysely<Tables>;

// Only ever add to the end. A migration that is cut short leaves nothing behind: each runs in a transaction.
const migrations: readonly ((db: Transaction<Tables>) => Promise<void>)[] = [
  async (db) => {
    const { schema } = db;
    await schema
      .createTable('millrace_runs')
      .addColumn('run_id', 'text', (column) => column.primaryKey())
      .addColumn('flow_id', 'text', (column) => column.notNull())
      .addColumn('parent_id', 'text')
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('seq', 'integer', (column) => column.notNull())
      .addColumn('t', 'double precision', (column) => column.notNull())
      .addColumn('t0', 'double precision')
      .addColumn('t1', 'double precision')
      .addColumn('commits', 'integer', (column) => column.notNull())
      .addColumn('size', 'double precision', (column) => column.notNull())
      .addColumn('base', 'double precision', (column) => column.notNull())
      .execute();
    for (const column of ['flow_id', 'parent_id', 'status'] as const) {
      await schema
        .createIndex(`millrace_runs_${column}`)
        .on('millrace_runs')
        .columns([column, 't'])
        .execute();
    }
    await schema.createIndex('millrace_runs_t').on('millrace_runs').column('t').execute();
    for (const table of ['millrace_states', 'millrace_commits'] as const) {
      await schema
        .createTable(table)
        .addColumn('run_id', 'text', (column) => column.notNull())
        .addColumn('seq', 'integer', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint(`${table}_key`, ['run_id', 'seq'])
        .execute();
    }
  },
];

/** Brings the tables of a store to the version of this code. Several processes may do so at once. */
export async function migrate(db: Db): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      if ((await versionOf(db)) === migrations.length) return;
      await db.transaction().execute(migrateIn);
      return;
    } catch (error) {
      // Another process was faster. Where it is still at it, the one who opens the store is patient.
      if (FlowError.is(error) || isBusy(error) || attempt === 10) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * attempt));
    }
  }
}

async function migrateIn(db: Transaction<Tables>): Promise<void> {
  await db.schema
    .createTable('millrace_version')
    .ifNotExists()
    .addColumn('version', 'integer', (column) => column.primaryKey())
    .execute();
  const done = await newest(db);
  for (const [index, migration] of migrations.entries()) {
    if (index < done) continue;
    // First of all, so that nobody else does the same meanwhile.
    await db
      .insertInto('millrace_version')
      .values({ version: index + 1 })
      .execute();
    await migration(db);
  }
}

/** 0 where there are no tables yet; an error of any other kind comes again when they are made. */
const versionOf = (db: Db): Promise<number> =>
  newest(db).catch((error: unknown) => {
    if (FlowError.is(error)) throw error;
    return 0;
  });

async function newest(db: Db): Promise<number> {
  const row = await db
    .selectFrom('millrace_version')
    .select(({ fn }) => fn.max('version').as('version'))
    .executeTakeFirst();
  const version = row?.version ?? 0;
  if (version <= migrations.length) return version;
  throw new FlowError(
    'saver-failed',
    `The store has been made by a newer version of millrace: its tables are of version ${version}, this one knows ${migrations.length}. Update millrace`,
  );
}
