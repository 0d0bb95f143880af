/** How long it takes to write a flow down, compile it and plan it, per step. Each flow is made anew. */
import { chain, fan, type Graph, layers } from './graph.ts';
import { isQuick, median, printTable, show } from './harness.ts';
import { flowOf } from './millrace.ts';
import { worked } from './worked.ts';

/** µs per step: of writing and compiling, and of the plan, which is made when it is first needed. */
function compiled(graph: Graph): readonly [number, number] {
  const tries = Math.max(1, Math.min(isQuick ? 5 : 25, 50_000 / graph.length));
  const written: number[] = [];
  const planned: number[] = [];
  for (let i = 0; i < tries; i++) {
    const started = worked();
    const flow = flowOf(graph, false);
    const made = worked();
    flow.operator();
    const ready = worked();
    written.push(((made - started) * 1000) / graph.length);
    planned.push(((ready - made) * 1000) / graph.length);
  }
  return [median(written), median(planned)];
}

const sizes = isQuick ? [100, 1000, 10_000] : [100, 1000, 10_000, 100_000];
compiled(chain(1000));
const cells = (graph: Graph): string[] => compiled(graph).map(show);
const rows = sizes.map((size) => [
  String(size),
  ...cells(chain(size)),
  ...cells(fan(size)),
  ...(size <= 10_000 ? cells(layers(10, size / 10)) : ['–', '–']),
]);
console.log('## Compile\n\nµs per step.\n');
printTable(['steps', 'chain', 'its plan', 'fan', 'its plan', 'layers of 10', 'its plan'], rows);
