/** The options of a live flow. */
import { FlowError } from '../../errors.ts';
import { check, settingChecks } from '../../graph/settings.ts';
import type { Plan } from '../../wire/plan.ts';
import { checkOptions, type RunOptions } from '../options.ts';
import type { Equals } from './same.ts';

export interface LiveOptions
  extends Pick<RunOptions, 'id' | 'concurrency' | 'logger' | 'clock' | 'signal' | 'metadata'> {
  /** Whether an input is the same as before, and nothing that reads it need run. Default `Object.is`, and for plain data its parts. */
  readonly equals?: Equals;
}

/** Options of runs that are none of live flows: these are not saved, and go on after a failure with all their outputs. */
const refused = [
  'saver',
  'durability',
  'maxPending',
  'parentId',
  'gate',
  'outputs',
  'onError',
] as const satisfies readonly (keyof RunOptions)[];

/** Throws a FlowError (`invalid-option`) for options that a live flow cannot have, defaults of the flow included. */
export function checkLiveOptions({ equals, ...options }: LiveOptions, plan: Plan): void {
  check('a live flow', { equals }, settingChecks);
  for (const name of refused) {
    const value = (options as RunOptions)[name];
    if (value === undefined || value === 'continue') continue;
    throw new FlowError(
      'invalid-option',
      `The option "${name}" is not for the live flow of "${plan.definition.id}", which is not saved, and goes on after a failure. If the flow has it by default: flow.with({ ${name}: undefined }).live(…).`,
    );
  }
  checkOptions(options, plan);
}
