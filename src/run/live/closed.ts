/** How a flow ends at a version when all its steps have answered. */
import type { Outcome } from '../../state/outcome.ts';
import { type PlanNode, successOf, type View } from '../../wire/plan.ts';
import { outputsOf } from '../outputs.ts';
import type { LiveState } from './live-state.ts';

export interface Closed {
  readonly outcome: Outcome;
  readonly input: unknown;
  readonly attempts: number;
}

export function closed({ plan }: LiveState, node: PlanNode, view: View): Closed {
  const { open } = node.scope;
  const opened = view.outcomes[open] as Outcome;
  return opened.status === 'success'
    ? { outcome: outputsOf(plan, node, view, undefined), input: successOf(opened), attempts: 1 }
    : { outcome: opened, input: view.inputs[open], attempts: 0 };
}
