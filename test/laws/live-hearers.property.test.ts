import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptySnapshot, reduce, type Snapshot } from '../../src/index.ts';
import { build, type Flow, type World } from './build.ts';
import { TestClock } from './clock.ts';
import { everything } from './graphs.ts';
import { type LiveCase, type LiveKinds, liveCases } from './live-cases.ts';
import { liveOf } from './live-told.ts';
import { canonical } from './model.ts';
import { patience, runs } from './runs.ts';

const kinds: LiveKinds = {
  ...everything,
  steps: 8,
  policies: [undefined, 'switch', 'concat', 'merge', 'exhaust', 'conflate'],
};
const quick: LiveKinds = { ...kinds, streams: false, quick: true, policies: [undefined] };

/** Somebody begins to hear, stops, or only looks. */
type Act = 'hear' | 'leave' | 'look';
const acts = fc.array(
  fc.record({ at: fc.nat({ max: 30 }), act: fc.constantFrom<Act>('hear', 'leave', 'look') }),
  { maxLength: 6 },
);

interface Seen {
  readonly state: Omit<Snapshot, 'steps'>;
  readonly steps: ReadonlyMap<string, { readonly status: string; readonly told: string }>;
}

/** What of a state does not tell when it came to be. */
function seenOf(snapshot: Snapshot, flow: Flow): Seen {
  const { status, input, output, error, version, steps } = snapshot;
  const paths = flow.plan().byPath;
  const ends = Object.entries(steps).filter(([path]) => paths.has(path));
  const parts = { status, input, output, version, error: error?.code };
  return {
    state: JSON.parse(canonical(parts)),
    steps: new Map(
      ends.map(([path, { status, input, output, error, reason }]) => {
        const isTried = status === 'retrying';
        const told = { output, reason, ...(!isTried && { error: error?.code }) };
        const named = status === 'skipped' ? told : { ...told, input };
        return [path, { status: isTried ? 'running' : status, told: canonical(named) }];
      }),
    ),
  };
}

/** In a state that is made late a flow is at work where others have heard that a newer version of it was given up. */
function expectAlike(late: Seen, wish: Seen): void {
  const steps = new Map(
    [...late.steps].map(([path, step]) => {
      const told = wish.steps.get(path);
      return [path, told?.status === 'skipped' && step.status === 'running' ? told : step];
    }),
  );
  expect({ ...late, steps }).toEqual(wish);
}

function told(flow: Flow, given: LiveCase, use: (world: World) => void, times: readonly number[]) {
  const clock = new TestClock();
  use({ clock, apart: true });
  const { live, feed } = liveOf(flow, given, clock);
  let snapshot = emptySnapshot('run', { id: 'flow', hash: '' });
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  live.events$.subscribe({
    next: (event) => {
      snapshot = reduce(snapshot, event);
    },
    error: over,
    complete: over,
  });
  feed();
  const states = new Map<number, Seen>();
  for (const at of times) {
    clock.runTo(at);
    if (!isOver) states.set(at, seenOf(snapshot, flow));
  }
  // What it holds, such as places under a limit, is let go.
  live.stop();
  return states;
}

test.each([
  ['that take their time', kinds],
  ['that answer at once, or not', quick],
])(
  '6.1: whoever comes, goes, and looks sees what those see who hear all the time: steps %s',
  (_, kinds) => {
    fc.assert(
      fc.property(liveCases(kinds), acts, (given, acts) => {
        let world: World | undefined;
        const flow = build(given.graph, () => world as World);
        const use = (made: World) => {
          world = made;
        };
        const ordered = [...acts].sort((a, b) => a.at - b.at);
        const wishes = told(flow, given, use, [...new Set(ordered.map(({ at }) => at))]);
        const clock = new TestClock();
        use({ clock, apart: true });
        const { live, feed } = liveOf(flow, given, clock);
        live.output$.subscribe({ error: () => {} });
        feed();
        let hearer: { unsubscribe(): void } | undefined;
        let heard: Snapshot | undefined;
        for (const { at, act } of ordered) {
          clock.runTo(at);
          const wish = wishes.get(at);
          if (!wish) return;
          if (act !== 'look') hearer?.unsubscribe();
          if (act === 'leave') hearer = undefined;
          if (act === 'hear')
            hearer = live.state$.subscribe({
              next: (snapshot) => {
                heard = snapshot;
              },
              error: () => {},
            });
          expectAlike(seenOf(live.getSnapshot(), flow), wish);
          if (hearer) expect(heard).toBe(live.getSnapshot());
        }
      }),
      runs(700),
    );
  },
  patience,
);
