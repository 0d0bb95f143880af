/** A block of marbles: one row per step, all on one time axis. */
import { showValue } from '../index.ts';
import { drawLanes, lanesOf } from './axis.ts';
import { parseRow } from './marbles.ts';
import { inOrder, isActivity, type Row } from './mark.ts';
import { badMarbles } from './problem.ts';

/** Rows by their labels: `page` for what the step emits, `page.on` for when it is at work. */
export type Block = ReadonlyMap<string, Row>;

export interface RenderOptions {
  /** The longest silence that is drawn by dashes, in ms. Default: 10. */
  readonly keep?: number;
}

/**
 * Reads a block: in each line a label, spaces, and marbles. A label that comes again continues its row
 * from time 0, for what happens under a group. What follows `//` is a comment.
 *
 * @example
 * parseBlock(`
 *   page.on  ^ 499ms !           // a timeout
 *   page     -  ---- -  ----(d|)
 * `)
 */
export function parseBlock(text: string): Block {
  if (typeof text !== 'string') throw badMarbles(`Marbles are a text, not ${showValue(text)}.`);
  const rows = new Map<string, Row>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const content = line.replace(/(^|\s)\/\/.*$/, '').trim();
    if (content === '') continue;
    const [, label, diagram] = /^(\S+)\s+(\S.*)$/.exec(content) ?? [];
    if (label === undefined || diagram === undefined) {
      throw badMarbles(
        `Line ${index + 1} of the marbles, "${content}", is not a label and a row. A row in which nothing happens is "-".`,
      );
    }
    const marks = parseRow(diagram, isActivity(label) ? 'activity' : 'values');
    rows.set(label, inOrder([...(rows.get(label) ?? []), ...marks]));
  }
  return rows;
}

/** Draws a block so that `parseBlock` reads the same again, and RxJS's TestScheduler every row of it. */
export function renderBlock(block: Block, options: RenderOptions = {}): string {
  const lanes = [...block].flatMap(([label, row]) => lanesOf(label, row));
  const texts = drawLanes(lanes, options.keep);
  const width = Math.max(0, ...lanes.map(({ label }) => label.length)) + 2;
  return lanes.map(({ label }, index) => `${label.padEnd(width)}${texts[index]}`).join('\n');
}

/** The characters of all values in these rows: what a `Legend` must not give to other values. */
export const keysOf = (
  block: Block,
  labels: Iterable<string> = block.keys(),
): ReadonlySet<string> =>
  new Set(
    [...labels]
      .flatMap((label) => block.get(label) ?? [])
      .flatMap((mark) => (mark.kind === 'value' ? [mark.key] : [])),
  );
