import { DatabaseSync } from 'node:sqlite';
import Database from 'better-sqlite3';
import { sqlite } from 'millrace/savers/sqlite';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { every, once, put, Story, told } from '../../src/testing/saver-story.ts';
import { type Folder, newFolder } from './folder.ts';

let folder: Folder;
let path: string;
beforeEach(() => {
  folder = newFolder();
  path = `${folder.path}/runs.db`;
});
afterEach(() => folder.remove());

const rows = (query: string): unknown[] => {
  const database = new DatabaseSync(path);
  try {
    return database.prepare(query).all();
  } finally {
    database.close();
  }
};

test('many savers make the tables of one new file at once', async () => {
  const savers = Array.from({ length: 8 }, () => sqlite(path));
  await Promise.all(savers.map((saver, index) => told(saver, new Story(`run-${index}`).steps(2))));
  expect(await once(savers[0]!.list({}))).toHaveLength(8);
  expect(rows('select version from millrace_version')).toEqual([{ version: 1 }]);
  for (const saver of savers) await saver.close();
});

test('a store of a newer version is refused', async () => {
  const saver = sqlite(path);
  await told(saver, new Story('one'));
  await saver.close();
  rows('insert into millrace_version values (99)');
  await expect(once(sqlite(path).load('one'))).rejects.toThrow(/of version 99, this one knows 1/);
});

test('a file that is no database is an error, each time', async () => {
  const saver = sqlite(`${folder.path}/none/runs.db`);
  await expect(once(saver.load('one'))).rejects.toThrow(/unable to open/);
  await expect(once(saver.load('one'))).rejects.toThrow(/unable to open/);
});

test('a store that cannot be used is let go of, however often it is tried', async () => {
  const maker = sqlite(path);
  await told(maker, new Story('one'));
  await maker.close();
  rows('insert into millrace_version values (99)');
  const closed = vi.spyOn(DatabaseSync.prototype, 'close');
  const opened = vi.spyOn(DatabaseSync.prototype, 'prepare');
  const saver = sqlite(path);
  for (let time = 0; time < 3; time++) await expect(once(saver.load('one'))).rejects.toThrow(/99/);
  expect(new Set(closed.mock.contexts).size).toBe(new Set(opened.mock.contexts).size);
  closed.mockRestore();
  opened.mockRestore();
});

test.each([{}, { Database }])(
  'what ends a transaction in SQLite is told, as a full disk is %#',
  async (options) => {
    const saver = sqlite(path, options);
    const story = await told(saver, new Story('one').steps(1));
    rows(
      "create trigger full before insert on millrace_commits begin select raise(rollback, 'no room'); end",
    );
    const more = story.branch().steps(1);
    await expect(put(saver, more.commits)).rejects.toThrow('no room');
    await saver.close();
    rows('drop trigger full');
    await put(saver, more.commits);
    expect(await once(saver.load('one'))).toEqual(more.snapshot);
    await saver.close();
  },
);

test('5.12 WAL is on, and each transaction waits for the disk where that is wanted', async () => {
  const prepared = vi.spyOn(DatabaseSync.prototype, 'prepare');
  const known = { NORMAL: 1, FULL: 2 } as const;
  for (const [synchronous, value] of Object.entries(known)) {
    prepared.mockClear();
    const saver = sqlite(path, { synchronous: synchronous as keyof typeof known });
    await told(saver, new Story(`run-${value}`).steps(1));
    const [connection] = prepared.mock.contexts as [DatabaseSync];
    expect(connection.prepare('pragma synchronous').get()).toEqual({ synchronous: value });
    await saver.close();
  }
  prepared.mockRestore();
  expect(rows('pragma journal_mode')).toEqual([{ journal_mode: 'wal' }]);
  expect(() => sqlite(path, { synchronous: 'OFF' as never })).toThrow(/"NORMAL" or "FULL"/);
  expect(() => sqlite('', {})).toThrow(/path of a file/);
  expect(() => sqlite(path, { baseEvery: 0 })).toThrow(/whole number, 1 or more/);
});

test('commits that come in one turn are one row', async () => {
  const saver = sqlite(path);
  await told(saver, new Story('one').steps(20));
  expect(rows('select seq from millrace_commits')).toEqual([{ seq: 40 }]);
  await saver.close();
});

test('a whole state is stored now and then, and the last one is kept', async () => {
  const saver = sqlite(path, { baseEvery: 10 });
  let story = await told(saver, new Story('one'));
  for (let round = 0; round < 30; round++) {
    story = story.branch().steps(5, () => round);
    await put(saver, story.commits);
  }
  const [head, base] = rows('select seq from millrace_states order by seq') as { seq: number }[];
  expect(head).toEqual({ seq: -1 });
  expect(base!.seq).toBeGreaterThan(100);
  // What stands before it is not needed to load, only for the history.
  rows(`delete from millrace_commits where seq <= ${base!.seq}`);
  expect(await once(saver.load('one'))).toEqual(story.snapshot);
  await saver.close();
});

test('a run that goes on after prune has chosen it, and before it is deleted, stays', async () => {
  const saver = sqlite(path);
  for (const id of ['one', 'two']) await told(saver, new Story(id).end());
  let isChosen = false;
  class Slow extends Database {
    override prepare(sql: string): never {
      isChosen ||= sql.includes('row_number');
      // What stands before the first write after the choice.
      if (isChosen && sql === 'begin')
        rows("update millrace_runs set seq = 2 where run_id = 'one'");
      return super.prepare(sql) as never;
    }
  }
  const pruning = sqlite(path, { Database: Slow as never });
  expect(await once(pruning.prune({ olderThan: 10_000 }))).toBe(1);
  expect(isChosen).toBe(true);
  expect((await once(saver.list({})))?.map(({ runId }) => runId)).toEqual(['one']);
  expect(await every(saver.history('one'))).toHaveLength(2);
  for (const each of [saver, pruning]) await each.close();
});

test('a saver that is closed opens again when it is needed', async () => {
  const saver = sqlite(path);
  const story = await told(saver, new Story('one').steps(1));
  await saver.close();
  expect(await once(saver.load('one'))).toEqual(story.snapshot);
  expect(await every(saver.history('one'))).toHaveLength(3);
  await saver.close();
});
