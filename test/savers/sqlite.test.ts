import Database from 'better-sqlite3';
import type { SqlSaver } from 'millrace/savers/sql';
import { type SqliteOptions, sqlite } from 'millrace/savers/sqlite';
import { saverContract } from 'millrace/testing';
import { test } from 'vitest';
import { newFolder } from './folder.ts';

const drivers: Readonly<Record<string, SqliteOptions>> = {
  'node:sqlite': {},
  'node:sqlite, synchronous FULL': { synchronous: 'FULL' },
  'better-sqlite3': { Database },
};

for (const [name, options] of Object.entries(drivers)) {
  const makeSaver = () => {
    const folder = newFolder();
    const opened: SqlSaver[] = [];
    const again = () => {
      const saver = sqlite(`${folder.path}/runs.db`, options);
      opened.push(saver);
      return saver;
    };
    const close = async () => {
      for (const saver of opened) await saver.close();
      folder.remove();
    };
    return { saver: again(), again, close };
  };
  saverContract(name, makeSaver, { test });
}
