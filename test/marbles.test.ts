/** The laws in marbles/. `npm run marbles -- --accept` writes down what happened; review the difference as prose. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { root } from '../scripts/entries.ts';
import { accept, type Checked, checkExample, examplesIn } from '../src/testing/spec.ts';

const accepts = process.env['MARBLES'] === 'accept';
const pages = globSync('marbles/*.md', { cwd: root }).sort();
const accepted = new Map<string, Checked['accepted'][number][]>();

const examples = pages.flatMap((page) => {
  const markdown = readFileSync(join(root, page), 'utf8');
  return examplesIn(markdown).map((example) => ({
    ...example,
    page,
    name: page.replace(/^marbles\/|\.md$/g, ''),
  }));
});

test.each(examples)('$name: $title', async ({ page, ...example }) => {
  const { problem, accepted: blocks } = await checkExample(example);
  accepted.set(page, [...(accepted.get(page) ?? []), ...blocks]);
  if (problem !== undefined && !accepts) expect.fail(`${page}:${example.line}\n\n${problem}`);
});

afterAll(() => {
  if (!accepts) return;
  for (const [page, blocks] of accepted) {
    if (blocks.length === 0) continue;
    const file = join(root, page);
    writeFileSync(file, accept(readFileSync(file, 'utf8'), blocks));
  }
});

test('every example names the clause that it proves, and every clause there is', () => {
  const semantics = readFileSync(join(root, 'docs/semantics.md'), 'utf8');
  const known = [...semantics.matchAll(/\*\*(\d+\.\d+)\*\*/g)].map(([, clause]) => clause);
  const written = new Set(known.map((each) => each?.split('.')[0]));
  for (const page of pages) {
    if (page.endsWith('README.md')) continue;
    const sections = readFileSync(join(root, page), 'utf8').split(/^## /m).slice(1);
    for (const section of sections) {
      const clauses = [...section.matchAll(/\((\d+\.\d+(?:, \d+\.\d+)*)\)/g)].flatMap(
        ([, all = '']) => all.split(', '),
      );
      expect(clauses, `${page}: ${section.split('\n')[0]}`).not.toEqual([]);
      // A section of which no clause is written yet is only planned.
      for (const clause of clauses.filter((each) => written.has(each.split('.')[0]))) {
        expect(known, page).toContain(clause);
      }
    }
  }
});
