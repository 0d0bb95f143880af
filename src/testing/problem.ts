/** What can be wrong with a test itself. */
import { FlowError } from '../index.ts';

/** Marbles that nobody can read. */
export const badMarbles = (message: string): FlowError => new FlowError('invalid-option', message);

/** Virtual time that cannot go on. */
export const badTime = (message: string): FlowError => new FlowError('invalid-option', message);
