/** The stores of the IndexedDB saver, and how they are opened. */

import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { FlowError, type RunSummary } from '../index.ts';
import type { Written } from './record.ts';

export type StoredRun = RunSummary & { readonly t: number; readonly written: Written };

interface StoredText {
  readonly runId: string;
  readonly seq: number;
  readonly body: string;
}

interface Stores extends DBSchema {
  runs: { key: string; value: StoredRun; indexes: { t: number } };
  /** Of each run its head, with seq -1, and the last whole state that was written. */
  states: { key: [string, number]; value: StoredText };
  /** Those of a batch together, under the seq of the last. */
  commits: { key: [string, number]; value: StoredText };
}

export type Db = IDBPDatabase<Stores>;

const version = 1;
export const stores = ['runs', 'states', 'commits'] as const;

/** `gone`: the database was closed by the browser, or for another tab. */
export async function opened(name: string, gone: () => void): Promise<Db> {
  if (typeof indexedDB === 'undefined')
    throw new FlowError(
      'invalid-option',
      'There is no IndexedDB here. IndexedDbSaver is for browsers; elsewhere take sqlite() or JsonlSaver',
    );
  const db = await openDB<Stores>(name, version, {
    upgrade(db) {
      db.createObjectStore('runs', { keyPath: 'runId' }).createIndex('t', 't');
      for (const store of ['states', 'commits'] as const)
        db.createObjectStore(store, { keyPath: ['runId', 'seq'] });
    },
    // Another tab has a newer version of the page: what is open here must not keep it waiting.
    blocking: (_current, _blocked, event) => {
      (event.target as IDBDatabase).close();
      gone();
    },
    terminated: gone,
  }).catch((cause: unknown) => {
    if ((cause as Error).name !== 'VersionError') throw cause;
    throw refused(name, 'was made by a newer version of millrace. Load the page anew', cause);
  });
  if (stores.every((store) => db.objectStoreNames.contains(store))) return db;
  db.close();
  throw refused(name, 'belongs to something else. Give the saver another name');
}

const refused = (name: string, fact: string, cause?: unknown): FlowError =>
  new FlowError('saver-failed', `The database "${name}" ${fact}`, { cause });

/** What is stored of a run, after an event. */
export const allOf = (runId: string, after = -2): IDBKeyRange =>
  IDBKeyRange.bound([runId, after], [runId, Infinity], true);
