/** Keeps runs in a SQLite file. */

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { Dialect, SqliteDatabase, SqliteStatement } from 'kysely';
import { FlowError, showValue } from '../index.ts';
import { kysely } from './kysely.ts';
import { SqlSaver, type SqlSaverOptions } from './sql.ts';

export interface SqliteOptions extends Omit<SqlSaverOptions, 'dialect'> {
  /** The class of better-sqlite3, to use it instead of Node's own `node:sqlite`. The file is the same. */
  readonly Database?: new (
    path: string,
  ) => SqliteDatabase;
  /**
   * `NORMAL` (default): what has been acknowledged survives the end of the process, however it ends. `FULL`: also that of the machine;
   * each transaction then waits for the disk.
   */
  readonly synchronous?: 'NORMAL' | 'FULL';
}

/**
 * A saver on a SQLite file, which several processes may use at once; `:memory:` keeps nothing. It needs the package `kysely`.
 *
 * @example
 * const flow = digest.with({ saver: sqlite('runs.db') })
 */
export function sqlite(path: string, options: SqliteOptions = {}): SqlSaver {
  const { Database, synchronous = 'NORMAL', ...others } = options;
  if (typeof path !== 'string' || path === '')
    throw new FlowError(
      'invalid-option',
      `sqlite() takes the path of a file, not ${showValue(path)}`,
    );
  if (synchronous !== 'NORMAL' && synchronous !== 'FULL')
    throw new FlowError(
      'invalid-option',
      `The option "synchronous" of sqlite() is ${showValue(synchronous)}. It takes "NORMAL" or "FULL"`,
    );
  const dialect = async (): Promise<Dialect> => {
    const { SqliteDialect } = await kysely();
    const database = Database ? new Database(path) : nodeDatabase(path);
    // Who waits here, waits for ever where the other one is in the same thread: `SqlSaver` tries again instead.
    const settings = ['busy_timeout = 0', 'journal_mode = WAL', `synchronous = ${synchronous}`];
    try {
      for (const setting of settings) {
        const pragma = database.prepare(`pragma ${setting}`);
        if (pragma.reader) pragma.all([]);
        else pragma.run([]);
      }
    } catch (error) {
      database.close();
      throw error;
    }
    return new SqliteDialect({ database: remembering(database) });
  };
  return new SqlSaver({ ...others, dialect });
}

/** Node's own SQLite, as Kysely knows better-sqlite3. */
function nodeDatabase(path: string): SqliteDatabase {
  const sqlite = process.getBuiltinModule('node:sqlite') as
    | typeof import('node:sqlite')
    | undefined;
  if (!sqlite)
    throw new FlowError(
      'invalid-option',
      'This Node has no node:sqlite. Use Node 22.13 or later, or give better-sqlite3: sqlite(path, { Database })',
    );
  const database: DatabaseSync = new sqlite.DatabaseSync(path);
  return {
    close: () => database.close(),
    prepare: (sql) =>
      nodeStatement(database.prepare(sql), /^\s*(select|with|pragma)|\sreturning\s/i.test(sql)),
  };
}

function nodeStatement(statement: StatementSync, reader: boolean): SqliteStatement {
  const of = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
  return {
    reader,
    all: (parameters) => statement.all(...of(parameters)),
    run: (parameters) => statement.run(...of(parameters)),
    iterate: (parameters) => statement.iterate(...of(parameters)) as IterableIterator<unknown>,
  };
}

/** SQLite itself rolls back where the disk is full or fails. To do it again is an error, which would hide what the matter is. */
function prepared(database: SqliteDatabase, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  if (sql !== 'rollback') return statement;
  const run: SqliteStatement['run'] = (parameters) => {
    try {
      return statement.run(parameters);
    } catch (error) {
      if (!/no transaction is active/.test(String(error))) throw error;
      return { changes: 0, lastInsertRowid: 0 };
    }
  };
  return { reader: false, run, all: () => [], iterate: () => [].values() };
}

/** There are few different statements: each is prepared once. */
function remembering(database: SqliteDatabase): SqliteDatabase {
  const known = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare: (sql) => {
      const statement = known.get(sql) ?? prepared(database, sql);
      if (known.size < 100) known.set(sql, statement);
      return statement;
    },
  };
}
