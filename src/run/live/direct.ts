/** Steps and flows that read results and inputs as they are, with nothing to decide while all goes well. Found once per plan. */
import { parseKey } from '../../graph/key.ts';
import type { Plan, PlanNode, PlanParam } from '../../wire/plan.ts';
import { schemaOfParams } from '../checked.ts';

/** Where a param, or an output, comes from. */
export interface DirectParam {
  readonly name: string;
  /** The node whose result it is. */
  readonly source: number;
  /** The property of that result; of the input of a flow. */
  readonly part: string | undefined;
  readonly required: boolean;
}

export type Direct = readonly DirectParam[] | undefined;

export function directOf(plan: Plan, node: PlanNode): Direct {
  if (node.kind === 'open' || (node.kind === 'step' && !isPlainStep(node))) return undefined;
  const found = node.params.map((param) => directParam(plan, node, param));
  return found.some((param) => param === undefined) ? undefined : (found as readonly DirectParam[]);
}

const isPlainStep = ({ isSimple, needsSuccessOnly, when, step }: PlanNode): boolean =>
  isSimple && needsSuccessOnly && !when && !step.output && !schemaOfParams(step);

function directParam(
  plan: Plan,
  node: PlanNode,
  { name, binding, required }: PlanParam,
): DirectParam | undefined {
  if (name === '__proto__' || !('key' in binding) || binding.default !== undefined)
    return undefined;
  const scope = node.kind === 'close' ? node.scope : (node.gate ?? plan.root);
  const { of, path, ...key } = parseKey(binding.key);
  if (of === 'input') {
    const [part] = path;
    const isOwn = typeof part === 'string' && !(part in Object.prototype);
    if (!isOwn || path.length > 1 || scope.definition.memory.has(part)) return undefined;
    return { name, source: scope.open, part, required };
  }
  if (of !== 'return' || path.length > 0 || !('step' in key)) return undefined;
  const source = scope.nodes.get(key.step)?.outcome;
  return source === undefined ? undefined : { name, source, part: undefined, required };
}
