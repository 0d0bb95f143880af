/** The suite that every saver must pass: the laws S1 to S4 of `Saver`, what it answers, what values survive, and whole runs. */
import type { Saver } from '../index.ts';
import { commitLaws } from './saver-commits.ts';
import { runLaws } from './saver-runs.ts';
import { stateLaws } from './saver-states.ts';
import type { Say } from './saver-story.ts';
import { valueLaws } from './saver-values.ts';

/** A saver on an empty store. */
export interface SaverFixture {
  readonly saver: Saver;
  /** Another saver on the same store, as a second process has it. Without it the store has one saver only. */
  readonly again?: () => Saver | Promise<Saver>;
  /** Lets go of the store. */
  readonly close?: () => unknown;
}

export interface SaverContractOptions {
  /** `test` of vitest, of node:test, or anything else that takes a sentence and a function. */
  readonly test: (sentence: string, law: () => Promise<void>) => unknown;
  /** How many random runs. Default 30. */
  readonly runs?: number;
}

/**
 * Registers a test for each law that a saver must keep. Every law gets an empty store.
 *
 * @example
 * import { test } from 'vitest'
 * saverContract('my saver', () => ({ saver: new MySaver() }), { test })
 */
export function saverContract(
  name: string,
  makeSaver: () => SaverFixture | Promise<SaverFixture>,
  { test, runs = 30 }: SaverContractOptions,
): void {
  const say: Say = (sentence, law) => {
    test(`${name}: ${sentence}`, async () => {
      const { saver, again, close } = await makeSaver();
      try {
        await law({ saver, again: async () => (again ? again() : saver) });
      } finally {
        await close?.();
      }
    });
  };
  commitLaws(say);
  stateLaws(say);
  valueLaws(say);
  runLaws(say, runs);
}
