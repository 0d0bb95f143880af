/** The Observable of the platform, in a browser that has one. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BrowserPage, openPage } from '../savers/chromium.ts';

let opened: BrowserPage;

beforeAll(async () => {
  opened = await openPage(join(import.meta.dirname, 'platform-page.ts'), 'platform');
});
afterAll(() => opened.close());

const evaluate = (code: string): Promise<unknown> => opened.page.evaluate(code);

test('the browser has Observables of its own', async () => {
  expect(await evaluate('platform.isThere()')).toBe(true);
});

test('2.10 a step may return a platform Observable: values are chunks, an error is a failure', async () => {
  expect(await evaluate('platform.result()')).toEqual({
    output: { a: 3 },
    chunks: [1, 2, 3],
    error: 'Step "a" failed: boom (step-failed)',
  });
});

test('3.5 a platform Observable is stopped with the run', async () => {
  expect(await evaluate('platform.stopped()')).toEqual(['unsubscribing', 'teardown']);
});

test('6.1 what an element tells by when() is a live input, and nothing is heard after the end', async () => {
  expect(await evaluate('platform.typed()')).toEqual([{ a: 2 }, { a: 4 }]);
});

test('fromSubscribable: the values and the end of a platform Observable', async () => {
  expect(await evaluate('platform.values()')).toEqual(['a', 'b']);
});
