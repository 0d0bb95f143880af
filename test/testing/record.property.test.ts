/** Laws of traces: virtual time changes nothing that a flow does, and a run that was recorded is the same again. */
import fc from 'fast-check';
import { FlowError, type FlowEvent, schedulerClock } from 'millrace';
import {
  type Cassette,
  type FlowTrace,
  marbles,
  record,
  replay,
  traceFlow,
  virtual,
} from 'millrace/testing';
import { expect, test, vi } from 'vitest';
import { build, type World } from '../laws/build.ts';
import { differences } from '../laws/compare.ts';
import { cases } from '../laws/graphs.ts';
import { type Case, type Graph, showGraph } from '../laws/model.ts';
import { expected } from '../laws/oracle.ts';
import { patience, runs } from '../laws/runs.ts';

vi.setConfig({ testTimeout: patience });

const kinds = {
  failures: true,
  conditions: true,
  streams: true,
  settings: true,
  each: true,
  thenables: false,
} as const;

test('a flow does in virtual time what a sequential reading of the semantics says, to the instant', async () => {
  const law = fc.asyncProperty(cases({ ...kinds, timeouts: false }), async (given) => {
    const flow = build(given.graph, () => world);
    const world: World = { clock: schedulerClock, calls: new Map() };
    const { events, error, notes } = await traceFlow(flow, given.input, { id: 'run' });
    const end = error ? ('error' as const) : ('output' as const);
    const told = { events: events as FlowEvent[], pending: 0, end, error };
    expect(differences(given, told, expected(given.graph, given.input))).toEqual([]);
    expect(notes).toEqual([]);
  });
  await fc.assert(law, runs<[Case]>(300));
});

/** Limits of models are between two milliseconds, and timers of hosts are not: everything takes twice as long. */
const clock = {
  now: () => schedulerClock.now(),
  after: (ms: number, callback: () => void) => schedulerClock.after(2 * ms, callback),
};
const twice = (graph: Graph): Graph =>
  JSON.parse(JSON.stringify(graph), (key, value) => {
    if (key === 'timeout' && value) return { ...value, ms: 2 * value.ms };
    return key === 'retry' && value ? { ...value, delay: 2 * value.delay } : value;
  }) as Graph;

const drawn = (trace: FlowTrace): string =>
  marbles(trace, {
    rows: [...trace.rows.keys()].filter((row) => !row.endsWith('.late') && !trace.quiet.has(row)),
  });

test('a recorded run replays with the same diagram, whatever its steps do', async () => {
  const law = fc.asyncProperty(cases(kinds), async (given) => {
    let world: World;
    const flow = build(twice(given.graph), () => world);
    const fresh = <T>(begin: () => T): T => {
      world = { clock, calls: new Map() };
      return begin();
    };
    let cassette: Cassette;
    try {
      cassette = await fresh(() => virtual(() => record(flow.run(given.input))));
    } catch (error) {
      if (FlowError.is(error, 'not-serialisable')) return;
      throw error;
    }
    const stored = JSON.parse(JSON.stringify(cassette)) as Cassette;
    const first = drawn(await fresh(() => traceFlow(flow, given.input)));
    const again = await fresh(() => traceFlow(flow, stored.input, { steps: replay(stored) }));
    expect(drawn(again), showGraph(given.graph)).toBe(first);
  });
  await fc.assert(law, runs<[Case]>(300));
});
