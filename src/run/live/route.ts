/** Which nodes a change of some inputs leads to. */
import type { Plan, PlanNode } from '../../wire/plan.ts';
import type { Reach } from './reach.ts';

export interface Route {
  /** The nodes that read one of the inputs. */
  readonly seeds: readonly number[];
  /** All nodes that these lead to, themselves included, each after its sources. */
  readonly nodes: readonly number[];
  /** What the seeds read has changed indeed. */
  readonly isExact: boolean;
}

// More would be a lot to keep for flows with thousands of inputs.
const mostKept = 1000;

/** Finds the way of a change of inputs by their names; without names, that to every node. */
export function routesOf(
  plan: Plan,
  reach: Reach,
): (names: readonly string[] | undefined) => Route {
  const kept = new Map<string, Route>();
  return (names) => {
    const key = names?.length === 1 ? (names[0] as string) : (JSON.stringify(names) ?? '');
    let route = kept.get(key);
    if (route) return route;
    if (kept.size >= mostKept) kept.clear();
    route = names ? findRoute(plan, reach, names) : everywhere(plan);
    kept.set(key, route);
    return route;
  };
}

function everywhere({ nodes }: Plan): Route {
  const all = nodes.slice(1).map(({ index }) => index);
  return { seeds: all, nodes: all, isExact: false };
}

function findRoute(plan: Plan, { readers }: Reach, names: readonly string[]): Route {
  const seeds = new Set<number>();
  // Who reads the input as a whole reads each of them.
  for (const name of names.length > 0 ? [...names, ''] : names)
    for (const reader of readers.get(name) ?? []) seeds.add(reader);
  // What reaches no step reaches the end: it answers as before.
  const nodes = new Set(seeds.size > 0 ? seeds : [plan.root.close]);
  for (const node of nodes) {
    const { targets, startTargets } = plan.nodes[node] as PlanNode;
    for (const target of [...targets, ...startTargets]) nodes.add(target);
  }
  return { seeds: [...seeds], nodes: [...nodes].sort((a, b) => a - b), isExact: true };
}
