/**
 * Measures ways of doing the same work against each other. They take turns, round after round, so that whatever else the machine does
 * hits them all; a ratio is the median of the ratios of single rounds. A way that gives a wrong value, or calls its handlers not exactly
 * as often as the others, is left out and said to be wrong.
 */

import { calls } from './work.ts';
import { worked } from './worked.ts';

/** One run. It gives its value, or a promise of it. */
export type Way = () => unknown;

export interface Row<Name extends string> {
  readonly name: string;
  /** What a time is divided by: steps, or chunks. */
  readonly units: number;
  /** What every way has to give, after so many calls of handlers. */
  readonly value: unknown;
  readonly calls?: number;
  readonly ways: Partial<Record<Name, Way>>;
}

export interface Measured<Name extends string> {
  readonly row: Row<Name>;
  /** µs per unit. */
  readonly time: Partial<Record<Name, number>>;
  readonly wrong: Partial<Record<Name, string>>;
  ratio(name: Name, base: Name): number | undefined;
}

export const isQuick = process.argv.includes('--quick');
const rounds = isQuick ? 5 : 21;
const batchMs = isQuick ? 3 : 8;

type Collect = (options?: { type: 'minor' }) => void;
const gc: Collect = (globalThis as { gc?: Collect }).gc ?? (() => undefined);

/** Takes everything away that nobody holds. */
export const collect = (): void => gc();

// Not a whole collection: that would also throw away code that has not run for a while.
const sweep = (): void => gc({ type: 'minor' });

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Runs so many times in a row; ms in all, or nothing where an end never came. */
async function time(way: Way, repeat: number): Promise<number | undefined> {
  let giveUp: () => void = () => undefined;
  const lost = new Promise<undefined>((resolve) => {
    // The process has nothing left to do: the timer keeps it alive, so that it can go on.
    giveUp = () => setTimeout(resolve, 0);
  });
  process.once('beforeExit', giveUp);
  try {
    return await Promise.race([timeAll(way, repeat), lost]);
  } finally {
    process.off('beforeExit', giveUp);
  }
}

async function timeAll(way: Way, repeat: number): Promise<number> {
  const started = worked();
  for (let i = 0; i < repeat; i++) {
    const given = way();
    if (given instanceof Promise) await given;
  }
  return worked() - started;
}

/** What is wrong with a way, if anything. Where the stack is too short, some lose the end without a word, others throw past everybody. */
async function fault(way: Way, row: Row<string>): Promise<string | undefined> {
  let giveUp: (error: unknown) => void = () => undefined;
  const lost = new Promise((_, reject) => {
    giveUp = reject;
  });
  const timer = setTimeout(giveUp, 10_000, 'no end');
  process.on('uncaughtException', giveUp);
  calls.count = 0;
  try {
    const given = await Promise.race([way(), lost]);
    if (given !== row.value) return `gave ${String(given)}`;
  } catch (error) {
    return error instanceof RangeError ? 'stack overflow' : String(error).slice(0, 80);
  } finally {
    clearTimeout(timer);
    process.off('uncaughtException', giveUp);
  }
  return row.calls === undefined || calls.count === row.calls ? undefined : `${calls.count} calls`;
}

/** How often it must run to fill a batch, once it is warm. */
async function repeats(way: Way): Promise<number | undefined> {
  const enough = isQuick ? 30 : 120;
  let spent = 0;
  let last = 0;
  for (let repeat = 1; spent < enough; repeat = Math.min(repeat * 2, 2000)) {
    const spentNow = await time(way, repeat);
    if (spentNow === undefined) return undefined;
    spent += spentNow;
    last = spentNow / repeat;
  }
  return Math.max(1, Math.round(batchMs / last));
}

export async function measure<Name extends string>(row: Row<Name>): Promise<Measured<Name>> {
  const wrong: Partial<Record<Name, string>> = {};
  const fit: { readonly name: Name; readonly way: Way; readonly repeat: number }[] = [];
  for (const [name, way] of Object.entries(row.ways) as [Name, Way | undefined][]) {
    if (!way) continue;
    const found = await fault(way, row);
    const repeat = found === undefined ? await repeats(way) : undefined;
    if (repeat === undefined) wrong[name] = found ?? 'no end';
    else fit.push({ name, way, repeat });
  }
  const times = new Map<Name, number[]>(fit.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < fit.length; i++) {
      const { name, way, repeat } = fit[(i + round) % fit.length] as (typeof fit)[number];
      if (wrong[name] !== undefined) continue;
      sweep();
      const ms = await time(way, repeat);
      if (ms === undefined) wrong[name] = 'no end';
      else times.get(name)?.push((ms * 1000) / repeat / row.units);
    }
  }
  return {
    row,
    wrong,
    time: Object.fromEntries([...times].map(([name, all]) => [name, median(all)])) as Partial<
      Record<Name, number>
    >,
    ratio: (name, base) => {
      if (wrong[name] !== undefined || wrong[base] !== undefined) return undefined;
      const [above, below] = [times.get(name), times.get(base)];
      return above && below && median(above.map((each, i) => each / (below[i] as number)));
    },
  };
}

export const show = (value: number | undefined): string =>
  value === undefined
    ? '–'
    : value < 0.095
      ? value.toFixed(3)
      : value.toPrecision(value < 1 ? 2 : 3);

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  console.log(line(head));
  console.log(line(head.map((_, i) => (i === 0 ? '---' : '---:'))));
  for (const cells of rows) console.log(line(cells));
  console.log('');
}
