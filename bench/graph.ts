/** The graphs that are measured, as lists of steps, and what they give. */
import { addOne, calls, sum } from './work.ts';

export interface GraphStep {
  /** The steps that it reads; without any it reads the input. One is passed as it is, several as a list. */
  readonly reads: readonly number[];
  /** It runs only where what it reads is above, or not above, this. */
  readonly above?: number;
  readonly notAbove?: number;
}

/** The last step is the output. */
export type Graph = readonly GraphStep[];

const list = <T>(length: number, item: (i: number) => T): T[] =>
  Array.from({ length }, (_, i) => item(i));

export const chain = (length: number): Graph =>
  list(length, (i) => ({ reads: i === 0 ? [] : [i - 1] }));

/** One step, then `width` side by side, then one that joins them. */
export const fan = (width: number): Graph => [
  { reads: [] },
  ...list(width, () => ({ reads: [0] })),
  { reads: list(width, (i) => i + 1) },
];

/** Every step of a layer reads every step of the one before; the output adds the last layer up. */
export const layers = (width: number, depth: number): Graph => [
  ...list(width * depth, (i) => {
    const before = (Math.floor(i / width) - 1) * width;
    return { reads: before < 0 ? [] : list(width, (k) => before + k) };
  }),
  { reads: list(width, (i) => (depth - 1) * width + i) },
];

/** One of two branches runs, and a join after them: 3 of 4 steps. */
export const branch: Graph = [
  { reads: [] },
  { reads: [0], above: 0 },
  { reads: [0], notAbove: 0 },
  { reads: [1, 2] },
];

export const mayRun = ({ above, notAbove }: GraphStep, x: number | undefined): boolean =>
  (above === undefined || (x ?? 0) > above) && (notAbove === undefined || (x ?? 0) <= notAbove);

/** What the graph gives, and how many handlers it calls for that. */
export function expected(graph: Graph, x: number): { value: number; calls: number } {
  calls.count = 0;
  const values: (number | undefined)[] = [];
  for (const step of graph) {
    const read = step.reads.map((i) => values[i]);
    const first = step.reads.length === 0 ? x : read[0];
    if (!mayRun(step, first)) values.push(undefined);
    else values.push(read.length > 1 ? sum(read) : addOne(first as number));
  }
  return { value: values.at(-1) as number, calls: calls.count };
}
