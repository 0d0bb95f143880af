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

/** How a handler gets what it is given. */
export type Passing = <T, R>(work: (given: T) => R) => (given: T) => R;

export const asItIs: Passing = (work) => work;

/**
 * A handler whose params nobody can change, as every step of a flow has them: an object of its own, frozen, and the list in it, too.
 */
export const isolated: Passing = (work) => (given) =>
  withParams(
    Object.freeze({ given: Array.isArray(given) ? Object.freeze(given.slice()) : given }),
    work,
  );

const withParams = <R>({ given }: { readonly given: unknown }, work: (given: never) => R): R =>
  work(given as never);

export const addOneLater = async (x: number): Promise<number> => addOne(x);
export const sumLater = async (items: readonly (number | undefined)[]): Promise<number> =>
  sum(items);
