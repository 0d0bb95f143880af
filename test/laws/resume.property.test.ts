import fc from 'fast-check';
import { from, lastValueFrom, type ObservableInput, tap, toArray } from 'rxjs';
import { test, vi } from 'vitest';
import {
  type Commit,
  type FlowEvent,
  MemorySaver,
  type Run,
  type Snapshot,
} from '../../src/index.ts';
import { build, type Flow, type World } from './build.ts';
import { TestClock } from './clock.ts';
import { fates, isBelow, steady } from './going-on.ts';
import { cases } from './graphs.ts';
import { type Case, canonical } from './model.ts';
import { patience, runs } from './runs.ts';

vi.setConfig({ testTimeout: patience });

interface Ended {
  readonly end: string;
  readonly output?: unknown;
  readonly snapshot: Snapshot;
  readonly called: readonly string[];
  readonly pending: number;
  /** By event: how often each step had been called to an end. */
  readonly moments: ReadonlyMap<number, ReadonlyMap<string, number>>;
}

function ended(
  given: Case,
  before: ReadonlyMap<string, number>,
  begin: (flow: Flow, clock: TestClock, hear: (event: FlowEvent) => void) => Run<unknown>,
): Ended {
  const clock = new TestClock();
  const calls = new Map(before);
  const open = new Set<string>();
  const called: string[] = [];
  const moments = new Map<number, ReadonlyMap<string, number>>();
  const world: World = {
    clock,
    calls,
    called: ({ path }) => {
      called.push(path);
      open.add(path);
    },
  };
  const hear = ({ type, path, seq }: FlowEvent): void => {
    if (type === 'STEP_OUTPUT' || type === 'STEP_RETRY') open.delete(path);
    const toAnEnd = [...calls].map(
      ([at, count]) => [at, open.has(at) ? count - 1 : count] as const,
    );
    moments.set(seq, new Map(toAnEnd));
  };
  const flow = build(given.graph, () => world);
  const run = begin(flow, clock, hear);
  const told: { end: string; output?: unknown } = { end: 'never' };
  run.output$.subscribe({
    next: (output) => Object.assign(told, { end: 'output', output }),
    error: ({ code, message }) => Object.assign(told, { end: code, message }),
  });
  clock.runTo();
  return { ...told, snapshot: run.getSnapshot(), called, pending: clock.pending, moments };
}

const hearing = (hear: (event: FlowEvent) => void) => ({ gate: tap<FlowEvent>(hear) });

const whole = async <T>(source: ObservableInput<T>): Promise<T[]> =>
  lastValueFrom(from(source).pipe(toArray()));

async function diedAfter(commits: readonly Commit[], first: Snapshot, n: number) {
  const died = new MemorySaver();
  const { flow, input } = first;
  await whole(died.claim({ runId: 'r', flow, input, t: 0 }));
  await whole(died.save(from(commits.slice(0, n))));
  return died;
}

/** What is wrong with a run that goes on from a state of another one. */
function faults(how: string, before: Snapshot, one: Ended, other: Ended): readonly string[] {
  const wrong: string[] = [];
  if (other.end !== one.end) wrong.push(`${how}, it ends in ${other.end}, not ${one.end}`);
  if (canonical(other.output) !== canonical(one.output))
    wrong.push(`${how}, it gives ${canonical(other.output)}, not ${canonical(one.output)}`);
  if (other.pending > 0) wrong.push(`${how}, it leaves ${other.pending} timers`);
  // What had ended below a step that is tried again is run again.
  const { steps } = other.snapshot;
  const retried = Object.keys(steps).filter((path) => (steps[path]?.attempts ?? 0) > 1);
  for (const path of other.called)
    if (before.steps[path]?.status === 'success' && !retried.some((above) => isBelow(path, above)))
      wrong.push(`${how}, it calls "${path}" again`);
  const [wish, now] = [fates(one.snapshot), fates(other.snapshot)];
  if (wish !== now) wrong.push(`${how}, its state is\n${now}\nnot\n${wish}`);
  return wrong;
}

test('5.9: a run that died after any commit and goes on ends as it would have, and calls nothing again that had ended', async () => {
  await fc.assert(
    fc.asyncProperty(
      cases({
        failures: true,
        conditions: true,
        settings: true,
        each: true,
        wanted: true,
        timeouts: true,
      }),
      fc.nat({ max: 1000 }),
      async (raw, pick) => {
        const given: Case = { ...raw, graph: steady(raw.graph) };
        const outputs = given.wanted && { outputs: given.wanted };
        const saver = new MemorySaver();
        const one = ended(given, new Map(), (flow, clock, hear) =>
          flow.start(given.input, { id: 'r', clock, saver, ...outputs, ...hearing(hear) }),
        );
        const commits = await whole(saver.history('r'));
        const places = new Set([pick, 7 * pick].map((place) => 1 + (place % commits.length)));
        for (const n of places) {
          if (n >= commits.length) continue;
          const before = (commits[n - 1] as Commit).snapshot;
          const calls = one.moments.get(before.seq) as ReadonlyMap<string, number>;
          const died = await diedAfter(commits, one.snapshot, n);
          const resumed = ended(given, calls, (flow, clock) =>
            flow.resume('r', { clock, saver: died, ...outputs }),
          );
          const forked = ended(given, calls, (flow, clock) =>
            flow.fork('r', { id: `fork ${n}`, at: before.seq, clock, saver, ...outputs }),
          );
          const wrong = [
            ...faults('resumed', before, one, resumed),
            ...faults('forked', before, one, forked),
          ];
          if (fates((await whole(died.load('r')))[0] as Snapshot) !== fates(resumed.snapshot))
            wrong.push('the stored state differs');
          if (wrong.length > 0)
            throw new Error(
              `\n after commit ${n} of ${commits.length} (seq ${before.seq})\n  ${wrong.join('\n  ')}`,
            );
        }
      },
    ),
    runs(250),
  );
});
