/** Where the chunks of a step are told. */
import type { Plan, PlanNode } from '../wire/plan.ts';
import type { Runnable } from './below.ts';

/**
 * The paths at which the chunks of the step at a path are told; `undefined` where there is no such step. A flow used as a step has the
 * chunks of the steps that its outputs read.
 */
export function chunkPaths(plan: Plan, path: string): readonly string[] | undefined {
  const node = plan.byPath.get(path);
  if (node) return pathsOf(plan, node);
  // A step of a flow that runs apart, by its own plan.
  for (let dot = path.indexOf('.'); dot > 0; dot = path.indexOf('.', dot + 1)) {
    const outer = path.slice(0, dot);
    const apart = planApart(plan.byPath.get(outer));
    if (apart) {
      return chunkPaths(apart, path.slice(dot + 1))?.map((below) => `${outer}.${below}`);
    }
  }
  return undefined;
}

function pathsOf(plan: Plan, node: PlanNode): readonly string[] {
  const { index, path, kind } = node;
  if (kind === 'close') return feeding(plan, index);
  const apart = planApart(node);
  if (!apart) return [path];
  // Its retries are told at its own path.
  return [path, ...feeding(apart, apart.root.close).map((below) => `${path}.${below}`)];
}

const feeding = (plan: Plan, stream: number): readonly string[] =>
  plan.nodes
    .filter((node) => node.kind === 'step' && node.allStreams.includes(stream))
    .flatMap((node) => pathsOf(plan, node));

/** The plan of a flow with settings of its own, which is one step in the plan around it. */
const planApart = (node: PlanNode | undefined): Plan | undefined =>
  node?.kind === 'step' ? (node.step as Runnable).plan?.call(node.step) : undefined;
