/** The page as it is built for users, in a browser without a screen. Every request is answered here: there is no network. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { launch } from '../chromium.mts';

const { outputFiles } = await build({
  entryPoints: ['main.tsx'],
  bundle: true,
  write: false,
  format: 'esm',
  jsx: 'automatic',
  jsxDev: true,
  define: { 'process.env.NODE_ENV': '"development"' },
});
const files: Record<string, { contentType: string; body: string }> = {
  '/': {
    contentType: 'text/html',
    body: '<!doctype html><body><script type="module" src="/main.js"></script>',
  },
  '/main.js': { contentType: 'text/javascript', body: outputFiles[0]?.text ?? '' },
};

let browser: Browser;
let page: Page;
/** What the page or React complains about. */
let complaints: string[];
/** Answers the request for a forecast. */
let answer: Record<string, (status: number) => Promise<void>>;

before(async () => {
  browser = await chromium.launch(launch);
});
after(() => browser.close());

beforeEach(async () => {
  [complaints, answer] = [[], {}];
  page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url());
    if (!pathname.startsWith('/forecast/')) {
      return route.fulfill(files[pathname] ?? { status: 204 });
    }
    answer[pathname.slice('/forecast/'.length)] = (status) =>
      route.fulfill({ status, json: { sky: 'cloudy', degrees: 12 } });
  });
  await page.goto('http://127.0.0.1/');
});
afterEach(() => page.close());

async function ask(city: string): Promise<void> {
  await page.getByRole('textbox').fill(city);
  await page.getByText('Ask').click();
  while (!answer[city]) await page.waitForTimeout(5);
}
const steps = () => page.getByRole('listitem').allTextContents();

test('a component follows a run step by step, and reads what a step writes', async () => {
  await ask('Oslo');
  await page.locator('[data-status=running]').waitFor();
  assert.deepEqual(await steps(), ['forecast: running', 'report: waiting']);
  await answer['Oslo']?.(200);
  await page.locator('[data-status=success]').waitFor();
  assert.deepEqual(await steps(), ['forecast: success', 'report: success']);
  assert.equal(await page.getByRole('status').textContent(), 'It is cloudy at 12 degrees. ');
  assert.deepEqual(complaints, []);
});

test('a run that is no longer wanted is cancelled, and the next one is shown in its place', async () => {
  await ask('Oslo');
  const aborted = page.waitForEvent('requestfailed');
  await ask('Rome');
  assert.match((await aborted).url(), /Oslo$/);
  await answer['Rome']?.(200);
  await page.locator('[data-status=success]').waitFor();
  assert.deepEqual(complaints, []);
});

test('a failure is a state like any other', async () => {
  await ask('Oslo');
  await answer['Oslo']?.(404);
  await page.locator('[data-status=failure]').waitFor();
  assert.deepEqual(await steps(), ['forecast: failure', 'report: skipped']);
  assert.match((await page.getByRole('alert').textContent()) ?? '', /No forecast for Oslo/);
});

test('a component follows a live flow while somebody types', async () => {
  const small = page.locator('small');
  await page.getByRole('textbox').fill('O');
  await page.getByText('Oslo, Ostrava').waitFor();
  await page.getByRole('textbox').fill('Ro');
  await page.getByText('Rome, Rouen').waitFor();
  await page.getByRole('textbox').fill('');
  while ((await small.textContent()) !== '') await page.waitForTimeout(5);
  assert.deepEqual(complaints, []);
});

test('a press on Cancel ends the run', async () => {
  await ask('Oslo');
  await page.getByText('Cancel').click();
  await page.locator('[data-status=cancelled]').waitFor();
  assert.deepEqual(complaints, []);
});
