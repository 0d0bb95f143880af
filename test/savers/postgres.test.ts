import { postgres } from 'millrace/savers/postgres';
import type { SqlSaver } from 'millrace/savers/sql';
import { saverContract } from 'millrace/testing';
import { afterAll, beforeAll, test } from 'vitest';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ fsync: true });
});
afterAll(() => server.stop());

const makeSaver = async () => {
  const pool = server.pool(await server.schema());
  const opened: SqlSaver[] = [];
  const again = () => {
    const saver = postgres(pool);
    opened.push(saver);
    return saver;
  };
  const close = async () => {
    for (const saver of opened) await saver.close();
    await pool.end();
  };
  return { saver: again(), again, close };
};
saverContract('Postgres', makeSaver, { test });
