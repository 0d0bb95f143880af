/**
 * What the README and the pages in docs/ promise is executed. A block runs when it says what it prints (a comment `// prints:` and, below it, a comment line for
 * each line printed), or when it is marked as ```` ```ts run ````. All other blocks are fragments.
 */
import { execFile } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entries, root } from '../scripts/entries.ts';
import { compile, folder } from './types/compiler.ts';

interface Block {
  readonly page: string;
  /** Where it begins, for whoever reads the name of a failed test. */
  readonly line: number;
  readonly code: string;
  readonly prints: string | undefined;
}

function runnable(page: string): readonly Block[] {
  const markdown = readFileSync(join(root, page), 'utf8');
  const found = [...markdown.matchAll(/^```ts( run)?\n([\s\S]*?)^```$/gm)];
  return found.flatMap(({ index, 1: mark, 2: code = '' }) => {
    const [, comment] = code.split(/^\/\/ prints:\n/m);
    if (comment === undefined && mark === undefined) return [];
    const prints = comment?.replace(/^\/\/ ?/gm, '').trimEnd();
    return { page, line: markdown.slice(0, index).split('\n').length, code, prints };
  });
}

const pages = globSync(['README.md', 'docs/*.md', 'marbles/*.md'], { cwd: root }).sort();
const blocks = pages.flatMap(runnable);
const path = folder('readme');
const sourceOf = ({ page, line }: Block): string =>
  join(path, `${page.replace(/\W/g, '-')}-${line}.ts`);

beforeAll(async () => {
  for (const block of blocks) writeFileSync(sourceOf(block), `${block.code}\nexport {}\n`);
  // With the sources of the library, and so that the sources need not be built first.
  await build({
    entryPoints: blocks.map(sourceOf),
    outdir: path,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    alias: Object.fromEntries(
      entries.map(({ specifier, source }) => [specifier, join(root, source)]).reverse(),
    ),
  });
});
afterAll(() => rmSync(path, { recursive: true }));

test('the README has at least one block that runs, and says what it prints', () => {
  expect(blocks.filter(({ page, prints }) => page === 'README.md' && prints)).not.toEqual([]);
});

test.each(blocks)(
  'the block at line $line of $page runs, and prints what it says',
  async (block) => {
    const file = sourceOf(block).replace(/\.ts$/, '.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 20_000 });
    if (block.prints !== undefined) expect(stdout.trimEnd()).toBe(block.prints);
  },
);

test('the blocks that run are typed right, with the rules of the repository', async () => {
  const { output, status } = await compile('typescript', path, {
    include: ['*.ts'],
    types: ['node'],
  });
  expect(status, output).toBe(0);
});
