/** Steps and flows whose params are values as they are, with nothing to decide while all goes well. Found once per plan. */
import { parseKey } from '../../graph/key.ts';
import type { Plan, PlanNode, PlanParam } from '../../wire/plan.ts';
import { schemaOfParams } from '../checked.ts';

/** For each param, or output, the node whose result it is; -1 where it is something else that has to be read. */
export type Direct = readonly number[] | undefined;

export function directOf(plan: Plan, node: PlanNode): Direct {
  const { kind, params } = node;
  if (kind === 'open' || (kind === 'step' && !isPlainStep(node))) return undefined;
  if (params.some(({ name, binding }) => name === '__proto__' || !('key' in binding)))
    return undefined;
  return params.map((param) => sourceOf(plan, node, param));
}

const isPlainStep = ({ isSimple, needsSuccessOnly, when, step }: PlanNode): boolean =>
  isSimple && needsSuccessOnly && !when && !step.output && !schemaOfParams(step);

function sourceOf(plan: Plan, node: PlanNode, { binding }: PlanParam): number {
  if (!('key' in binding) || binding.default !== undefined) return -1;
  const key = parseKey(binding.key);
  if (key.of !== 'return' || key.path.length > 0) return -1;
  const scope = node.kind === 'close' ? node.scope : (node.gate ?? plan.root);
  return scope.nodes.get(key.step)?.outcome ?? -1;
}
