/**
 * Nodes of which nothing has to be decided as long as all before them have succeeded: their params are results as they are, there is no
 * condition, no schema and no setting, and nobody reads more of them than their result. Found once per live flow.
 */
import type { Plan, PlanNode, PlanParam } from '../../wire/plan.ts';

/** What is known of one. */
export interface Straight {
  readonly params: readonly PlanParam[];
  /** Whatever leads to it changes its params: they need not be compared. */
  readonly differs: boolean;
}

/** By node; undefined where something has to be decided. */
export function straightOf(plan: Plan): readonly (Straight | undefined)[] {
  const idle = idleTargets(plan);
  return plan.nodes.map((node) =>
    isStraight(plan, node) ? { params: node.params, differs: !idle.has(node.index) } : undefined,
  );
}

function isStraight(plan: Plan, node: PlanNode): boolean {
  const { kind, params, settings } = node;
  const start = plan.nodes[kind === 'close' ? node.scope.open : node.index] as PlanNode;
  if (kind === 'open' || start.keepsInput || plan.channelsOf.has(node.index)) return false;
  if (params.some(({ name, source }) => source < 0 || name === '__proto__')) return false;
  if (kind === 'close') return true;
  const isPlain = node.isSimple && node.needsSuccessOnly && !node.when && !settings.equals;
  return isPlain && !node.output && !node.schema;
}

/** Nodes that wait for another one without reading all of what it gives them: it may change, and their params do not. */
function idleTargets({ nodes, root }: Plan): ReadonlySet<number> {
  const idle = new Set<number>();
  for (const { index, targets, startTargets, keepsInput } of nodes) {
    for (const target of startTargets) idle.add(target);
    // Only those who read an input that has changed hear of it.
    if (index === root.open) continue;
    for (const target of targets) {
      const { params } = nodes[target] as PlanNode;
      const isRead = params.some((param) => param.source === index && param.property === undefined);
      if (!isRead || keepsInput) idle.add(target);
    }
  }
  return idle;
}
