/** Which mark of one row is which of another: the fewest changes that make the one the other. */
import { inOrder, type Mark, nameOf, type Row } from './mark.ts';

/** One difference: late or early, another one, never came, not expected. */
export type Change =
  | { readonly kind: 'moved' | 'replaced'; readonly expected: Mark; readonly actual: Mark }
  | { readonly kind: 'missing'; readonly expected: Mark }
  | { readonly kind: 'extra'; readonly actual: Mark };

/** Beyond so many marks that do not agree, nobody reads the rest; comparing all would take for ever. */
export const mostMarks = 500;

export function changes(expectedRow: Row, actualRow: Row): readonly Change[] {
  const expected = inOrder(expectedRow);
  const actual = inOrder(actualRow);
  const first = agreeing(expected, actual);
  const rest = agreeing([...expected.slice(first)].reverse(), [...actual.slice(first)].reverse());
  return align(
    expected.slice(first, expected.length - rest).slice(0, mostMarks),
    actual.slice(first, actual.length - rest).slice(0, mostMarks),
  );
}

const isSame = (a: Mark, b: Mark): boolean => a.kind === b.kind && nameOf(a) === nameOf(b);

function agreeing(expected: Row, actual: Row): number {
  let count = 0;
  for (const mark of expected) {
    const other = actual[count];
    if (!other || mark.at !== other.at || !isSame(mark, other)) break;
    count += 1;
  }
  return count;
}

/**
 * A change costs one; what came neither at its time nor as itself is not the same mark. A value in the
 * place of an end is likelier to be two changes, where two will do.
 */
function costOfPair(expected: Mark, actual: Mark): number {
  const same = isSame(expected, actual);
  if (same && expected.at === actual.at) return 0;
  if (same) return 1;
  if (expected.at !== actual.at) return Number.POSITIVE_INFINITY;
  return (expected.kind === 'value') === (actual.kind === 'value') ? 1 : 1.25;
}

function align(expected: Row, actual: Row): readonly Change[] {
  const costs = costTable(expected, actual);
  const cost = (i: number, j: number) => costs[i]?.[j] ?? Number.POSITIVE_INFINITY;
  const found: Change[] = [];
  let i = 0;
  let j = 0;
  while (i < expected.length || j < actual.length) {
    const want = expected[i];
    const got = actual[j];
    if (want && got && cost(i, j) === costOfPair(want, got) + cost(i + 1, j + 1)) {
      const kind = isSame(want, got) ? 'moved' : 'replaced';
      if (costOfPair(want, got) > 0) found.push({ kind, expected: want, actual: got });
      i += 1;
      j += 1;
    } else if (want && cost(i, j) === 1 + cost(i + 1, j)) {
      found.push({ kind: 'missing', expected: want });
      i += 1;
    } else if (got) {
      found.push({ kind: 'extra', actual: got });
      j += 1;
    }
  }
  return found;
}

/** `table[i][j]`: the least cost of what is left of both rows from there on. */
function costTable(expected: Row, actual: Row): readonly (readonly number[])[] {
  const table: number[][] = [];
  for (let i = expected.length; i >= 0; i--) {
    const costs: number[] = [];
    const below = table[i + 1];
    for (let j = actual.length; j >= 0; j--) {
      const want = expected[i];
      const got = actual[j];
      const missing = below ? 1 + (below[j] ?? 0) : Number.POSITIVE_INFINITY;
      const extra = got ? 1 + (costs[j + 1] ?? 0) : Number.POSITIVE_INFINITY;
      const pair =
        want && got ? costOfPair(want, got) + (below?.[j + 1] ?? 0) : Number.POSITIVE_INFINITY;
      costs[j] = want || got ? Math.min(missing, extra, pair) : 0;
    }
    table[i] = costs;
  }
  return table;
}
