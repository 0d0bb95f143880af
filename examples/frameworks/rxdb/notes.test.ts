import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { createRxDatabase, type RxCollection, type RxDatabase } from 'rxdb';
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory';
import { BehaviorSubject, firstValueFrom, skip, take, toArray } from 'rxjs';
import { type Note, noteSchema, overviewOf } from './notes.ts';

let database: RxDatabase<{ notes: RxCollection<Note> }>;
let notes: RxCollection<Note>;

beforeEach(async () => {
  database = await createRxDatabase({ name: 'notes', storage: getRxStorageMemory() });
  ({ notes } = await database.addCollections({ notes: { schema: noteSchema } }));
  await notes.bulkInsert([
    { id: 'a', text: 'grind the corn', minutes: 30 },
    { id: 'b', text: 'clean the wheel', minutes: 20 },
  ]);
});
afterEach(() => database.remove());

test('what a flow makes of a query follows the collection', async () => {
  const live = overviewOf(notes, new BehaviorSubject('the'));
  const heard = firstValueFrom(live.output$.pipe(take(3), toArray()));
  await firstValueFrom(live.output$);
  await notes.insert({ id: 'c', text: 'sell the flour', minutes: 15 });
  await notes.findOne('a').remove();
  assert.deepEqual(await heard, [
    { total: 50, found: ['grind the corn', 'clean the wheel'] },
    { total: 65, found: ['grind the corn', 'clean the wheel', 'sell the flour'] },
    { total: 35, found: ['clean the wheel', 'sell the flour'] },
  ]);
});

test('only what depends on a change runs again', async () => {
  const word$ = new BehaviorSubject('the');
  const live = overviewOf(notes, word$);
  const started: string[] = [];
  const subscription = live.events$.subscribe(({ type, path }) => {
    if (type === 'STEP_START') started.push(path);
  });
  await firstValueFrom(live.output$);
  assert.deepEqual(started.splice(0).sort(), ['found', 'total']);
  const next = firstValueFrom(live.output$.pipe(skip(1)));
  word$.next('wheel');
  assert.deepEqual(await next, { total: 50, found: ['clean the wheel'] });
  assert.deepEqual(started, ['found']);
  subscription.unsubscribe();
});
