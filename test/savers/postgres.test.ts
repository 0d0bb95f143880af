import { postgres } from 'millrace/savers/postgres';
import type { SqlSaver } from 'millrace/savers/sql';
import { saverContract } from 'millrace/testing';
import { concatMap, delay, from, of, tap } from 'rxjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { every, once, Story } from '../../src/testing/saver-story.ts';
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

test('5.12 what a Postgres server that waits for its disk has acknowledged is there after it was killed', async () => {
  const pool = server.pool(await server.schema());
  const story = new Story('one').steps(60).end();
  await once(postgres(pool).claim(story.claim));
  let [stored, kills] = [-1, 0];
  while (stored < (story.commits.at(-1)?.seq as number)) {
    const saver = postgres(pool);
    const rest$ = from(story.commits.filter(({ seq }) => seq > stored)).pipe(
      concatMap((commit) => of(commit).pipe(delay(1))),
    );
    let acknowledged = stored;
    const killAt = stored + 1 + Math.floor(Math.random() * 60);
    let crash: Promise<void> | undefined;
    await every(
      saver.save(rest$).pipe(
        tap((seq) => {
          acknowledged = seq;
          if (seq >= killAt) crash ??= server.crash();
        }),
      ),
    ).catch(() => undefined);
    if (crash) kills += 1;
    await crash;
    const state = await once(postgres(pool).load('one'));
    expect(state?.seq).toBeGreaterThanOrEqual(acknowledged);
    stored = state?.seq as number;
  }
  expect(kills).toBeGreaterThan(0);
  expect(await once(postgres(pool).load('one'))).toEqual(story.snapshot);
  await pool.end();
}, 60_000);

test('a saver that is closed while a run goes on ends what is under way, and opens again for what comes', async () => {
  const pool = server.pool(await server.schema());
  const saver = postgres(pool);
  const story = new Story('one').steps(60).end();
  await once(saver.claim(story.claim));
  const commits$ = from(story.commits).pipe(concatMap((commit) => of(commit).pipe(delay(1))));
  const closings: Promise<void>[] = [];
  await every(saver.save(commits$).pipe(tap(() => closings.push(saver.close(), saver.close()))));
  // Also between two pages of a history.
  const seen: number[] = [];
  await every(
    saver.history('one').pipe(
      concatMap(async ({ seq }) => {
        seen.push(seq);
        await saver.close();
      }),
    ),
  );
  await Promise.all(closings);
  expect(seen).toEqual(story.commits.map(({ seq }) => seq));
  await pool.end();
});
