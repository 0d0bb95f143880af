/** Stores that several processes of one test share, each made when it is asked for; and the script that the processes run. */
import { afterAll, beforeAll } from 'vitest';
import { bundled } from './child.ts';
import { type Folder, newFolder } from './folder.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import type { Place } from './store.ts';

export interface ProcessStores {
  readonly stores: Readonly<Record<string, () => Promise<Place>>>;
  /** There from the first test on, as the script. */
  readonly folder: Folder;
  readonly script: string;
}

/** `child`: the script of this folder that is bundled for the processes. */
export function processStores(child: string): ProcessStores {
  let folder: Folder;
  let server: PostgresServer;
  let script: string;
  beforeAll(async () => {
    folder = newFolder();
    [server, script] = await Promise.all([startPostgres(), bundled(child, folder.path)]);
  });
  afterAll(async () => {
    await server?.stop();
    folder?.remove();
  });
  return {
    stores: {
      SQLite: async () => ({ kind: 'sqlite', path: `${folder.path}/runs.db` }),
      'JSON lines': async () => ({ kind: 'jsonl', path: `${folder.path}/runs` }),
      Postgres: async () => ({
        kind: 'postgres',
        connection: server.connection,
        schema: await server.schema(),
      }),
    },
    get folder() {
      return folder;
    },
    get script() {
      return script;
    },
  };
}
