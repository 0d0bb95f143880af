/** How many cases are tried: those of CI times `LAWS`, from `LAWS_SEED` on where it is set. */
import type { Parameters } from 'fast-check';

const { LAWS = '1', LAWS_SEED } = process.env;

export const runs = <T>(count: number): Parameters<T> => ({
  numRuns: Math.ceil(count * Number(LAWS)),
  ...(LAWS_SEED && { seed: Number(LAWS_SEED) }),
});

/** In ms. Several times what the cases take. */
export const patience = 120_000 * Math.max(1, Number(LAWS));
