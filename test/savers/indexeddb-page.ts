/** What runs in the browser: the contract, one law at a time, by its sentence. */
import { IndexedDbSaver } from 'millrace/savers/indexeddb';
import { saverContract } from 'millrace/testing';

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
