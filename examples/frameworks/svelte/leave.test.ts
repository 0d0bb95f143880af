/** The page, compiled for users, in a browser without a screen. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { build, type Plugin } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { compile } from 'svelte/compiler';
import { launch } from '../chromium.mts';

const svelte: Plugin = {
  name: 'svelte',
  setup({ onLoad }) {
    onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
      const { js, warnings } = compile(await readFile(path, 'utf8'), { filename: path, dev: true });
      return { contents: js.code, warnings: warnings.map(({ message }) => ({ text: message })) };
    });
  },
};

const { outputFiles, warnings } = await build({
  entryPoints: ['main.ts'],
  plugins: [svelte],
  bundle: true,
  write: false,
  format: 'esm',
  conditions: ['svelte', 'browser', 'development'],
});

let browser: Browser;
let page: Page;
/** What the page or Svelte complains about. */
let complaints: string[];

before(async () => {
  browser = await chromium.launch(launch);
});
after(() => browser.close());

beforeEach(async () => {
  complaints = warnings.map(({ text }) => text);
  page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => complaints.push(message.text()));
  await page.setContent('<!doctype html><body></body>');
  await page.addScriptTag({ type: 'module', content: outputFiles[0]?.text ?? '' });
});
afterEach(async () => {
  await page.close();
  assert.deepEqual(complaints, []);
});

const shown = () => page.getByRole('status').textContent();

test('a component shows the state of a run, and answers what it asks', async () => {
  await page.getByText('May they take 12 days off?').waitFor();
  await page.getByText('Yes').click();
  await page.locator('[data-status=success]').waitFor();
  assert.equal(await shown(), '12 days are booked.');
});

test('what is not done says why', async () => {
  await page.getByText('No').click();
  await page.locator('[data-status=success]').waitFor();
  assert.match((await shown()) ?? '', /"book" was skipped: the condition .* was false/);
});

test('what a live flow comes to is a store that follows another one', async () => {
  await page.getByText('12 days are chosen.').waitFor();
  await page.getByRole('combobox').selectOption('2030-07-08');
  await page.getByText('5 days are chosen.').waitFor();
});

test('a store that is replaced is the state of another run', async () => {
  await page.getByRole('combobox').selectOption('2030-07-08');
  await page.getByText('May they take 5 days off?').waitFor();
  await page.getByText('Yes').click();
  await page.locator('[data-status=success]').waitFor();
  assert.equal(await shown(), '5 days are booked.');
});
