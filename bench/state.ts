/**
 * What state costs: chains of 10 to 10 000 steps with 100 KB of data in the state. Kept in memory by a saver, read by a subscriber, or
 * not read at all. Per step: µs, bytes of the patches as JSON, bytes of memory that the stored run holds on to. And flows that are tried
 * again, of which the state forgets what they had done: the work for one of them must not grow with all others.
 */
import { from, lastValueFrom, toArray } from 'rxjs';
import { each, Flow, MemorySaver, type Ref, type RunOptions } from '../dist/index.js';
import { collect, isQuick, measure, printTable, show } from './harness.ts';
import { lastOf } from './millrace.ts';
import { slowness } from './versus.ts';
import { addOne } from './work.ts';

const sizes = isQuick ? [10, 100, 1000] : [10, 100, 1000, 10_000];
const [small, large] = [100, sizes.at(-1) as number];
const limit = 15;
const aim = 1.5;

/** 100 KB of JSON: a thousand records. */
const payload = Array.from({ length: 1000 }, (_, id) => ({
  id,
  text: 'x'.repeat(78),
  isOpen: true,
}));

interface Given {
  readonly x: number;
  readonly payload: typeof payload;
}

/** A chain whose steps read the number before them, and the payload too where it is handed to every step. */
export function chainOf(length: number, isHanded: boolean) {
  const flow = new Flow<Given>('state');
  let x: Ref<number> = flow.input.x;
  for (let i = 0; i < length; i++) {
    const params = isHanded ? { x, payload: flow.input.payload } : { x };
    x = flow.step(`s${i}`, ({ x }: { x: number }) => addOne(x), params).out;
  }
  return flow.output({ y: x, size: flow.input.payload.length });
}

type StateFlow = ReturnType<typeof chainOf>;

export const input = { x: 0, payload };

/** One run, as events, up to its output. */
function finished(flow: StateFlow, options?: RunOptions): unknown {
  const last = lastOf(flow.run(input, options));
  const outputOf = (event: unknown) => (event as { output: { y: number } }).output.y;
  return last instanceof Promise ? last.then(outputOf) : outputOf(last);
}

function hot(flow: StateFlow, isRead: boolean): unknown {
  const run = flow.start(input);
  if (isRead) run.state$.subscribe();
  return run.result.then(({ y }) => y);
}

async function times(length: number, isHanded: boolean) {
  const flow = chainOf(length, isHanded);
  const operator = flow.operator();
  return measure({
    name: '',
    units: length,
    value: length,
    calls: length,
    ways: {
      operator: () => (lastOf(from([input]).pipe(operator)) as { y: number }).y,
      start: () => hot(flow, false),
      state: () => hot(flow, true),
      saver: () => finished(flow, { saver: new MemorySaver() }),
      sync: () => finished(flow, { saver: new MemorySaver(), durability: 'sync' }),
    },
  });
}

/** Bytes per step: patches as JSON, and memory held. */
async function sizesOf(length: number, isHanded: boolean): Promise<readonly [number, number]> {
  const flow = chainOf(length, isHanded);
  await finished(flow, { saver: new MemorySaver() });
  collect();
  const before = process.memoryUsage().heapUsed;
  const saver = new MemorySaver();
  await finished(flow, { saver, id: 'run' });
  collect();
  const held = process.memoryUsage().heapUsed - before;
  const commits = await lastValueFrom(from(saver.history('run')).pipe(toArray()));
  let json = 0;
  for (const { patches } of commits) json += JSON.stringify(patches).length;
  return [json / length, held / length];
}

/** A list of flows, each of which fails once. */
function triedAgain(count: number) {
  const inner = new Flow('inner');
  const a = inner.step('a', () => 1, {});
  let calls = 0;
  const fails = ({ a }: { a: number }) => {
    if (calls++ % 2 === 0) throw new Error('down');
    return a;
  };
  const b = inner.step('b', fails, { a: a.out });
  const item = new Flow('item');
  const tried = item.step('s', inner.output({ b: b.out }), {}, { retry: { count: 1 } });
  const flow = new Flow('tried-again');
  const items = Array.from({ length: count }, () => ({}));
  const all = flow.step('all', each(item.output({ b: tried.out.b })), { items });
  return flow.output({ count: all.out.length });
}

async function again(): Promise<void> {
  const counts = isQuick ? [10, 100] : [100, 1000, 3000];
  const rows: string[][] = [];
  for (const count of counts) {
    const flow = triedAgain(count);
    const lasted = (options?: RunOptions) => async () => {
      const run = flow.start({}, options);
      if (!options) run.state$.subscribe();
      return (await run.result).count;
    };
    const { time } = await measure({
      name: '',
      units: count,
      value: count,
      ways: { state: lasted(), saver: () => lasted({ saver: new MemorySaver() })() },
    });
    rows.push([String(count), show(time.state as number), show(time.saver as number)]);
  }
  console.log('## Flows that are tried again, µs per flow\n');
  printTable(['flows', 'state$ read', 'MemorySaver'], rows);
}

async function main(): Promise<void> {
  const slow = await slowness();
  for (const isHanded of [false, true]) {
    const rows: string[][] = [];
    const saver = new Map<number, number>();
    const bytes = new Map<number, number>();
    for (const size of sizes) {
      const { time } = await times(size, isHanded);
      const [json, held] = await sizesOf(size, isHanded);
      saver.set(size, time.saver as number);
      bytes.set(size, json);
      rows.push([
        String(size),
        ...(['operator', 'start', 'state', 'saver', 'sync'] as const).map((way) => show(time[way])),
        json.toFixed(0),
        held.toFixed(0),
      ]);
    }
    const grown = (of: Map<number, number>) =>
      (of.get(large) as number) / (of.get(small) as number);
    console.log(
      `## State, 100 KB ${isHanded ? 'that every step is handed' : 'in the input'}\n\nµs per step; this machine is ${slow.toFixed(2)} times as slow as that of the aims.\n`,
    );
    printTable(
      [
        'steps',
        'operator',
        'start()',
        'state$ read',
        'MemorySaver',
        'its sync mode',
        'JSON bytes',
        'bytes held',
      ],
      rows,
    );
    const most = saver.get(large) as number;
    console.log(
      `${large} ÷ ${small} steps: time ${show(grown(saver))}, bytes ${show(grown(bytes))} (aim ${aim}); with the saver ${show(most / slow)} µs per step on the machine of the aims (aim ${limit}).\n`,
    );
  }
  await again();
}

if (import.meta.main) await main();
