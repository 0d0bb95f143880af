import fc from 'fast-check';
import { TestScheduler } from 'rxjs/testing';
import { expect, test, vi } from 'vitest';
import { type FlowEvent, schedulerClock } from '../../src/index.ts';
import { build, type World } from './build.ts';
import { differences, type Told, tell } from './compare.ts';
import { cases } from './graphs.ts';
import { type Case, canonical } from './model.ts';
import { expected } from './oracle.ts';
import { pinned } from './pinned.ts';
import { patience, runs } from './runs.ts';

vi.setConfig({ testTimeout: patience });

const kinds = {
  failures: true,
  conditions: true,
  streams: true,
  settings: true,
  each: true,
  wanted: true,
} as const;

function holds(given: Case, told: Told): void {
  const wish = expected(given.graph, given.input, given.wanted);
  const wrong = differences(given, told, wish);
  if (wrong.length > 0) throw new Error(`\n  ${wrong.join('\n  ')}`);
}

test('2.2-2.12, 3.1-3.4: a run does what a sequential reading of the semantics says, to the instant', () => {
  fc.assert(
    fc.property(cases(kinds), (given) => {
      let world: World | undefined;
      const flow = build(given.graph, () => world as World);
      const use = (made: World) => {
        world = made;
      };
      holds(given, tell(flow, given, use));
    }),
    { ...runs<[Case]>(5000), examples: pinned.map((example): [Case] => [example]) },
  );
});

test('3.3: with its own clock a run under TestScheduler does the same', () => {
  fc.assert(
    fc.property(cases(kinds), (given) => {
      const world: World = { clock: schedulerClock, calls: new Map() };
      const flow = build(given.graph, () => world);
      const events: FlowEvent[] = [];
      const ended: { end: Told['end']; error?: Told['error'] } = { end: 'never' };
      new TestScheduler(() => undefined).run(({ flush }) => {
        flow
          .run(given.input, { id: 'run', ...(given.wanted && { outputs: given.wanted }) })
          .subscribe({
            next: (event) => events.push(event),
            complete: () => {
              ended.end = 'output';
            },
            error: (error: Told['error']) => {
              ended.end = 'error';
              ended.error = error;
            },
          });
        flush();
      });
      holds(given, { events, pending: 0, end: ended.end, error: ended.error });
    }),
    runs(400),
  );
});

test('2.1: every subscription is a run of its own, and the same again', () => {
  fc.assert(
    fc.property(cases(kinds), (given) => {
      let world: World | undefined;
      const flow = build(given.graph, () => world as World);
      const use = (made: World) => {
        world = made;
      };
      const [first, second] = [1, 2].map(() => canonical(tell(flow, given, use).events));
      expect(withoutStacks(second)).toBe(withoutStacks(first));
    }),
    runs(400),
  );
});

const withoutStacks = (text = ''): string => text.replaceAll(/"stack":"(?:[^"\\]|\\.)*"/g, '');

test('3.1: with `onError: "stop"` a run does the same up to the first failure, and ends there', () => {
  fc.assert(
    fc.property(cases({ ...kinds, settings: false, each: false, wanted: false }), (given) => {
      let world: World | undefined;
      const flow = build(given.graph, () => world as World);
      const use = (made: World) => {
        world = made;
      };
      const told = tell(flow, given, use, { onError: 'stop' });
      const { lives } = expected(given.graph, given.input);
      const failures = lives.filter(({ status }) => status === 'failure');
      if (failures.length === 0) {
        holds(given, told);
        return;
      }
      const end = Math.min(...failures.map((life) => life.end));
      const final = told.events.at(-1);
      expect([final?.type, final?.t, told.error?.code]).toEqual(['FLOW_ERROR', end, 'run-failed']);
      expect(told.pending).toBe(0);
      const ends = told.events.filter(({ type, t }) => type === 'STEP_OUTPUT' && t < end);
      const wish = lives.filter((life) => life.status === 'success' && life.end < end);
      expect(ends.map(({ path }) => path).sort()).toEqual(wish.map(({ path }) => path).sort());
    }),
    runs(600),
  );
});
