import { MemorySaver } from 'millrace';
import { saverContract } from 'millrace/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BrowserPage, openPage } from './chromium.ts';

let browser: BrowserPage;
beforeAll(async () => {
  browser = await openPage('test/savers/indexeddb-page.ts');
});
afterAll(() => browser?.close());

// Here the laws are only named; they run in the page.
const sentences: string[] = [];
saverContract('IndexedDB', () => ({ saver: new MemorySaver() }), {
  test: (sentence) => sentences.push(sentence),
});

for (const sentence of sentences) {
  test(sentence, async () => {
    const problem = await browser.page.evaluate(`holds(${JSON.stringify(sentence)})`);
    if (problem !== undefined) throw new Error(String(problem));
  });
}

test('a database of a newer version, or of another program, is refused by its name', async () => {
  const said = (name: string, version: number) =>
    browser.page.evaluate(`refusal('${name}', ${version})`);
  expect(await said('newer', 7)).toContain('"newer" was made by a newer version');
  expect(await said('foreign', 1)).toContain('"foreign" belongs to something else');
});

test('a history goes on when the database was closed between two of its pages', async () => {
  expect(await browser.page.evaluate('read(60)')).toBe(61);
});
