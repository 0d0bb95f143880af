import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flow } from 'millrace';
import { saverContract } from 'millrace/testing';
import { createRxDatabase, type RxCollection } from 'rxdb';
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory';
import { distinctUntilChanged, firstValueFrom, map, takeWhile, toArray } from 'rxjs';
import { RxdbSaver, runSchema, type StoredRun } from './rxdb-saver.ts';

let count = 0;

async function open() {
  const database = await createRxDatabase<{ runs: RxCollection<StoredRun> }>({
    name: `runs-${count++}`,
    storage: getRxStorageMemory(),
  });
  const { runs } = await database.addCollections({ runs: { schema: runSchema } });
  return { runs, close: () => database.remove() };
}

/** The saver writes JSON: values that JSON does not carry are outside of what it promises. */
const beyondJson = / comes back, or is refused with its place$/;

saverContract(
  'RxDB',
  async () => {
    const { runs, close } = await open();
    return { saver: new RxdbSaver(runs), again: () => new RxdbSaver(runs), close };
  },
  { test: (sentence, law) => (beyondJson.test(sentence) ? undefined : test(sentence, law)) },
);

test('a run is a document, and can be watched wherever the collection is', async () => {
  const { runs, close } = await open();
  const flow = new Flow<{ grain: string }>('mill');
  const ground = flow.step('grind', async ({ grain }: { grain: string }) => `${grain} flour`, {
    grain: flow.input.grain,
  });
  const mill = flow.output({ flour: ground.out }).with({ saver: new RxdbSaver(runs) });
  const watched = firstValueFrom(
    runs.findOne('first').$.pipe(
      map((run) => run?.status),
      distinctUntilChanged(),
      takeWhile((status) => status !== 'success', true),
      toArray(),
    ),
  );
  const run = mill.start({ grain: 'rye' }, { id: 'first' });
  assert.deepEqual(await run.result, { flour: 'rye flour' });
  assert.equal((await watched).at(-1), 'success');
  assert.deepEqual(
    (await firstValueFrom(mill.list())).map(({ runId }) => runId),
    ['first'],
  );
  await close();
});
