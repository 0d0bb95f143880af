/** What marbles are made of. */
import { badMarbles } from './problem.ts';

/**
 * One thing that happens, at a virtual millisecond. A `.on` row, which says when a step is at work, has
 * `start`, `stop` and `skip`; every other row has values, `complete` and `error`.
 */
export type Mark = {
  readonly at: number;
  /** What a person should know about it, such as the message of an error. Not drawn and not compared. */
  readonly note?: string;
} & (
  | { readonly kind: 'value'; readonly key: string }
  | { readonly kind: 'complete' | 'error' | 'start' | 'stop' | 'skip' }
);

export type Row = readonly Mark[];

const symbols = { complete: '|', error: '#', start: '^', stop: '!', skip: '~' } as const;

/** What a mark is called in a sentence. */
export const nameOf = (mark: Mark): string => (mark.kind === 'value' ? mark.key : mark.kind);

/** The character of a mark in its row. */
export function symbolOf(mark: Mark): string {
  if (mark.kind !== 'value') return symbols[mark.kind];
  if (!/^[^\s\-|#()^!]$/u.test(mark.key)) {
    throw badMarbles(
      `The value "${mark.key}" cannot be a marble: a marble is one character and not one of -|#()^!.`,
    );
  }
  return mark.key;
}

/** Whether a row says when a step is at work (`^--!`) and not what it emits. */
export const isActivity = (label: string): boolean => label.endsWith('.on');

/** By time; what happens at one instant keeps its order. */
export const inOrder = (row: Row): Row => [...row].sort((a, b) => a.at - b.at);
