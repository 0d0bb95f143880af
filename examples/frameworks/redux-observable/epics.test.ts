import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { searchFlow } from './flow.ts';
import { actions, type State } from './slice.ts';
import { makeStore } from './store.ts';

const words = ['millstone', 'millrace', 'mill', 'wheel'];
let asked: string[];
let left: string[];
let server: ReturnType<typeof createServer>;
let store: ReturnType<typeof makeStore>;

beforeEach(async () => {
  [asked, left] = [[], []];
  server = createServer(({ url }, response) => {
    const text = new URL(url ?? '', 'http://localhost').searchParams.get('q') ?? '';
    asked.push(text);
    response.on('close', () => response.writableFinished || left.push(text));
    if (text === 'w') return; // It takes for ever.
    response.statusCode = text === '?' ? 500 : 200;
    response.end(JSON.stringify(words.filter((word) => word.startsWith(text))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  store = makeStore(searchFlow(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

/** The state, as soon as it fits. */
async function until(fits: (state: State) => boolean): Promise<State> {
  const late = AbortSignal.timeout(10_000);
  while (!fits(store.getState())) await setTimeout(5, undefined, { signal: late });
  return store.getState();
}

test('a search that has become stale is cancelled, down to the server, and never shown', async () => {
  const shown: unknown[] = [];
  store.subscribe(() => shown.push(store.getState().words));
  store.dispatch(actions.typed('w'));
  await until(() => asked.includes('w'));
  store.dispatch(actions.typed('mill'));
  await until((state) => state.words.length > 0 && left.length > 0);
  assert.deepEqual(asked, ['w', 'mill']);
  assert.deepEqual(left, ['w']);
  assert.deepEqual([...new Set(shown)], [[], ['mill', 'millrace', 'millstone']]);
});

test('after a search that failed the epic goes on', async () => {
  store.dispatch(actions.typed('?'));
  const { error } = await until((state) => state.error !== undefined);
  assert.match(error ?? '', /"fetch".*The server answered 500/s);
  store.dispatch(actions.typed('wheel'));
  await until((state) => state.words[0] === 'wheel');
});

test('every event of a run is an action', async () => {
  store.dispatch(actions.pressed('?'));
  await until((state) => state.error !== undefined);
  store.dispatch(actions.pressed('millr'));
  const { steps, words } = await until((state) => state.words.length > 0);
  assert.deepEqual(steps, ['fetch', 'rank']);
  assert.deepEqual(words, ['millrace']);
});
