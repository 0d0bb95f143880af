import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { sqlite } from 'millrace/savers/sqlite';
import { firstValueFrom, from } from 'rxjs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findDocuments, readDocument } from '../../examples/digest/files.ts';
import { likenessOf, rank, summarise } from '../../examples/digest/lex-rank.ts';
import {
  parseMarkdown,
  splitSections,
  splitSentences,
  termsOf,
} from '../../examples/digest/markdown.ts';
import { linesOf, wrap } from '../../examples/digest/page.ts';
import { idf, rankTerms, weigh, weightOf } from '../../examples/digest/terms.ts';

const round = (numbers: readonly number[]) => numbers.map((each) => Math.round(each * 1000) / 1000);

// --- Markdown ----------------------------------------------------------------------------------------------------------------

test('a document is cut into sections at its headings, and what is no prose is left out', () => {
  const markdown = [
    '---\ntitle: x\n---',
    'Before *any* heading.',
    '# Title #',
    'One **bold** line',
    'and [a link](https://x.test), with `Map<Key, Value>` kept.',
    '- first item',
    '- second item',
    '```ts\n# no heading\ncode()\n```',
    '| a | table |',
    '<!-- a comment -->',
    '## Sub\r',
    '> quoted\r',
  ].join('\n');
  expect(splitSections(markdown)).toEqual([
    { heading: '', paragraphs: ['Before any heading.'] },
    {
      heading: 'Title',
      paragraphs: [
        'One bold line and a link, with Map<Key, Value> kept.',
        'first item',
        'second item',
      ],
    },
    { heading: 'Sub', paragraphs: ['quoted'] },
  ]);
});

test('a fence closes only with a fence of its kind and at least its length', () => {
  const markdown = '````md\n```\ninside\n```\n~~~\n````\nAfter.';
  expect(splitSections(markdown)).toEqual([{ heading: '', paragraphs: ['After.'] }]);
});

test('a fence that never closes swallows the rest, and nothing fails', () => {
  expect(splitSections('Text.\n```\ncode')).toEqual([{ heading: '', paragraphs: ['Text.'] }]);
});

test('a heading ends before the marks behind it, and keeps those that are its own', () => {
  const headings = splitSections('# Two ##  \n## C#\n### \n#### a #b').map((each) => each.heading);
  expect(headings).toEqual(['Two', 'C#', 'a #b']);
});

test('links become their words: images in them and brackets in addresses, too', () => {
  const [section] = splitSections('See [![logo](a.png)](b) and [the page](http://x/y_(z) "t").');
  expect(section?.paragraphs).toEqual(['See logo and the page.']);
});

test('what is opened again and again and never closed takes no longer to read than other text', () => {
  for (const open of ['![](', '[', '<!--', '[a](']) {
    const { sections } = parseMarkdown('a.md', `# Open\n\n${open.repeat(200_000)}`);
    expect(sections[0]?.paragraphs[0]?.length).toBe(200_000 * open.length);
  }
});

test('a document without text is a document without words', () => {
  expect(parseMarkdown('a.md', '')).toEqual({
    path: 'a.md',
    title: 'a.md',
    sections: [],
    sentences: [],
    words: 0,
  });
});

test('sentences end where a reader ends them', () => {
  expect(splitSentences('It costs 3.5 euros. Does it? Yes!')).toEqual([
    'It costs 3.5 euros.',
    'Does it?',
    'Yes!',
  ]);
});

test('terms are words that say something, with plurals folded', () => {
  expect(termsOf("The steps don't pass the Step's class, RxJS and 42.")).toEqual([
    'step',
    "don't",
    'pass',
    "step'",
    'class',
    'rxjs',
  ]);
});

// --- terms -------------------------------------------------------------------------------------------------------------------

const library = [
  'River water water.',
  'River stone stone.',
  'River moss constructor constructor constructor.',
].map((text, i) => parseMarkdown(`${i}.md`, text));

test('a term weighs more the fewer documents have it', () => {
  expect(idf(3, 3)).toBe(1);
  expect(idf(3, 1)).toBeCloseTo(1 + Math.log(2));
  expect(idf(1, 1)).toBe(1);
});

test('the terms of a document are those that are frequent in it and rare elsewhere', () => {
  const { documents, size, top } = weigh(library);
  expect(size).toBe(5);
  expect(documents.map((each) => rankTerms(each, 1)[0]?.term)).toEqual([
    'water',
    'stone',
    'constructor',
  ]);
  expect(top[0]).toEqual({ term: 'constructor', score: 5.1 });
});

test('a term that no document has weighs nothing, whatever objects inherit', () => {
  expect(weightOf({ water: 2 }, 'constructor')).toBe(0);
});

// --- LexRank -----------------------------------------------------------------------------------------------------------------

test('the likeness of two sentences is the cosine of their vectors', () => {
  const vectors = [
    new Map([['a', 1]]),
    new Map([
      ['a', 0.6],
      ['b', 0.8],
    ]),
    new Map([['c', 1]]),
  ];
  expect(likenessOf(vectors).map(round)).toEqual([
    [1, 0.6, 0],
    [0.6, 1, 0],
    [0, 0, 1],
  ]);
});

test('ranks add up to one, and equals are ranked the same', () => {
  const ring = [
    [0, 1, 1],
    [1, 0, 1],
    [1, 1, 0],
  ];
  expect(round(rank(ring))).toEqual([0.333, 0.333, 0.333]);
});

test('the middle of a star is ranked highest, as the fixed point of the walk says', () => {
  const star = [
    [0, 1, 1, 1],
    [1, 0, 0, 0],
    [1, 0, 0, 0],
    [1, 0, 0, 0],
  ];
  // m = 0.15/4 + 0.85 * 3l  and  l = 0.15/4 + 0.85 * m/3
  const middle = (0.0375 + 0.85 * 3 * 0.0375) / (1 - 0.85 * 0.85);
  expect(round(rank(star))).toEqual(round([middle, ...Array(3).fill((1 - middle) / 3)]));
});

test('nodes without edges keep their share of the rank', () => {
  const apart = [
    [0, 0],
    [0, 0],
  ];
  expect(round(rank(apart))).toEqual([0.5, 0.5]);
  expect(rank([])).toEqual([]);
});

const sentence = (words: string) => ({ text: words, terms: words.split(' ') });

test('a summary takes the sentences that others are like, in the order of the text, and none twice', () => {
  const chosen = summarise(
    [
      'cheese goat milk salt',
      'river mill wheel turns water',
      'river mill wheel turns water', // the same again
      'water river mill stone grain',
      'mill bread oven grain flour',
      'train ticket station clock',
    ].map(sentence),
    () => 1,
    2,
  );
  expect(chosen).toEqual(['river mill wheel turns water', 'water river mill stone grain']);
});

test('a text with fewer sentences than wanted is its own summary', () => {
  expect(summarise([sentence('one two three four')], () => 1, 3)).toEqual(['one two three four']);
  expect(summarise([], () => 1, 3)).toEqual([]);
});

test('of a very long text, sentences from its whole length are looked at, in bounded time', () => {
  const text = Array.from({ length: 20_000 }, (_, i) =>
    sentence(`word${i % 7} word${i % 11} word${i % 13} place${Math.floor(i / 1000)}`),
  );
  const started = performance.now();
  expect(summarise(text, () => 1, 5)).toHaveLength(5);
  expect(performance.now() - started).toBeLessThan(5000);
});

// --- the page ----------------------------------------------------------------------------------------------------------------

test('lines are as wide as they may be, and a longer word has its own', () => {
  expect(wrap('a bb ccc extraordinarily d', 6)).toEqual(['a bb', 'ccc', 'extraordinarily', 'd']);
  expect(wrap('', 6)).toEqual([]);
});

test('sentences are numbered, and their further lines hang below the first', () => {
  const entry = { path: 'a.md', title: 'A', words: 1, sections: 2, terms: [] };
  const lines = [...linesOf({ ...entry, how: 'quoted', sentences: ['one two three', 'four'] }, 14)];
  expect(lines.join('')).toBe(
    'A\n  a.md · 1 word · 2 sections · quoted\n   1. one two\n      three\n   2. four\n\n',
  );
});

// --- the command -------------------------------------------------------------------------------------------------------------

const root = resolve(import.meta.dirname, '../..');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'digest-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function digest(...args: readonly string[]) {
  const sources = join(root, 'test/examples/from-sources.ts');
  const main = join(root, 'examples/digest/main.ts');
  return spawnSync(process.execPath, ['--import', sources, main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
}

function write(files: Readonly<Record<string, string | Uint8Array>>): string {
  const at = mkdtempSync(join(folder, 'docs-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(at, name, '..'), { recursive: true });
    writeFileSync(join(at, name), content);
  }
  return at;
}

const things = ['wheel', 'stone', 'river', 'grain', 'farm', 'flour', 'sluice', 'miller', 'axle'];
const long = Array.from({ length: 30 }, (_, i) => {
  const [a, b, c, d] = [1, 2, 4, 5].map((step) => things[(i * step + step) % things.length]);
  return `The ${a} of the old mill needs ${b} and ${c} before ${d} comes in.`;
}).join(' ');

test('a folder is digested: long documents summarised, short ones quoted, the graph drawn, the run saved', async () => {
  const docs = write({ 'long.md': `# Mills\n\n${long}`, 'sub/short.md': '# Short\n\nTwo words.' });
  const { status, stdout, stderr } = digest(docs);
  expect(stderr).toMatch(/summarised +\S+long\.md: 3 sentences\n/);
  expect(stderr).toMatch(/quoted +\S+short\.md: 1 sentence\n/);
  expect(stdout).toMatch(/^\nMills\n {2}\S+ · 420 words · 1 section · summarised\n {2}about: /);
  expect(stdout).toContain('\nShort\n');
  expect(stdout).toContain('\n   1. Two words.\n');
  expect(status).toBe(0);
  const drawn = readdirSync(join(folder, '.millrace')).sort();
  expect(drawn.slice(0, 3)).toEqual(['digest.mmd', 'digest.svg', 'runs.db']);
  const saver = sqlite(join(folder, '.millrace', 'runs.db'));
  const [run] = await firstValueFrom(from(saver.list({ flowId: 'digest' })));
  await saver.close();
  expect(run).toMatchObject({ status: 'success' });
  expect(stdout).toContain(`The run, saved: ${run?.runId} in `);
  const [mermaid, svg] = drawn.map((name) => readFileSync(join(folder, '.millrace', name), 'utf8'));
  for (const step of ['read', 'parse', 'weigh', 'documents', 'page']) {
    expect(mermaid).toContain(step);
    expect(svg).toContain(step);
  }
});

test('the page begins while documents are still at work', () => {
  const { status, stderr } = digest(write({ 'a.md': long, 'b.md': long, 'c.md': long }));
  expect(status).toBe(0);
  expect(stderr.indexOf('page ')).toBeGreaterThan(0);
  expect(stderr.indexOf('page ')).toBeLessThan(stderr.lastIndexOf('summarised'));
});

test('without an argument the documentation of the repository is digested', () => {
  const { status, stdout, stderr } = digest();
  expect(stderr).toMatch(/README\.md/);
  expect(stdout).toContain('All of it is about: ');
  expect(status).toBe(0);
});

test('output that goes to no terminal has no colours', () => {
  const { stdout, stderr } = digest(write({ 'a.md': 'One sentence.' }));
  expect(stdout + stderr).not.toContain('\u001b');
});

test('a single file of any name is digested', () => {
  const { status, stdout } = digest(join(write({ 'notes.txt': 'A note on mills.' }), 'notes.txt'));
  expect(stdout).toContain('   1. A note on mills.\n');
  expect(status).toBe(0);
});

test('a path that is not there is an error that says so', () => {
  const { status, stdout, stderr } = digest('no/such/place');
  expect(stderr).toBe(
    'There is no file or folder "no/such/place". Give the path of one: npm start -- docs\n',
  );
  expect(stdout).toBe('');
  expect(status).toBe(1);
});

test('a folder without documents is an error that says so', () => {
  const docs = write({ 'picture.png': 'x', 'node_modules/a/README.md': 'x', '.git/b.md': 'x' });
  const { status, stderr } = digest(docs);
  expect(stderr).toBe(
    `The folder "${docs}" has no Markdown files (*.md). Give another one, or a file.\n`,
  );
  expect(status).toBe(1);
});

test('files that are no documents are left out with a reason, and the others are digested', () => {
  const docs = write({
    'binary.md': new Uint8Array([1, 0, 2]),
    'latin.md': new Uint8Array([0x63, 0xe9, 0x21]),
    'huge.md': new Uint8Array(5 * 1024 * 1024).fill(65),
    'folder.md/inside.md': 'Inside a folder.',
    'empty.md': '',
    'good.md': 'Good.',
  });
  const { status, stdout, stderr } = digest(docs);
  expect(stderr).toMatch(/left out +\S+binary\.md: it is binary, not text\n/);
  expect(stderr).toMatch(/left out +\S+latin\.md: it is no text in UTF-8\n/);
  expect(stderr).toMatch(/left out +\S+huge\.md: it has 5 MB, and a document at most 4\n/);
  expect(stdout).toContain('empty.md · 0 words · 0 sections · nothing to tell\n');
  expect(stdout).toContain('1. Good.');
  expect(stdout).toContain('1. Inside a folder.');
  expect(status).toBe(0);
});

test('several paths are digested together, each document once', () => {
  const docs = write({ 'a.md': 'About a.', 'b.md': 'About b.' });
  const { status, stdout, stderr } = digest(join(docs, 'b.md'), docs);
  expect(stderr).toMatch(/digest +2 files\n/);
  expect(stdout).toContain('1. About a.');
  expect(stdout).toContain('1. About b.');
  expect(status).toBe(0);
});

test('what a terminal would obey is left out, of texts and of names', () => {
  const docs = write({
    '\u001b[7m.md': '# \u001b[31mRed\u0007\n\nText with an \u001b]0;escape. \u{1f600}',
  });
  const { status, stdout, stderr } = digest(docs);
  expect(stdout).toContain('\n[31mRed\n');
  expect(stdout).toContain('1. Text with an ]0;escape.');
  expect(stdout).toContain('\u{1f600}');
  expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]/u);
  expect(status).toBe(0);
});

test('a document without terms is about nothing', () => {
  const { status, stdout } = digest(write({ 'a.md': 'So it is.' }));
  expect(stdout).toContain('1. So it is.');
  expect(stdout).not.toContain('about');
  expect(status).toBe(0);
});

test('a folder inside that cannot be opened is left out with the reason', async () => {
  const docs = write({ 'a.md': 'About a.', 'shut/b.md': 'About b.' });
  const { readdir } = fs;
  const shut = join(docs, 'shut');
  // Whoever runs this may be allowed to open everything.
  const opened = vi
    .spyOn(fs, 'readdir')
    .mockImplementation(((path: string, options: never) =>
      path === shut ? Promise.reject(new Error('EACCES')) : readdir(path, options)) as never);
  syncBuiltinESMExports();
  try {
    expect(await findDocuments(docs)).toEqual([join(docs, 'a.md'), shut]);
    await expect(readDocument(shut, new AbortController().signal)).rejects.toThrow('EACCES');
    await expect(findDocuments(shut)).rejects.toThrow('EACCES');
  } finally {
    opened.mockRestore();
    syncBuiltinESMExports();
  }
});

test('where nothing can be read the run ends with an error', () => {
  const docs = write({ 'binary.md': new Uint8Array([0]) });
  const { status, stdout, stderr } = digest(docs);
  expect(stderr.trimEnd().split('\n').at(-1)).toBe(`Nothing in "${docs}" can be read.`);
  expect(stdout).toBe('');
  expect(status).toBe(1);
});
