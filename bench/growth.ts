/** Whether a step costs more in a large flow than in a small one: chains and fans of 100 and 100 000, and flows nested 500 deep. */
import { Flow } from '../dist/index.js';
import { byHand as chainByHand } from './chain.ts';
import { byHand as fanByHand } from './fan.ts';
import { chain, expected, fan, type Graph } from './graph.ts';
import { isQuick, measure, printTable, show } from './harness.ts';
import { flowOf, type GraphFlow, throughEvents, throughOperator } from './millrace.ts';
import type { ByHand } from './versus.ts';
import { addOne } from './work.ts';

const small = 100;
const large = isQuick ? 10_000 : 100_000;
const aim = 2;

type Time = Partial<Record<'await' | 'operator' | 'events' | 'effect', number>>;

/** µs per step. */
async function times(graph: Graph, isAsync: boolean, byHand: ByHand): Promise<Time> {
  const { value, calls } = expected(graph, 1);
  const flow = flowOf(graph, isAsync);
  const ways = {
    await: () => byHand.await(1),
    operator: throughOperator(flow, 1),
    events: throughEvents(flow, 1),
    effect: byHand.effect && (() => byHand.effect?.(1)),
  };
  const { time, wrong } = await measure({ name: '', units: calls, value, calls, ways });
  for (const [name, fact] of Object.entries(wrong)) console.log(`${name}: ${fact}`);
  return time;
}

const graphs = [
  ['chain', chain, chainByHand],
  ['fan', fan, fanByHand],
] as const;

const rows: string[][] = [];
for (const [name, graph, byHand] of graphs) {
  for (const isAsync of [false, true]) {
    const few = await times(graph(small), isAsync, byHand(small, isAsync));
    const many = await times(graph(large), isAsync, byHand(large, isAsync));
    const cells = (['operator', 'events', 'await', 'effect'] as const).map((way) => {
      const [before, after] = [few[way], many[way]];
      const ratio = before && after ? after / before : undefined;
      if (way === 'operator' && (ratio ?? 0) > aim) process.exitCode = 1;
      return `${show(before)} → ${show(after)} = ${show(ratio)}`;
    });
    rows.push([`${name}, ${isAsync ? 'async' : 'sync'}`, ...cells]);
  }
}
console.log(
  `## Growth\n\nµs per step at ${small} → at ${large} steps; the aim is at most ${aim}.\n`,
);
printTable(['', 'operator', 'events', 'await', 'Effect'], rows);

/** A step, within a flow, within a flow, … */
function nested(depth: number): GraphFlow {
  let inner: GraphFlow | undefined;
  for (let i = 0; i < depth; i++) {
    const flow = new Flow<{ x: number }>(`level${depth - i}`);
    const first = flow.step('add', ({ x }: { x: number }) => addOne(x), { x: flow.input.x });
    if (!inner) inner = flow.output({ y: first.out });
    else inner = flow.output({ y: flow.step('inner', inner, { x: first.out }).out.y });
  }
  return inner as GraphFlow;
}

const depths = isQuick ? [5, 50, 500] : [5, 50, 500, 2000];
const deep: string[][] = [];
for (const depth of depths) {
  const started = performance.now();
  const flow = nested(depth);
  const compiled = (performance.now() - started) / depth;
  const ways = { operator: throughOperator(flow, 0), events: throughEvents(flow, 0) };
  const { time, wrong } = await measure({
    name: '',
    units: depth,
    value: depth,
    calls: depth,
    ways,
  });
  deep.push([
    `${depth} deep`,
    show(compiled * 1000),
    wrong.operator ?? show(time.operator),
    wrong.events ?? show(time.events),
  ]);
}
console.log(
  'Flows within flows, µs per level, each of which has one step and the flow below it:\n',
);
printTable(['', 'compile', 'operator', 'events'], deep);
