import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Block, keysOf, parseBlock } from '../../src/testing/block.ts';
import { difference } from '../../src/testing/difference.ts';
import { Legend } from '../../src/testing/legend.ts';
import type { Mark } from '../../src/testing/mark.ts';

/** What happened, in all the tests below: values, and marbles for the rest. */
const page = { title: 'Rivers', tags: ['water', 'land'], body: 'x'.repeat(200) };
const happened: Readonly<Record<string, readonly (string | readonly [number, unknown])[]>> = {
  'page.on': ['^ 499ms ! 999ms ^ 19ms !'],
  page: [[1520, page], '1520ms |'],
  'label.on': ['1520ms ^--!'],
  label: [[1523, 'h'], '1523ms |'],
  'score.on': ['1520ms ^----!'],
  score: [[1525, 5], '1525ms |'],
  ticks: ['-----------|', ...[1, 3, 5, 7, 9].map((at) => [at, `tick ${at}`] as const)],
  voice: ['1523ms |'],
  'voice.on': ['1523ms ~'],
  mail: ['1524ms #'],
};
const notes: Readonly<Record<string, string>> = {
  mail: 'connect ECONNREFUSED 127.0.0.1:25',
  'voice.on': 'condition-false: page.return.title is "Rivers", not "Lakes"',
};

const actual = (legend: Legend): Block =>
  new Map(
    Object.entries(happened).map(([label, parts]) => {
      const marks = parts.flatMap((part): readonly Mark[] => {
        if (typeof part === 'string') return parseBlock(`${label} ${part}`).get(label) ?? [];
        return [{ at: part[0], kind: 'value', key: legend.key(part[1]) }];
      });
      const note = notes[label];
      return [label, marks.map((mark) => (note === undefined ? mark : { ...mark, note }))];
    }),
  );

function compare(marbles: string, values: Record<string, unknown> = {}): string | undefined {
  const expected = parseBlock(marbles);
  const legend = new Legend(values, keysOf(expected));
  return difference(expected, actual(legend), legend);
}

/** The files say what a person reads. MILLRACE_ACCEPT=1 writes them anew, for review. */
function expectFailure(name: string, text: string | undefined): void {
  const folder = new URL('failures/', import.meta.url);
  const file = new URL(`${name}.txt`, folder);
  if (process.env['MILLRACE_ACCEPT']) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, `${text}\n`);
  }
  expect(`${text}\n`).toBe(readFileSync(file, 'utf8'));
}

test('rows that agree have no difference, and rows that are not named are not compared', () => {
  const marbles = `
    page.on   ^ 499ms !  999ms ^ 19ms !
    page      500ms      1s    20ms (d|)
    score     500ms      1s    20ms -----(5|)
  `;
  expect(compare(marbles, { d: page })).toBeUndefined();
});

const ticks = (count: number) =>
  Object.fromEntries([...'abcdef'].slice(0, count).map((key, i) => [key, `tick ${2 * i + 1}`]));

const wrong: readonly [law: string, marbles: string, values?: Record<string, unknown>][] = [
  ['a value that is late', 'score  1522ms (5|)'],
  ['another value', 'label  1523ms (g|)'],
  ['no value given for a character', 'page  1520ms (d|)'],
  ['another object', 'page  1520ms (d|)', { d: { title: 'Lakes' } }],
  ['a part of an object', 'page  1520ms (d|)', { d: { ...page, tags: ['water', 'sea'] } }],
  ['a value that never came', 'ticks  -a-b-c-d-e-f|', ticks(6)],
  ['everything late by the same time', 'ticks  a-b-c-d-e-|', ticks(5)],
  ['an error where success was expected', 'mail  1524ms (k|)'],
  ['an attempt that was not expected', 'page.on  ^ 499ms !'],
  ['a step that was skipped', 'voice.on  1523ms ^-!\nvoice     1523ms --(v|)'],
  ['a row that does not exist', 'scoer  1525ms (5|)\nlabel  1523ms (h|)'],
  [
    'several rows on one axis',
    `
      page.on   ^ 499ms !  1s ^ 19ms !
      label     500ms      1s - 20ms --(h|)
      score     500ms      1s - 20ms ----(6|)
      mail      500ms      1s - 20ms ---|
    `,
  ],
  ['nothing of it right', 'ticks  z-y-x-w-v-u-t-s-r-q-p-#'],
];

for (const [law, marbles, values] of wrong) {
  test(`a failure can be read: ${law}`, () => {
    expectFailure(law.replaceAll(' ', '-'), compare(marbles, values));
  });
}

test('the differences of rows that nobody compares to their end are not counted', () => {
  const row = (count: number) => parseBlock(`a (${'x'.repeat(count)}|)`);
  expect(difference(parseBlock('a |'), row(100))).toContain('and 94 more differences');
  expect(difference(parseBlock('a |'), row(2000))).toContain('and many more differences');
});

test('a character of the expectation is given to no other value', () => {
  expect(compare('page  1520ms (a|)')).toContain('a stands for itself: no value was given');
});

test('equal values have one character, and different ones never the same', () => {
  const legend = new Legend({ n: { deep: [1, { two: 2 }] } }, ['a']);
  const error = () => new TypeError('no');
  expect(legend.key({ deep: [1, { two: 2, absent: undefined }] })).toBe('n');
  expect([legend.key('5'), legend.key(5), legend.key('5')]).toEqual(['5', 'b', '5']);
  expect([legend.key(error()), legend.key(error()), legend.key(new Error('no'))]).toEqual([
    ...['c', 'c', 'd'],
  ]);
  expect([legend.key(new URL('http://a')), legend.key(new URL('http://b'))]).toEqual(['e', 'f']);
  expect([legend.key(null), legend.key(undefined), legend.key([]), legend.key({})]).toEqual([
    ...['g', 'h', 'i', 'j'],
  ]);
  const many = new Set(Array.from({ length: 200 }, (_, i) => legend.key({ i })));
  expect(many.size).toBe(200);
  expect(legend.lines().filter((line) => /^[bcde] /.test(line))).toEqual([
    'b = 5',
    'c = TypeError: no',
    'd = Error: no',
    'e = http://a/',
  ]);
});

test('marbles that nobody can read are refused with the reason', () => {
  expect(() => parseBlock('\n  page')).toThrow(
    'Line 2 of the marbles, "page", is not a label and a row.',
  );
  expect(() => parseBlock('page --(a')).toThrow('The row "--(a" has a group that is never closed.');
  expect(() => parseBlock('page --a 50ms')).toThrow('ends with 50ms, which RxJS takes for values');
  expect(() => parseBlock('page ^--!')).toThrow('has "^", which belongs into rows named .on');
  expect(() => parseBlock('page.on --a')).toThrow('cannot have "a", only ^, !, ~ and time');
});
