/** The table of a graph: nine ways to run it, and how they compare. */
import { map, of } from 'rxjs';
import { expected, type Graph } from './graph.ts';
import { type Measured, measure, printTable, type Row, show, type Way } from './harness.ts';
import { flowOf, lastOf, throughComplete, throughEvents, throughOperator } from './millrace.ts';
import { engineOnEffect, naive } from './naive.ts';
import { addOne } from './work.ts';

export type Name =
  | 'await'
  | 'rxjs'
  | 'naive'
  | 'operator'
  | 'events'
  | 'complete'
  | 'effect'
  | 'effectIsolated'
  | 'effectGraph';

const names: readonly Name[] = [
  'await',
  'rxjs',
  'naive',
  'operator',
  'events',
  'complete',
  'effect',
  'effectIsolated',
  'effectGraph',
];

/** What is written by hand for each graph. */
export interface ByHand {
  readonly await: (x: number) => Promise<number>;
  readonly rxjs: (x: number) => unknown;
  /** Undefined where Effect is not installed. */
  readonly effect: ((x: number) => unknown) | undefined;
  /** The same, where handlers cannot change what others read. */
  readonly effectIsolated: ((x: number) => unknown) | undefined;
}

export type Effect = typeof import('effect');

/** It is an optional dependency: without it its column stays empty. */
export const effect: Effect | undefined = await import('effect').catch(() => undefined);

export function graphRow(name: string, graph: Graph, isAsync: boolean, byHand: ByHand): Row<Name> {
  const x = 1;
  const flow = flowOf(graph, isAsync);
  const engine = naive(graph, isAsync);
  const onEffect = effect && engineOnEffect(effect, graph, isAsync);
  const ways: Record<Name, Way | undefined> = {
    await: () => byHand.await(x),
    rxjs: () => byHand.rxjs(x),
    naive: () => lastOf(engine(x)),
    operator: throughOperator(flow, x),
    events: throughEvents(flow, x),
    complete: throughComplete(flow, x),
    effect: byHand.effect && (() => byHand.effect?.(x)),
    effectIsolated: byHand.effectIsolated && (() => byHand.effectIsolated?.(x)),
    effectGraph: onEffect && (() => onEffect(x)),
  };
  const { value, calls } = expected(graph, x);
  return { name: `${name}, ${isAsync ? 'async' : 'sync'}`, units: calls, value, calls, ways };
}

/**
 * How much slower this machine is than the one that the aims in µs are for: there, a hand-written chain of 100 `map` operators took
 * 0.42 µs per step.
 */
export async function slowness(): Promise<number> {
  const value = 101;
  const chain = () => {
    let values$ = of(1);
    for (let i = 0; i < 100; i++) values$ = values$.pipe(map(addOne));
    return lastOf(values$);
  };
  const { time } = await measure({ name: '', units: 100, value, calls: 100, ways: { chain } });
  return (time.chain as number) / 0.42;
}

function missedBy(
  measured: Measured<Name>,
  most: number | undefined,
  isAsync: boolean,
  slow: number,
): string[] {
  const missed: string[] = [];
  const check = (ratio: number | undefined, aim: number, what: string) => {
    if (ratio !== undefined && ratio > aim * 1.05)
      missed.push(`${what} ${ratio.toFixed(2)} > ${aim}`);
  };
  if (most !== undefined) check(measured.ratio('operator', 'rxjs'), most, 'operator ÷ RxJS');
  check(measured.ratio('operator', 'effect'), 1, 'operator ÷ Effect');
  const limit = isAsync ? 1.6 : 0.8;
  check((measured.time.events ?? 0) / slow, limit, 'events µs/step, on the machine of the aims');
  return missed;
}

/** Measures rows, prints them, and tells which aims they miss. `most` is the aim of operator ÷ RxJS, where there is one. */
export async function compare(
  title: string,
  unit: string,
  most: number | undefined,
  rows: Iterable<Row<Name>>,
): Promise<void> {
  const slow = await slowness();
  const lines: string[][] = [];
  const missed: string[] = [];
  for (const row of rows) {
    const measured = await measure(row);
    const { time, wrong, ratio } = measured;
    lines.push([
      row.name,
      ...names.map((name) => wrong[name] ?? show(time[name])),
      show(ratio('operator', 'rxjs')),
      show(ratio('events', 'rxjs')),
      show(ratio('operator', 'effect')),
      show(ratio('operator', 'effectIsolated')),
      show(ratio('operator', 'effectGraph')),
    ]);
    missed.push(
      ...missedBy(measured, most, row.name.endsWith('async'), slow).map(
        (each) => `${row.name}: ${each}`,
      ),
    );
  }
  console.log(`## ${title}\n`);
  console.log(
    `µs per ${unit}; this machine is ${slow.toFixed(2)} times as slow as that of the aims.\n`,
  );
  printTable(
    [
      '',
      'await',
      'RxJS',
      'naive',
      'operator',
      'events',
      'complete',
      'Effect',
      'Effect isolated',
      'Effect graph',
      'operator ÷ RxJS',
      'events ÷ RxJS',
      'operator ÷ Effect',
      'operator ÷ Effect isolated',
      'operator ÷ Effect graph',
    ],
    lines,
  );
  for (const each of missed) console.log(`missed: ${each}`);
  if (missed.length > 0) console.log('');
}
