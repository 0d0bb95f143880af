/** What a change of the input can reach, and what each node reads. Made once per plan. */
import { parseKey } from '../../graph/key.ts';
import { oncePer } from '../../plain.ts';
import type { Plan } from '../../wire/plan.ts';
import { keysRead } from '../../wire/read.ts';

export interface Reach {
  /** The nodes that read an input of the flow, by its name; under the empty name those that read it as a whole. */
  readonly readers: ReadonlyMap<string, readonly number[]>;
  readonly readsWhole: boolean;
  /** The nodes whose outcome each node reads. */
  readonly sources: readonly (readonly number[])[];
  /** What each node reads and does not wait for itself: the input of the flow that it is in, or a step further up. */
  readonly beyond: readonly (readonly number[])[];
}

export const reachOf = oncePer((plan: Plan): Reach => {
  const readers = new Map<string, number[]>();
  const beyond: number[][] = [];
  const waitedFor = plan.nodes.map(() => new Set<number>());
  for (const { index, targets } of plan.nodes)
    for (const target of targets) waitedFor[target]?.add(index);
  const sources = plan.nodes.map((node) => {
    const scope = node.kind === 'close' ? node.scope : (node.gate ?? plan.root);
    const found = new Set<number>();
    const links = node.kind === 'close' ? [] : node.links;
    for (const { link, source } of links) if (!link.stream) found.add(source);
    const further = new Set<number>();
    for (const text of keysRead(node)) {
      const key = parseKey(text);
      if (key.of === 'input') {
        if (scope === plan.root) addTo(readers, String(key.path[0] ?? ''), node.index);
        else if (!waitedFor[node.index]?.has(scope.open)) further.add(scope.open);
      } else if (key.of !== 'chunks') {
        const source = scope.nodes.get(key.step)?.outcome ?? scope.open;
        found.add(source);
        if (!waitedFor[node.index]?.has(source)) further.add(source);
      }
    }
    beyond.push([...further]);
    if (node.index === 0) return [];
    return [...found.add(scope.open)];
  });
  return { readers, readsWhole: readers.has(''), sources, beyond };
});

function addTo(lists: Map<string, number[]>, name: string, index: number): void {
  const list = lists.get(name);
  if (!list) lists.set(name, [index]);
  else if (!list.includes(index)) list.push(index);
}
