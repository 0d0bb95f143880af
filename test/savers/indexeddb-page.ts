/** What runs in the browser: the contract, one law at a time, by its sentence. */
import type { Commit } from 'millrace';
import { IndexedDbSaver } from 'millrace/savers/indexeddb';
import { saverContract } from 'millrace/testing';
import { concatMap, firstValueFrom, of } from 'rxjs';
import { every, once, Story } from '../../src/testing/saver-story.ts';

const laws = new Map<string, () => Promise<void>>();
let count = 0;

const makeSaver = () => {
  const name = `store-${count++}`;
  const opened: IndexedDbSaver[] = [];
  const again = () => {
    const saver = new IndexedDbSaver({ name });
    opened.push(saver);
    return saver;
  };
  const close = async () => {
    for (const saver of opened) await saver.close();
    indexedDB.deleteDatabase(name);
  };
  return { saver: again(), again, close };
};

saverContract('IndexedDB', makeSaver, { test: (sentence, law) => laws.set(sentence, law) });

Object.assign(globalThis, {
  /** What a saver says to a database that another program, or a newer version, has made. */
  refusal: async (name: string, version: number): Promise<string> => {
    await new Promise<void>((done, failed) => {
      const opening = indexedDB.open(name, version);
      opening.onupgradeneeded = () => opening.result.createObjectStore('other');
      opening.onerror = () => failed(opening.error);
      opening.onsuccess = () => {
        opening.result.close();
        done();
      };
    });
    const saver = new IndexedDbSaver({ name });
    const said = await firstValueFrom(saver.list({})).then(() => 'taken', String);
    await saver.close();
    return said;
  },
  /** How many commits a history has whose reader closes the saver after each. */
  read: async (commits: number): Promise<number> => {
    const saver = new IndexedDbSaver({ name: 'read' });
    const story = new Story('one').steps(commits / 2);
    await once(saver.claim(story.claim));
    for (const commit of story.commits) await every(saver.save(of(commit)));
    const closing = concatMap((commit: Commit) => saver.close().then(() => commit));
    return (await every(saver.history('one').pipe(closing))).length;
  },
  /** The sentences of all laws. */
  sentences: [...laws.keys()],
  /** Undefined where the law holds, else why not. */
  holds: async (sentence: string): Promise<string | undefined> => {
    try {
      await laws.get(sentence)?.();
      return undefined;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  },
});
