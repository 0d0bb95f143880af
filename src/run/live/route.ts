/** Which nodes a change of some inputs leads to. */
import type { Plan, PlanNode } from '../../wire/plan.ts';
import type { Reach } from './reach.ts';

export interface Route {
  /** The nodes that read one of the inputs. */
  readonly seeds: readonly number[];
  /** All nodes that these lead to, themselves included, each after its sources. */
  readonly nodes: readonly number[];
}

// More would be a lot to keep for flows with thousands of inputs.
const mostKept = 1000;

export class Routes {
  private readonly plan: Plan;
  private readonly reach: Reach;
  private readonly kept = new Map<string, Route>();

  constructor(plan: Plan, reach: Reach) {
    this.plan = plan;
    this.reach = reach;
  }

  /** The way to every node. */
  get all(): Route {
    const nodes = this.plan.nodes.slice(1).map(({ index }) => index);
    return { seeds: nodes, nodes };
  }

  /** The way of a change of these inputs; without names, of any that is read. */
  of(names: readonly string[] | undefined): Route {
    const key = names?.length === 1 ? (names[0] as string) : (JSON.stringify(names) ?? '');
    const known = this.kept.get(key);
    if (known) return known;
    if (this.kept.size >= mostKept) this.kept.clear();
    const found = this.find(names);
    this.kept.set(key, found);
    return found;
  }

  private find(names: readonly string[] | undefined): Route {
    const { readers } = this.reach;
    const seeds = new Set<number>();
    for (const name of names ?? readers.keys())
      for (const reader of readers.get(name) ?? []) seeds.add(reader);
    if (!names || names.length > 0) for (const reader of readers.get('') ?? []) seeds.add(reader);
    // What reaches no step reaches the end: it answers as before.
    const nodes = new Set(seeds.size > 0 ? seeds : [this.plan.root.close]);
    for (const node of nodes) {
      const { targets, startTargets } = this.plan.nodes[node] as PlanNode;
      for (const target of targets) nodes.add(target);
      for (const target of startTargets) nodes.add(target);
    }
    return { seeds: [...seeds], nodes: [...nodes].sort((a, b) => a - b) };
  }
}
