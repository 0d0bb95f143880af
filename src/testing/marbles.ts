/** One row of marbles: RxJS's run-mode syntax, read and drawn. One column is one millisecond. */
import { drawLanes, lanesOf } from './axis.ts';
import type { Mark, Row } from './mark.ts';
import { badMarbles } from './problem.ts';

const valueSymbols = { '|': 'complete', '#': 'error' } as const;
const activitySymbols = { '^': 'start', '!': 'stop', '~': 'skip' } as const;
const milliseconds = { ms: 1, s: 1000, m: 60_000 } as const;

/**
 * Reads a row as RxJS's TestScheduler reads it: `-` is a millisecond, `(ab)` one moment that takes the
 * room of its characters, ` 20ms ` a silence, a space nothing. What RxJS reads without meaning it (a
 * group that is never closed, a duration at the end, which would be the values `5`, `m`, `s`) is refused.
 * Rows of activity may have several spans: `^--!  ^--!`.
 */
export function parseRow(diagram: string, row: 'values' | 'activity' = 'values'): Row {
  const known: ReadonlyMap<string, Exclude<Mark['kind'], 'value'>> = new Map(
    Object.entries(row === 'values' ? valueSymbols : activitySymbols),
  );
  // By code points, so that an emoji is one value.
  const characters = [...diagram];
  const marks: Mark[] = [];
  let at = 0;
  let group: number | undefined;
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] as string;
    const duration = i === 0 || characters[i - 1] === ' ' ? durationAt(characters, i) : undefined;
    const kind = known.get(character);
    if (duration) {
      at += duration.ms;
      i += duration.length;
      continue;
    }
    if (character === ' ') continue;
    if (character === '(') {
      if (group !== undefined) throw unreadable(diagram, 'has a group inside of a group');
      group = at;
    } else if (character === ')') {
      if (group === undefined) throw unreadable(diagram, 'closes a group that was never opened');
      group = undefined;
    } else if (kind) {
      marks.push({ at: group ?? at, kind });
    } else if (character !== '-') {
      marks.push({ at: group ?? at, kind: 'value', key: valueKey(character, row, diagram) });
    }
    at += 1;
  }
  if (group !== undefined) throw unreadable(diagram, 'has a group that is never closed');
  return marks;
}

function valueKey(character: string, row: 'values' | 'activity', diagram: string): string {
  if (row === 'activity') {
    throw unreadable(
      diagram,
      `is of activity and cannot have "${character}", only ^, !, ~ and time`,
    );
  }
  if (character === '^' || character === '!') {
    throw unreadable(diagram, `has "${character}", which belongs into rows named .on`);
  }
  if (/\s/.test(character)) throw unreadable(diagram, 'has white space other than spaces');
  return character;
}

function durationAt(
  characters: readonly string[],
  start: number,
): { ms: number; length: number } | undefined {
  if (!/[0-9]/.test(characters[start] as string)) return undefined;
  const rest = characters.slice(start).join('');
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m)( |$)/.exec(rest);
  if (!match) return undefined;
  const [text, amount, unit, end] = match;
  if (end === '') {
    throw unreadable(
      characters.join(''),
      `ends with ${text}, which RxJS takes for values: say what comes then, or put a "-" after it`,
    );
  }
  return {
    ms: Number(amount) * milliseconds[unit as keyof typeof milliseconds],
    length: text.length - 1,
  };
}

/** Draws a row; whole milliseconds only. Throws where something happens under the characters of a group: that takes two rows, and `renderBlock`. */
export function renderRow(row: Row): string {
  const lanes = lanesOf('row', row);
  const [text = '-'] = drawLanes(lanes);
  if (lanes.length > 1) {
    throw badMarbles(
      `Marbles cannot show in one row what happens under a group: "${text}". Draw it with renderBlock.`,
    );
  }
  return text;
}

const unreadable = (diagram: string, what: string) => badMarbles(`The row "${diagram}" ${what}.`);
