/** Where the instants of a picture stand: near ones apart, so that marbles do not touch, long silences shortened. */
import type { Mark, Row } from './mark.ts';

export interface Scale {
  readonly instants: readonly number[];
  readonly end: number;
  /** Between two instants the lane is drawn solid, or dashed where a silence was shortened. */
  readonly stretches: readonly { from: number; to: number; isSilence: boolean }[];
  x(at: number): number;
}

const marble = 26;
const perMillisecond = 8;
const longestGap = 96;

export function scaleOf(rows: readonly Row[], left: number): Scale {
  const instants = [...new Set([0, ...rows.flat().map(({ at }) => at)])].sort((a, b) => a - b);
  const places = new Map<number, number>();
  const stretches: { from: number; to: number; isSilence: boolean }[] = [];
  let x = left + marble / 2;
  let before: number | undefined;
  for (const at of instants) {
    if (before !== undefined) {
      const gap = (at - before) * perMillisecond;
      const room = roomAt(before, rows);
      const next = x + Math.max(room, Math.min(gap, longestGap));
      stretches.push({ from: x, to: next, isSilence: gap > longestGap });
      x = next;
    }
    places.set(at, x);
    before = at;
  }
  const end = x + roomAt(before ?? 0, rows);
  stretches.push({ from: x, to: end, isSilence: false });
  return { instants, end, stretches, x: (at) => places.get(at) ?? left };
}

const widthOf = (mark: Mark): number => (mark.kind === 'skip' ? 2 * marble : marble);

/** Room for the largest group of an instant, and for the next marble beside it. */
function roomAt(at: number, rows: readonly Row[]): number {
  const widths = rows.map((row) =>
    row.filter((mark) => mark.at === at).reduce((sum, mark) => sum + widthOf(mark), 0),
  );
  return Math.max(marble, ...widths) + 14;
}
