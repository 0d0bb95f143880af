/** What a change of the input can reach, and what each node reads. Made once per plan. */
import { keysOf } from '../../graph/binding.ts';
import { conditionKeys } from '../../graph/condition.ts';
import { parseKey } from '../../graph/key.ts';
import type { Plan, PlanNode } from '../../wire/plan.ts';

export interface Reach {
  /** The nodes that read an input of the flow, by its name; under the empty name those that read it as a whole. */
  readonly readers: ReadonlyMap<string, readonly number[]>;
  /** The nodes whose outcome each node reads. */
  readonly sources: readonly (readonly number[])[];
  /** Whether a node reads the input of a flow inside this one: which of its names changed is seen only at the node. */
  readonly readsInnerInput: readonly boolean[];
}

const known = new WeakMap<Plan, Reach>();

export function reachOf(plan: Plan): Reach {
  const found = known.get(plan) ?? findReach(plan);
  known.set(plan, found);
  return found;
}

function findReach(plan: Plan): Reach {
  const readers = new Map<string, number[]>();
  const readsInnerInput: boolean[] = [];
  const sources = plan.nodes.map((node) => {
    const scope = node.kind === 'close' ? node.scope : (node.gate ?? plan.root);
    const found = new Set<number>([scope.open]);
    if (node.kind !== 'close') {
      for (const { link, source } of node.links) if (!link.stream) found.add(source);
    }
    let readsInput = false;
    for (const text of readsOf(node)) {
      const key = parseKey(text);
      if (key.of === 'input') {
        readsInput = true;
        if (scope === plan.root) addTo(readers, String(key.path[0] ?? ''), node.index);
      } else if (key.of !== 'chunks') found.add(scope.nodes.get(key.step)?.outcome ?? scope.open);
    }
    readsInnerInput.push(readsInput && scope !== plan.root);
    return node.index === 0 ? [] : [...found];
  });
  return { readers, sources, readsInnerInput };
}

function addTo(lists: Map<string, number[]>, name: string, index: number): void {
  const list = lists.get(name);
  if (!list) lists.set(name, [index]);
  else if (!list.includes(index)) list.push(index);
}

const readsOf = (node: PlanNode): readonly string[] => [
  ...node.params.flatMap(({ binding }) => keysOf(binding)),
  ...(node.when ? conditionKeys(node.when.condition) : []),
  ...node.links.flatMap(({ link }) => (link.when ? conditionKeys(link.when) : [])),
];
