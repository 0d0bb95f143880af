/** Keeps runs in Postgres. */
import type { Dialect, PostgresPool, PostgresPoolClient } from 'kysely';
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
  const heard = new WeakSet<object>();
  // A connection that breaks between two queries tells that as an event, which ends the process where nobody listens. The next query fails.
  const connect = async (): Promise<PostgresPoolClient> => {
    const client: PostgresPoolClient & { on?(event: 'error', listen: () => void): unknown } =
      await pool.connect();
    if (!heard.has(client)) client.on?.('error', () => undefined);
    heard.add(client);
    return client;
  };
  const dialect = async (): Promise<Dialect> => {
    const { PostgresDialect } = await kysely();
    const borrowed = {
      options: pool.options,
      connect,
      end: async () => undefined,
    };
    return new PostgresDialect({ pool: borrowed });
  };
  return new SqlSaver({ ...options, dialect });
}
