/** The handlers of all graphs: so little work that what is left is the cost of whatever calls them. Every call is counted. */

export const calls = { count: 0 };

export function addOne(x: number): number {
  calls.count++;
  return x + 1;
}

/** The sum of what is there. */
export function sum(items: readonly (number | undefined)[]): number {
  calls.count++;
  let total = 0;
  for (const item of items) total += item ?? 0;
  return total % 1_000_003;
}

export const addOneLater = async (x: number): Promise<number> => addOne(x);
export const sumLater = async (items: readonly (number | undefined)[]): Promise<number> =>
  sum(items);
