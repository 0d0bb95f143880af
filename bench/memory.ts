/** What a run holds on to while it waits: KiB per run, over a thousand runs of a hundred steps whose handlers never answer. */
import { forkJoin, map, mergeMap, type Observable, of } from 'rxjs';
import { Flow, type Ref } from '../dist/index.js';
import { chain, type Graph, layers } from './graph.ts';
import { collect, isQuick, printTable } from './harness.ts';
import type { GraphFlow } from './millrace.ts';
import { engineOnRxjs, type Value } from './naive.ts';
import { addOne, sum } from './work.ts';

const runs = isQuick ? 200 : 1000;
const aim = 15;
/** Whoever could answer holds on to what waits. */
let open: unknown[] = [];
const never = (): Promise<number> => new Promise((resolve) => open.push(resolve));

/** A graph whose step `waits` never answers. */
function waiting(graph: Graph, waits: (i: number) => boolean): GraphFlow {
  const flow = new Flow<{ x: number }>('waiting');
  const refs: Ref<number>[] = [];
  graph.forEach(({ reads }, i) => {
    const items = reads.map((from) => refs[from] as Ref<number>);
    const [x = flow.input.x] = items;
    refs.push(
      items.length > 1
        ? flow.step(
            `s${i}`,
            ({ items }: { items: readonly number[] }) => (waits(i) ? never() : sum(items)),
            { items },
          ).out
        : flow.step(`s${i}`, ({ x }: { x: number }) => (waits(i) ? never() : addOne(x)), { x }).out,
    );
  });
  return flow.output({ y: refs.at(-1) as Ref<number> });
}

/** KiB per run; what `start` gives is held. */
async function retained(start: () => unknown): Promise<number> {
  for (let i = 0; i < 50; i++) start();
  open = [];
  const held: unknown[] = new Array(runs).fill(undefined);
  await settle();
  const before = process.memoryUsage();
  for (let i = 0; i < runs; i++) held[i] = start();
  await settle();
  const after = process.memoryUsage();
  const all = after.heapUsed + after.external - before.heapUsed - before.external;
  open = [];
  return held.length > 0 ? all / runs / 1024 : 0;
}

async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    collect();
  }
}

/** By hand: a chain as operators, layers as operators that join. */
function rxjsChain(waits: (i: number) => boolean): Observable<number> {
  let value$: Observable<number> = of(1);
  for (let i = 0; i < 100; i++)
    value$ = value$.pipe(mergeMap((x) => (waits(i) ? never() : of(addOne(x)))));
  return value$;
}

function rxjsLayers(waits: (i: number) => boolean): Observable<number> {
  const each = Array.from({ length: 10 }, (_, k) => k);
  let row$: Observable<number[]> = of([1]);
  for (let layer = 0; layer < 10; layer++) {
    row$ = row$.pipe(
      mergeMap((row) =>
        forkJoin(
          each.map((k) =>
            of(row).pipe(mergeMap((items) => (waits(layer * 10 + k) ? never() : of(sum(items))))),
          ),
        ),
      ),
    );
  }
  return row$.pipe(mergeMap((row) => (waits(100) ? never() : of(row).pipe(map(sum)))));
}

async function awaitChain(waits: (i: number) => boolean): Promise<number> {
  let value = 1;
  for (let i = 0; i < 100; i++) value = waits(i) ? await never() : addOne(value);
  return value;
}

async function awaitLayers(waits: (i: number) => boolean): Promise<number> {
  const each = Array.from({ length: 10 }, (_, k) => k);
  let row = [1];
  for (let layer = 0; layer < 10; layer++) {
    const before = row;
    row = await Promise.all(
      each.map(async (k) => (waits(layer * 10 + k) ? await never() : sum(before))),
    );
  }
  return waits(100) ? await never() : sum(row);
}

const cases = [
  ['chain 100, the first step waits', chain(100), (i: number) => i === 0],
  ['chain 100, the last step waits', chain(100), (i: number) => i === 99],
  ['layers 10×10, the first layer waits', layers(10, 10), (i: number) => i < 10],
  ['layers 10×10, the last step waits', layers(10, 10), (i: number) => i === 100],
] as const;

const rows: string[][] = [];
for (const [name, graph, waits] of cases) {
  const isChain = name.startsWith('chain');
  const flow = waiting(graph, waits);
  const operator = flow.operator();
  const call = (items: readonly Value[], i: number) =>
    waits(i) ? never() : of(items.length > 1 ? sum(items) : addOne(items[0] as number));
  const engine = engineOnRxjs(graph, call);
  const ways = {
    await: () => (isChain ? awaitChain(waits) : awaitLayers(waits)),
    rxjs: () => (isChain ? rxjsChain(waits) : rxjsLayers(waits)).subscribe(),
    naive: () => engine(1).subscribe(),
    operator: () => of({ x: 1 }).pipe(operator).subscribe(),
    events: () => flow.run({ x: 1 }).subscribe(),
    start: () => flow.start({ x: 1 }),
  };
  const cells: string[] = [];
  for (const [way, start] of Object.entries(ways)) {
    const kib = await retained(start);
    cells.push(kib.toFixed(1));
    if (way === 'operator' && kib > aim)
      console.log(`missed: ${name}: ${kib.toFixed(1)} KiB > ${aim}`);
  }
  rows.push([name, ...cells]);
}
console.log(
  `## Memory\n\nKiB that a waiting run of 100 steps retains; the aim for operator is ${aim}.\n`,
);
printTable(['', 'await', 'RxJS', 'naive', 'operator', 'events', 'start()'], rows);
