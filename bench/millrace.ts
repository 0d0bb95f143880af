/** A graph as a flow, and the ways to run it. */
import { type Observable, of } from 'rxjs';
import { type CompiledFlow, Flow, gt, lte, type Ref } from '../dist/index.js';
import type { Graph } from './graph.ts';
import type { Way } from './harness.ts';
import { addOne, addOneLater, sum, sumLater } from './work.ts';

export type GraphFlow = CompiledFlow<{ x: number }, { y: number }>;

export function flowOf(graph: Graph, isAsync: boolean): GraphFlow {
  const one = isAsync ? addOneLater : addOne;
  const many = isAsync ? sumLater : sum;
  const flow = new Flow<{ x: number }>('graph');
  const refs: Ref<number>[] = [];
  graph.forEach(({ reads, above, notAbove }, i) => {
    const id = `s${i}`;
    if (reads.length > 1) {
      const items = reads.map((from) => refs[from] as Ref<number>);
      refs.push(
        flow.step(id, ({ items }: { items: readonly number[] }) => many(items), { items }).out,
      );
      return;
    }
    const x = reads.length === 0 ? flow.input.x : (refs[reads[0] as number] as Ref<number>);
    const when =
      above !== undefined ? gt(x, above) : notAbove !== undefined ? lte(x, notAbove) : undefined;
    const step = flow.step(id, ({ x }: { x: number }) => one(x), { x }, when && { when });
    refs.push(step.out as Ref<number>);
  });
  return flow.output({ y: refs.at(-1) as Ref<number> }) as GraphFlow;
}

/** The last value of an Observable: at once where it is synchronous, else in a promise. */
export function lastOf(values$: Observable<unknown>): unknown {
  let last: unknown;
  let isOver = false;
  let resolve: ((value: unknown) => void) | undefined;
  let reject: ((error: unknown) => void) | undefined;
  values$.subscribe({
    next: (value) => {
      last = value;
    },
    error: (error: unknown) => {
      if (!reject) throw error;
      reject(error);
    },
    complete: () => {
      isOver = true;
      resolve?.(last);
    },
  });
  if (isOver) return last;
  return new Promise((done, failed) => {
    resolve = done;
    reject = failed;
  });
}

/** The output alone; nobody reads events or state. */
export function throughOperator(flow: GraphFlow, x: number): Way {
  const operator = flow.operator();
  return () => {
    const given = lastOf(of({ x }).pipe(operator));
    return given instanceof Promise ? given.then(({ y }) => y) : (given as { y: number }).y;
  };
}

/** Somebody reads every event. */
export function throughEvents(flow: GraphFlow, x: number): Way {
  const outputOf = (last: unknown) => (last as { output: { y: number } }).output.y;
  return () => {
    const given = lastOf(flow.run({ x }));
    return given instanceof Promise ? given.then(outputOf) : outputOf(given);
  };
}

export const throughComplete =
  (flow: GraphFlow, x: number): Way =>
  () =>
    flow.complete({ x }).then(({ output }) => output.y);
