/** The options of a live flow. */
import { FlowError } from '../../errors.ts';
import type { Plan } from '../../wire/plan.ts';
import { checkOptions, type RunOptions } from '../options.ts';
import type { Equals } from './same.ts';

export interface LiveOptions
  extends Pick<RunOptions, 'id' | 'concurrency' | 'logger' | 'clock' | 'signal' | 'metadata'> {
  /** Whether an input is the same as before, and nothing that reads it need run. Default `Object.is`, and for plain data its parts. */
  readonly equals?: Equals;
}

/** Why options of runs are none of live flows. */
const refused: { readonly [K in keyof RunOptions]?: string } = {
  saver: 'a live flow is not saved. Save what it gives, or run the flow once for each input',
  durability: 'a live flow is not saved',
  maxPending:
    'a live flow is not saved. How many versions may wait for a step is an option of the step',
  parentId: 'a live flow continues no run',
  gate: 'a live flow has no gate',
  outputs: 'a live flow gives all its outputs',
  onError: 'a failure is the outcome of one version, and the flow goes on with the next',
};

/** Throws a FlowError (`invalid-option`) for options that a live flow cannot have, defaults of the flow included. */
export function checkLiveOptions(options: RunOptions, plan: Plan): void {
  for (const [name, reason] of Object.entries(refused)) {
    const value = options[name as keyof RunOptions];
    if (value === undefined || (name === 'onError' && value === 'continue')) continue;
    throw new FlowError(
      'invalid-option',
      `The option "${name}" is not for the live flow of "${plan.definition.id}": ${reason}. If the flow has it by default: flow.with({ ${name}: undefined }).live(…).`,
    );
  }
  checkOptions(options, plan);
}
