/** The same flow with other code for its steps. */
import { FlowError } from '../errors.ts';
import { define } from '../graph/compile.ts';
import type { FlowDefinition, StepEntry } from '../graph/definition.ts';
import { checkedSettings } from '../graph/draft.ts';
import { Order } from '../graph/order.ts';
import { type Step, toStep } from './step.ts';

/** What becomes of a step, at its path from the root. Giving back the entry as it is keeps the step. */
export type ChangeStep = (entry: StepEntry<Step>, path: string) => StepEntry<Step>;

/** A flow used as a step. */
type Nested = Step & { readonly withSteps: (change: ChangeStep) => Step };

export function withSteps(
  definition: FlowDefinition<Step>,
  change: ChangeStep,
): FlowDefinition<Step> {
  const steps = new Map(
    [...definition.steps].map(([id, entry]) => [id, changed(entry, id, change)]),
  );
  if ([...steps].every(([id, entry]) => entry === definition.steps.get(id))) return definition;
  // Another condition may read other steps.
  const made = define({ ...definition, ...definition.written, steps });
  // What comes after itself has no place in the order of the steps.
  if (made.order.length === steps.size) return made;
  const order = new Order();
  for (const [id, links] of made.linksInto)
    order.add(
      id,
      links.map(({ from }) => from),
      made.id,
    );
  return made;
}

/** The entry itself where it stays: then its limits and its cache are the same, too. */
function changed(entry: StepEntry<Step>, path: string, change: ChangeStep): StepEntry<Step> {
  const { id } = entry;
  const { step: code, settings } = change(entry, path) ?? ({} as StepEntry<Step>);
  const step = within(toStep(path, code), entry, path, change);
  if (step === entry.step && settings === entry.settings) return entry;
  return Object.freeze({ id, step, settings: checkedSettings(`step "${path}"`, settings) });
}

/** A step with what it runs changed. */
function within(
  step: Step,
  { id, step: old }: StepEntry<Step>,
  path: string,
  change: ChangeStep,
): Step {
  if (isNested(step)) {
    const made = step.withSteps((below, at) => change(below, `${path}.${at}`));
    return made.definition === step.definition ? step : made;
  }
  const { inner } = step;
  if (!inner || step !== old) return step;
  const entry = { id, step: inner.step, settings: {} };
  const made = changed(entry, `${path}[]`, change);
  const [given] = Object.keys(made.settings);
  if (given === undefined) return made === entry ? step : inner.with(made.step);
  throw new FlowError(
    'invalid-option',
    `What step "${path}" runs has no settings of its own. Give "${given}" to the step, or let it run a flow.`,
  );
}

const isNested = (step: Step): step is Nested => 'withSteps' in step;
