/** Keeps runs in Postgres. */
import type { Dialect, PostgresPool } from 'kysely';
import { kysely } from './kysely.ts';
import { SqlSaver, type SqlSaverOptions } from './sql.ts';

export type PostgresOptions = Omit<SqlSaverOptions, 'dialect'>;

/**
 * A saver on Postgres, through a pool of the package `pg`, which stays yours: the saver never ends it. It needs the package `kysely`, too.
 *
 * @example
 * const flow = digest.with({ saver: postgres(new Pool({ connectionString })) })
 */
export function postgres(pool: PostgresPool, options: PostgresOptions = {}): SqlSaver {
  const dialect = async (): Promise<Dialect> => {
    const { PostgresDialect } = await kysely();
    const borrowed = {
      options: pool.options,
      connect: () => pool.connect(),
      end: async () => undefined,
    };
    return new PostgresDialect({ pool: borrowed });
  };
  return new SqlSaver({ ...options, dialect });
}
