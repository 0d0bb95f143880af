import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  emptySnapshot,
  type FlowEvent,
  type Policy,
  reduce,
  type Snapshot,
  type StepContext,
} from '../../src/index.ts';
import { shortWay } from '../../src/run/live/sweep.ts';
import { build, type Flow, type World } from './build.ts';
import { TestClock } from './clock.ts';
import { tell } from './compare.ts';
import { cases, everything } from './graphs.ts';
import { type LiveCase, type LiveKinds, liveCases } from './live-cases.ts';
import { livePinned } from './live-pinned.ts';
import { breaches, liveOf, tellLive } from './live-told.ts';
import { canonical } from './model.ts';
import { patience, runs } from './runs.ts';
import { torn } from './torn.ts';

const kinds: LiveKinds = {
  ...everything,
  policies: [undefined, undefined, 'switch', 'concat', 'merge', 'exhaust', 'conflate'],
};

/** Code steps and inlined flows only, that have much to do with one another. */
const dense: LiveKinds = {
  failures: true,
  conditions: true,
  changes: 12,
  steps: 10,
  depth: 1,
  policies: ['switch', 'concat', 'merge', 'exhaust', 'conflate'],
};

/** The same with chunks, that go in and out of flows in flows. */
const streaming: LiveKinds = { ...dense, streams: true, depth: 2 };

function built(given: LiveCase): { readonly flow: Flow; readonly use: (world: World) => void } {
  let world: World | undefined;
  const flow = build(given.graph, () => world as World);
  return {
    flow,
    use: (made) => {
      world = made;
    },
  };
}

function holds(given: LiveCase): void {
  const { flow, use } = built(given);
  const wrong = breaches(flow, given, tellLive(flow, given, use));
  if (wrong.length > 0) throw new Error(`\n  ${wrong.join('\n  ')}`);
}

test.each(Object.entries(livePinned))('6.4: %s', (_, given) => holds(given));

test(
  '6.1-6.6: no step sees two versions at once, none works twice on one, and the end is that of a fresh run',
  () => {
    fc.assert(fc.property(liveCases(kinds), holds), runs(4000));
  },
  patience,
);

test(
  '6.5: nor where steps are always busy',
  () => {
    fc.assert(fc.property(liveCases(dense), holds), runs(2500));
  },
  patience,
);

test(
  '2.12: nor where they read the chunks of each other',
  () => {
    fc.assert(fc.property(liveCases(streaming), holds), runs(1500));
  },
  patience,
);

test('the same graphs, wired with combineLatest, see two versions at once thousands of times', () => {
  let calls = 0;
  let glitches = 0;
  fc.assert(
    fc.property(liveCases(dense), (given) => {
      const seen = torn(given);
      calls += seen.calls;
      glitches += seen.glitches;
    }),
    { ...runs(3000), numRuns: 3000 },
  );
  expect(calls).toBeGreaterThan(10_000);
  expect(glitches).toBeGreaterThan(2000);
});

test(
  '6.5: where all steps queue, no work is given up',
  () => {
    fc.assert(
      fc.property(liveCases({ ...dense, queues: true, policies: ['concat'] }), (given) => {
        const { flow, use } = built(given);
        const { events } = tellLive(flow, given, use);
        const isGivenUp = (event: FlowEvent) =>
          event.type === 'STEP_SKIP' && event.reason === 'superseded' && !isFlow(flow, event.path);
        expect(events.filter(isGivenUp)).toEqual([]);
      }),
      runs(500),
    );
  },
  patience,
);

const isFlow = (flow: Flow, path: string): boolean =>
  flow.plan().byPath.get(path)?.kind === 'close';

test(
  '6.7: a run is a live flow with one version',
  () => {
    fc.assert(
      fc.property(cases(everything), (given) => {
        const { graph, input } = given;
        let world: World | undefined;
        const flow = build(graph, () => world as World);
        const use = (made: World) => {
          world = made;
        };
        const run = tell(flow, given, use);
        const once = { graph, first: input, changes: [], way: 'whole' } as const;
        const live = tellLive(flow, once, (made) => use({ ...made, calls: new Map() }));
        expect(byPath(live.events)).toEqual(byPath(run.events));
      }),
      runs(1000),
    );
  },
  patience,
);

/** What is told of each path, in its order. Which path comes first within an instant is nobody's business. */
function byPath(events: readonly FlowEvent[]): unknown {
  const paths: Record<string, unknown[]> = {};
  for (const { version, seq, ...event } of events) {
    // In a run it is its end that says so.
    if (event.type === 'STEP_SKIP' && event.reason === 'superseded') continue;
    const plain: unknown = JSON.parse(canonical(event), (name, value: unknown) =>
      name === 'stack' ? 'stack' : value,
    );
    paths[event.path] = [...(paths[event.path] ?? []), plain];
  }
  return paths;
}

test(
  '6.1: the outputs are the same when nobody hears the events',
  () => {
    fc.assert(
      fc.property(liveCases(kinds), (given) => {
        const { flow, use } = built(given);
        const [heard, unheard] = [true, false].map((isHeard) =>
          tellLive(flow, given, use, isHeard),
        );
        expect(unheard?.outputs.map(canonical)).toEqual(heard?.outputs.map(canonical));
      }),
      runs(500),
    );
  },
  patience,
);

// Of two steps that end at the same instant either may be first: what has to begin at that instant, for a version that is stale, may differ.
test(
  'S1: nothing shows whether versions went the short way',
  () => {
    const quick: LiveKinds = {
      ...kinds,
      streams: false,
      quick: true,
      policies: [undefined, 'concat'],
    };
    fc.assert(
      fc.property(liveCases(quick), (given) => {
        const [short, long] = [true, false].map((isOn) => {
          const { flow, use } = built(given);
          const calls: string[] = [];
          const called = ({ path }: StepContext) => void calls.push(path);
          shortWay.isOn = isOn;
          try {
            const { outputs, end, last } = tellLive(
              flow,
              given,
              (world) => use({ ...world, called, apart: true }),
              false,
            );
            const state = stateOf(last as Snapshot, flow.plan().byPath);
            return { outputs: outputs.map(canonical), end, state, calls: calls.sort() };
          } finally {
            shortWay.isOn = true;
          }
        });
        expect(short).toEqual(long);
      }),
      runs(2000),
    );
  },
  patience,
);

test(
  '6.1: whoever asks for the state late sees what others see',
  () => {
    const policies: Policy[] = ['switch', 'concat', 'merge', 'conflate'];
    fc.assert(
      fc.property(
        liveCases({ ...kinds, steps: 8, policies }),
        fc.nat({ max: 40 }),
        (given, late) => {
          const { flow, use } = built(given);
          const clock = new TestClock();
          use({ clock });
          const { live, feed } = liveOf(flow, given, clock);
          let isOver = false;
          let seen: Snapshot | undefined;
          const ends = () => {
            isOver = true;
          };
          live.output$.subscribe({ complete: ends, error: ends });
          clock.deaf(late, () => {
            if (isOver) return;
            live.state$.subscribe((snapshot) => {
              seen = snapshot;
            });
          });
          feed();
          clock.runTo();
          if (!seen) return;
          const { events } = tellLive(flow, given, use);
          const wish = events.reduce(reduce, emptySnapshot('run', { id: 'flow', hash: '' }));
          // What is below a step is told as it happens only.
          const paths = flow.plan().byPath;
          expect(stateOf(seen, paths)).toEqual(stateOf(wish, paths));
        },
      ),
      runs(500),
    );
  },
  patience,
);

/** What of a state does not tell when it came to be. */
function stateOf(
  { status, input, output, error, version, steps }: Snapshot,
  paths: ReadonlyMap<string, unknown>,
): unknown {
  const ends = Object.entries(steps)
    .filter(([path]) => paths.has(path))
    .map(([path, { status, output, error, reason }]) => [
      path,
      status,
      output,
      error?.code,
      reason,
    ]);
  return JSON.parse(
    canonical({
      status,
      input,
      error: error?.code,
      version,
      ends: ends.sort(),
      ...(!error && { output }),
    }),
  );
}

test(
  '3.5: whenever a live flow is stopped, its timers are cleared and nothing more is told',
  () => {
    fc.assert(
      fc.property(liveCases({ ...kinds, thenables: false }), fc.nat({ max: 30 }), (given, at) => {
        const { flow, use } = built(given);
        const clock = new TestClock();
        const told: FlowEvent[] = [];
        use({ clock });
        const { live, feed } = liveOf(flow, given, clock);
        const heard = live.events$.subscribe({
          next: (event) => told.push(event),
          error: () => {},
        });
        feed();
        clock.runTo(at);
        live.stop();
        expect(heard.closed).toBe(true);
        expect(clock.pending).toBe(0);
        const { length } = told;
        const { steps } = told.reduce(reduce, emptySnapshot('run', { id: 'flow', hash: '' }));
        expect(Object.values(steps).filter(({ status }) => status === 'running')).toEqual([]);
        clock.runTo();
        expect(told.length).toBe(length);
      }),
      runs(500),
    );
  },
  patience,
);
