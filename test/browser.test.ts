/** What a browser gets: how much, of what, and that it runs there. */
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { launch } from '../examples/frameworks/chromium.mts';
import { entries, root } from '../scripts/entries.ts';

// See D-024 in docs/decisions.md: the aim was 20 kB, and this only holds the line.
const limit = 60_200;

const options = {
  bundle: true,
  minify: true,
  write: false,
  platform: 'browser',
  target: 'es2022',
  metafile: true,
  absWorkingDir: root,
  alias: Object.fromEntries(
    entries.map(({ specifier, source }) => [specifier, `./${source}`]).reverse(),
  ),
} as const satisfies BuildOptions;

/** The largest parts of a bundle, as a reader wants to see them when it is too large. */
function largest({ outputs }: Metafile): string {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  return inputs
    .map(([file, { bytesInOutput }]) => ({ file, bytes: bytesInOutput }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 15)
    .map(({ file, bytes }) => `${String(bytes).padStart(6)} ${file}`)
    .join('\n');
}

test('Flow and defineStep, for a browser: at most 60.2 kB gzip, and nothing but rxjs is imported', async () => {
  const { outputFiles, metafile } = await build({
    ...options,
    stdin: { contents: "export { Flow, defineStep } from 'millrace'", resolveDir: root },
    format: 'esm',
    packages: 'external',
  });
  const contents = outputFiles[0]?.contents ?? new Uint8Array();
  const size = gzipSync(contents).length;
  console.log(`Flow and defineStep: ${size} bytes gzip, ${contents.length} minified`);
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  expect(new Set(imports.map(({ path }) => path))).toEqual(new Set(['rxjs']));
  expect(outputFiles[0]?.text.match(/\brequire\(|["'`]node:/)).toBeNull();
  expect(size, `before compression:\n${largest(metafile)}`).toBeLessThanOrEqual(limit);
});

test('a flow runs in headless Chromium', async () => {
  const { outputFiles } = await build({
    ...options,
    entryPoints: ['test/fixtures/page.ts'],
    format: 'iife',
    globalName: 'page',
  });
  const browser = await chromium.launch(launch);
  try {
    const page = await browser.newPage();
    const errors: unknown[] = [];
    page.on('pageerror', (error) => errors.push(error));
    page.on('console', (message) => errors.push(message.text()));
    await page.addScriptTag({ content: outputFiles[0]?.text ?? '' });
    expect(await page.evaluate('page.main()')).toEqual({
      output: { last: 'RACE', heard: 'MILL!RACE!', all: '["MILL","RACE"]' },
      statuses: ['running', 'success'],
      why: '"none" was skipped: the condition "words.return.length > 9" was false: words.return.length was 2.',
    });
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
}, 60_000);
