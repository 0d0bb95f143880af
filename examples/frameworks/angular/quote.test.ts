/** The page, compiled ahead of time, in a browser without a screen. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import linker from '@angular/compiler-cli/linker/babel';
import { transformAsync } from '@babel/core';
import { build, type Plugin } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { launch } from '../chromium.mts';

/** What Angular's own builder does with its packages: they are published half compiled. */
const linked: Plugin = {
  name: 'linked',
  setup({ onLoad }) {
    onLoad({ filter: /@angular.*\.mjs$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (!source.includes('ɵɵngDeclare')) return { contents: source };
      const result = await transformAsync(source, {
        filename: path,
        plugins: [linker],
        babelrc: false,
        configFile: false,
        compact: false,
      });
      return { contents: result?.code ?? '' };
    });
  },
};

const { outputFiles } = await build({
  entryPoints: ['dist/main.js'],
  plugins: [linked],
  bundle: true,
  write: false,
  format: 'esm',
  target: 'es2022',
});

let browser: Browser;
let page: Page;
/** What the page or Angular complains about. */
let complaints: string[];

before(async () => {
  browser = await chromium.launch(launch);
});
after(() => browser.close());

beforeEach(async () => {
  complaints = [];
  page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() !== 'log') complaints.push(message.text());
  });
  await page.setContent('<!doctype html><body><app-quote></app-quote></body>');
  await page.addScriptTag({ type: 'module', content: outputFiles[0]?.text ?? '' });
});
afterEach(async () => {
  await page.close();
  assert.deepEqual(complaints, []);
});

const steps = () => page.getByRole('listitem').allTextContents();

test('there is no zone, and what a live flow comes to follows a signal and an Observable', async () => {
  await page.getByText('1980 after a fee of 10').waitFor();
  assert.equal(await page.evaluate('typeof Zone'), 'undefined');
  await page.getByRole('spinbutton').fill('500');
  await page.getByText('990 after a fee of 5').waitFor();
  await page.evaluate('bank.rate$.next(3)');
  await page.getByText('1485 after a fee of 5').waitFor();
});

test('a resource never shows the total of one amount with the fee of another', async () => {
  await page.getByText('1980 after a fee of 10').waitFor();
  await page.evaluate(`{
    globalThis.shown = [];
    const output = document.querySelector('output');
    new MutationObserver(() => shown.push(output.textContent)).observe(output, {
      subtree: true, characterData: true, childList: true,
    });
  }`);
  for (const amount of ['2000', '3000', '4000']) {
    await page.getByRole('spinbutton').fill(amount);
    await page.evaluate('bank.rate$.next(bank.rate$.value + 1)');
  }
  await page.getByText('19800 after a fee of 40').waitFor();
  for (const text of (await page.evaluate('shown')) as string[]) {
    const [total = 0, fee = 0] = (text.match(/\d+/g) ?? []).map(Number);
    assert.equal(total % (fee * 99), 0, text);
  }
});

test('the state of a run is a signal that has a value at once', async () => {
  await page.getByText('1980').waitFor();
  await page.getByText('Send').click();
  // Without a zone Angular renders a moment after the click.
  await page.locator('[data-status=running]').waitFor();
  assert.deepEqual(await steps(), ['reserve: running', 'send: waiting']);
  await page.locator('[data-status=success]').waitFor();
  assert.deepEqual(await steps(), ['reserve: success', 'send: success']);
});

test('a run that fails is a state like any other', async () => {
  await page.getByRole('spinbutton').fill('6000');
  await page.getByText('Send').click();
  await page.getByText('There is not so much in the account').waitFor();
  assert.deepEqual(await steps(), ['reserve: failure', 'send: skipped']);
});

test('a press on Cancel ends the run', async () => {
  await page.getByText('1980').waitFor();
  await page.getByText('Send').click();
  await page.getByText('Cancel').click();
  await page.locator('[data-status=cancelled]').waitFor();
  assert.equal((await steps())[0], 'reserve: cancelled');
});
