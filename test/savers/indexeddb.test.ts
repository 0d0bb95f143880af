import { MemorySaver } from 'millrace';
import { saverContract } from 'millrace/testing';
import { afterAll, beforeAll, test } from 'vitest';
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
