/** What runs that go on must keep: graphs whose runs end alike however often they are stopped, and what became of their steps. */
import type { Snapshot } from '../../src/index.ts';
import { canonical, type Graph, type StepModel } from './model.ts';

/** A step fails always, or as often as its own retry forgives: how often it has failed does not change what becomes of the run. */
export function steady(graph: Graph): Graph {
  const steps = graph.steps.map((step): StepModel => {
    const { work, settings } = step;
    if (work.kind === 'flow') return { ...step, work: { ...work, flow: steady(work.flow) } };
    if (work.kind === 'each') {
      const { item } = work;
      const one = item.kind === 'flow' ? { ...item, flow: steady(item.flow) } : item;
      return { ...step, work: { ...work, item: one } };
    }
    const { failures } = work;
    const isForgiven = failures <= (settings.retry?.count ?? 0) && !settings.timeout;
    return failures === 0 || isForgiven ? step : { ...step, work: { ...work, failures: 99 } };
  });
  return { ...graph, steps };
}

export const isBelow = (path: string, above: string): boolean =>
  path.startsWith(`${above}.`) || path.startsWith(`${above}[`);

/** What became of the steps, whenever that was. Which items fail, and which are cancelled before, is a matter of instants, and so is what is below what failed. */
export function fates({ steps }: Snapshot): string {
  const isOf = (path: string, status: string) => steps[path]?.status === status;
  const failed = Object.keys(steps).filter((path) => isOf(path, 'failure'));
  const items = (path: string) =>
    [...path.matchAll(/\]/g)].map(({ index }) => path.slice(0, index + 1));
  const told = Object.entries(steps).filter(
    ([path]) =>
      items(path).every((item) => isOf(item, 'success')) &&
      !failed.some((above) => isBelow(path, above)),
  );
  const fates = told.map(([path, { status, input, output, reason, error }]) => [
    path,
    { status, output, reason, code: error?.code, ...(status === 'success' && { input }) },
  ]);
  return fates.map(canonical).sort().join('\n');
}
