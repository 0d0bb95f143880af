/** The order in which the nodes of a plan begin where every step answers at once: it is known beforehand, and nobody needs to count. */
import type { Plan, PlanNode } from './plan.ts';

/** Tests switch it off, so that all is counted, to show that nothing depends on it. */
export const knownOrder = { isOn: true };

/** The first node is the root's `open`; every other one begins when the last of those that it waits for has ended. */
export function orderAtOnce(
  nodes: readonly PlanNode[],
  all: readonly number[],
): readonly PlanNode[] | undefined {
  if (!knownOrder.isOn || nodes.some(({ startTargets }) => startTargets.length > 0))
    return undefined;
  const missing = all.slice();
  const order = nodes.slice(0, 1);
  for (const node of order) pass(node, missing, (target) => order.push(nodes[target] as PlanNode));
  return order;
}

/** What a run has to count from where nodes have begun in that order, and all but the last have ended. */
export interface Halt {
  /** How many arrivals each node still waits for. */
  readonly missing: number[];
  /** What else may begin. */
  readonly ready: PlanNode[];
}

export function haltAfter({ missing: all, order = [] }: Plan, begun: number): Halt {
  const missing = all.slice();
  let reached = 1;
  for (let i = 0; i < begun - 1; i++) pass(order[i] as PlanNode, missing, () => reached++);
  return { missing, ready: order.slice(begun, reached) };
}

function pass({ targets }: PlanNode, missing: number[], reach: (target: number) => void): void {
  for (const target of targets) {
    const left = (missing[target] as number) - 1;
    missing[target] = left;
    if (left === 0) reach(target);
  }
}
