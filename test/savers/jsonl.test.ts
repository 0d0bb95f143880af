import { JsonlSaver } from 'millrace/savers/jsonl';
import { saverContract } from 'millrace/testing';
import { test } from 'vitest';
import { newFolder } from './folder.ts';

for (const fsync of [false, true]) {
  const makeSaver = () => {
    const folder = newFolder();
    const again = () => new JsonlSaver(folder.path, { fsync });
    return { saver: again(), again, close: () => folder.remove() };
  };
  saverContract(fsync ? 'JSON lines, synced' : 'JSON lines', makeSaver, { test });
}
