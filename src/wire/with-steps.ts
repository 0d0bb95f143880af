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
  const steps = [...definition.steps].map(
    ([id, entry]) => [id, Object.freeze(changed(entry, id, change))] as const,
  );
  // Another condition may read other steps.
  const made = define({ ...definition, ...definition.written, steps: new Map(steps) });
  const order = new Order();
  for (const [id, links] of made.linksInto)
    order.add(
      id,
      links.map(({ from }) => from),
      made.id,
    );
  return made;
}

function changed(entry: StepEntry<Step>, path: string, change: ChangeStep): StepEntry<Step> {
  const made = { ...change(entry, path), id: entry.id };
  const { settings } = made;
  const step = toStep(path, made.step);
  // As they are they have been checked, and their limits and caches are theirs.
  if (settings !== entry.settings) made.settings = checkedSettings(`step "${path}"`, settings);
  if (isNested(step)) {
    const within = step.withSteps((below, at) => change(below, `${path}.${at}`));
    return { ...made, step: within };
  }
  if (!step.inner || step !== entry.step) return { ...made, step };
  const { id } = entry;
  const inner = changed({ id, step: step.inner.step, settings: {} }, `${path}[]`, change);
  const [given] = Object.keys(inner.settings);
  if (given === undefined) return { ...made, step: step.inner.with(inner.step) };
  throw new FlowError(
    'invalid-option',
    `What step "${path}" runs has no settings of its own. Give "${given}" to the step, or let it run a flow.`,
  );
}

const isNested = (step: Step): step is Nested => 'withSteps' in step;
