import { readdirSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Flow, type Ref, type Saver } from 'millrace';
import { JsonlSaver } from 'millrace/savers/jsonl';
import { sqlite } from 'millrace/savers/sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Folder, newFolder } from './folder.ts';

let folder: Folder;
beforeEach(() => {
  folder = newFolder();
});
afterEach(() => folder.remove());

const chain = (count: number) => {
  const flow = new Flow<{ n: number; payload: string }>('chain');
  let last = flow.input.n as Ref<number>;
  for (let i = 0; i < count; i++)
    last = flow.step(`s${i}`, ({ x }: { x: number }) => x + 1, { x: last }).out;
  return flow.output({ n: last, payload: flow.input.payload });
};

/** What a run of so many steps makes a store grow by, in bytes a step. */
async function bytesPerStep(
  saver: Saver,
  count: number,
  payload: number,
  size: () => number,
): Promise<number> {
  const before = size();
  await chain(count).complete({ n: 0, payload: 'x'.repeat(payload) }, { saver });
  return (size() - before) / count;
}

const stores: Readonly<Record<string, () => { saver: Saver; size: () => number }>> = {
  'JSON lines': () => ({
    saver: new JsonlSaver(folder.path),
    size: () =>
      readdirSync(folder.path).reduce(
        (sum, name) => sum + statSync(`${folder.path}/${name}`).size,
        0,
      ),
  }),
  SQLite: () => {
    const path = `${folder.path}/runs.db`;
    return {
      saver: sqlite(path),
      size: () => {
        const database = new DatabaseSync(path);
        const tables = database.prepare('select name from sqlite_master').all();
        const sizeOf = (table: string) =>
          Number(
            database.prepare(`select coalesce(sum(length(body)), 0) as size from ${table}`).get()?.[
              'size'
            ],
          );
        const size =
          tables.length === 0 ? 0 : sizeOf('millrace_commits') + sizeOf('millrace_states');
        database.close();
        return size;
      },
    };
  },
};

for (const [name, make] of Object.entries(stores)) {
  test(`${name}: what is written per step does not grow with the run, nor with what its state holds`, async () => {
    const { saver, size } = make();
    const few = await bytesPerStep(saver, 100, 0, size);
    const many = await bytesPerStep(saver, 3000, 0, size);
    expect(many / few).toBeLessThan(1.5);
    const withPayload = await bytesPerStep(saver, 3000, 100_000, size);
    // The payload itself: in the head, in the first commit, and in a few whole states.
    expect(withPayload - (8 * 100_000) / 3000).toBeLessThan(many * 1.1);
  });
}
