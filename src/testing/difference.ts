/** What differs between expected and actual marbles, in words and in rows that a person can read. */
import { type Change, changes, mostMarks } from './align.ts';
import { drawLanes, lanesOf } from './axis.ts';
import { type Block, keysOf } from './block.ts';
import type { Legend } from './legend.ts';
import { type Mark, nameOf } from './mark.ts';

/** More sentences than this about one row say less. */
const mostSentences = 6;

/**
 * Compares the rows that the expectation names, and no others. Returns undefined where they agree; else
 * a sentence for each difference, both rows of each that differs on one time axis, and the values that
 * their characters stand for.
 */
export function difference(expected: Block, actual: Block, legend?: Legend): string | undefined {
  const sentences: string[] = [];
  const different: string[] = [];
  for (const [label, row] of expected) {
    const happened = actual.get(label);
    if (!happened) {
      sentences.push(`${label}: there is no such row. There are: ${[...actual.keys()].join(', ')}`);
      continue;
    }
    const found = describe(changes(row, happened), legend);
    if (found.length === 0) continue;
    different.push(label);
    sentences.push(...found.map((sentence) => `${label}: ${sentence}`));
  }
  if (sentences.length === 0) return undefined;
  return [
    sentences.join('\n'),
    drawBoth(different, expected, actual),
    explainValues(different, expected, actual, legend),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function describe(found: readonly Change[], legend?: Legend): readonly string[] {
  const sentences: string[] = [];
  for (let i = 0; i < found.length; ) {
    const together = movedTogether(found.slice(i));
    sentences.push(together.length > 1 ? sayTogether(together) : say(found[i] as Change, legend));
    i += Math.max(1, together.length);
  }
  const rest = sentences.length - mostSentences;
  return rest > 1
    ? [
        ...sentences.slice(0, mostSentences),
        `and ${found.length < mostMarks ? rest : 'many'} more differences`,
      ]
    : sentences;
}

type Moved = Extract<Change, { kind: 'moved' | 'replaced' }>;

const delay = ({ actual, expected }: Moved): number => actual.at - expected.at;

/** One cause makes everything after it late by the same time: one sentence then, not twenty. */
function movedTogether(found: readonly Change[]): readonly Moved[] {
  const together: Moved[] = [];
  for (const change of found) {
    const [first] = together;
    if (change.kind !== 'moved' || (first && delay(first) !== delay(change))) break;
    together.push(change);
  }
  return together;
}

function sayTogether(moved: readonly Moved[]): string {
  const names = moved.map(({ expected }) => nameOf(expected));
  const first = moved[0] as Moved;
  const last = moved.at(-1) as Moved;
  const who = names.length > 5 ? `${names[0]} and ${names.length - 1} more` : inWords(names);
  const actual = stretch(first.actual, last.actual);
  return `${who} came ${offset(first)}, ${actual} (expected ${stretch(first.expected, last.expected)})`;
}

function say(change: Change, legend?: Legend): string {
  switch (change.kind) {
    case 'moved': {
      const { expected, actual } = change;
      return `${nameOf(actual)} came at ${ms(actual.at)}, ${offset(change)} (expected at ${ms(expected.at)})${because(actual)}`;
    }
    case 'replaced': {
      const { expected, actual } = change;
      const contrast = legend?.contrast(nameOf(expected), nameOf(actual));
      return `${nameOf(actual)} came at ${ms(actual.at)} instead of ${nameOf(expected)}${because(contrast ? { note: contrast } : actual)}`;
    }
    case 'missing':
      return `${nameOf(change.expected)} never came (expected at ${ms(change.expected.at)})`;
    case 'extra':
      return `${nameOf(change.actual)} came at ${ms(change.actual.at)}, where nothing was expected${because(change.actual)}`;
  }
}

const stretch = (first: Mark, last: Mark): string =>
  first.at === last.at ? `at ${ms(first.at)}` : `from ${ms(first.at)} to ${ms(last.at)}`;

const ms = (at: number): string => `${at}ms`;

const offset = (moved: Moved): string =>
  `${ms(Math.abs(delay(moved)))} ${delay(moved) > 0 ? 'late' : 'early'}`;

const because = ({ note }: Pick<Mark, 'note'>): string => (note === undefined ? '' : `: ${note}`);

const inWords = (names: readonly string[]): string =>
  `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

/** All on one axis, so that what happened at one time stands in one column. */
function drawBoth(labels: readonly string[], expected: Block, actual: Block): string {
  const lanes = labels.flatMap((label) => [
    ...lanesOf(`${label}  expected`, expected.get(label) ?? []),
    ...lanesOf(`${label}  actual`, actual.get(label) ?? []),
  ]);
  const texts = drawLanes(lanes);
  const width = Math.max(0, ...labels.map((label) => label.length));
  let before = '';
  return lanes
    .map((lane, index) => {
      const [label = '', side = ''] = lane.label.split('  ');
      const shown = label === before ? '' : label;
      before = label;
      return `${shown.padEnd(width)}  ${side.padEnd('expected'.length)}  ${texts[index]}`;
    })
    .join('\n');
}

function explainValues(
  labels: readonly string[],
  expected: Block,
  actual: Block,
  legend: Legend | undefined,
): string {
  if (!legend) return '';
  const came = keysOf(actual, labels);
  const keys = [...new Set([...keysOf(expected, labels), ...came])].sort();
  const lines = keys.flatMap((key) => {
    const meaning = legend.meaning(key);
    return meaning === undefined ? [] : [`${key} = ${meaning}`];
  });
  // The commonest reason why a value differs: nobody said what the character stands for.
  const forgotten = keys.filter((key) => legend.meaning(key) === undefined && !came.has(key));
  if (lines.length > 0 && forgotten.length > 0) {
    const who =
      forgotten.length > 1
        ? `${inWords(forgotten)} stand for themselves`
        : `${forgotten[0]} stands for itself`;
    lines.push(`${who}: no value was given`);
  }
  return lines.join('\n');
}
