/** A page in headless Chromium that has a script of ours in it. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium, type Page } from 'playwright-core';
import { launch } from '../../examples/frameworks/chromium.mts';
import { entries, root } from '../../scripts/entries.ts';

export interface BrowserPage {
  readonly page: Page;
  close(): Promise<void>;
}

/** Opens a page that runs a TypeScript file; it imports `millrace` as users do, and gets the sources. Its exports get a name in the page. */
export async function openPage(script: string, globalName?: string): Promise<BrowserPage> {
  const alias = Object.fromEntries(
    entries.map(({ specifier, source }) => [specifier, join(root, source)]),
  );
  const { outputFiles } = await build({
    entryPoints: [script],
    bundle: true,
    write: false,
    format: 'iife',
    ...(globalName && { globalName }),
    platform: 'browser',
    alias,
    // A built-in of Node must not be needed in a browser, but may be asked for.
    external: ['node:*'],
  });
  const browser = await chromium.launch(launch);
  const page = await browser.newPage();
  // A page of no origin has no storage. Nothing is served: the route answers.
  await page.route('**/*', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>millrace</title>' }),
  );
  await page.goto('http://localhost/');
  await page.addScriptTag({ content: outputFiles[0]?.text ?? '' });
  return { page, close: () => browser.close() };
}
