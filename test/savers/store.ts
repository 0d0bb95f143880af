/** Stores that several processes can open, and how each is opened. */

import type { Saver } from 'millrace';
import { JsonlSaver } from 'millrace/savers/jsonl';
import { postgres } from 'millrace/savers/postgres';
import { sqlite } from 'millrace/savers/sqlite';
import pg from 'pg';
import { type PostgresServer, poolOptions } from './postgres-server.ts';

/** Where a store is, as plain data. */
export type Place =
  | { readonly kind: 'sqlite' | 'jsonl'; readonly path: string }
  | {
      readonly kind: 'postgres';
      readonly connection: PostgresServer['connection'];
      readonly schema: string;
    };

export interface OpenStore {
  readonly saver: Saver;
  close(): Promise<unknown>;
}

export function openStore(place: Place): OpenStore {
  switch (place.kind) {
    case 'jsonl':
      return { saver: new JsonlSaver(place.path, { baseEvery: 10 }), close: async () => undefined };
    case 'sqlite': {
      const saver = sqlite(place.path, { baseEvery: 10 });
      return { saver, close: () => saver.close() };
    }
    case 'postgres': {
      const pool = new pg.Pool(poolOptions(place.connection, place.schema));
      pool.on('error', () => undefined);
      return { saver: postgres(pool, { baseEvery: 10 }), close: () => pool.end() };
    }
  }
}
