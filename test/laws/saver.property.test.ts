import fc from 'fast-check';
import { Observable, of } from 'rxjs';
import { expect, test, vi } from 'vitest';
import {
  type Commit,
  type Durability,
  type FlowError,
  type FlowEvent,
  isFinal,
  MemorySaver,
  type Run,
  type RunOptions,
  type Snapshot,
} from '../../src/index.ts';
import { randomFrom } from '../../src/testing/saver-story.ts';
import { build, type Flow, type World } from './build.ts';
import { TestClock } from './clock.ts';
import { fates, steady } from './going-on.ts';
import { cases } from './graphs.ts';
import { type Case, canonical } from './model.ts';
import { patience, runs } from './runs.ts';

vi.setConfig({ testTimeout: patience });

/** How a saver fails: before or after it has stored a commit, or by ending. */
type Failing = 'never' | 'before' | 'after' | 'ends';

interface Trouble {
  readonly failing: Failing;
  /** The commit at which it does. */
  readonly at: number;
  readonly seed: number;
}

const troubles: fc.Arbitrary<Trouble> = fc.record({
  failing: fc.constantFrom('never', 'before', 'after', 'ends'),
  at: fc.nat({ max: 25 }),
  seed: fc.nat(),
});

/** Stores in its own time, one or more commits at once, and fails when it is told to. */
class UneasySaver extends MemorySaver {
  hasFailed = false;
  private count = 0;
  private readonly clock: TestClock;
  private readonly trouble: Trouble;
  private readonly random: () => number;

  constructor(clock: TestClock, trouble: Trouble) {
    super();
    this.clock = clock;
    this.trouble = trouble;
    this.random = randomFrom(trouble.seed);
  }

  override save(commits$: Observable<Commit>): Observable<number> {
    return new Observable((out) => {
      const waiting: Commit[] = [];
      let isBusy = false;
      let isComplete = false;
      const store = (batch: readonly Commit[]): void => {
        isBusy = false;
        for (const commit of batch) {
          if (!this.fails('before')) super.save(of(commit)).subscribe();
          if (this.fails('ends')) out.complete();
          else if (this.hasFailed || this.fails('after')) out.error(new Error('disk full'));
          if (this.hasFailed) return;
          this.count += 1;
        }
        out.next((batch.at(-1) as Commit).seq);
        work();
      };
      const work = (): void => {
        if (isBusy || this.hasFailed) return;
        if (waiting.length === 0) {
          if (isComplete) out.complete();
          return;
        }
        isBusy = true;
        const batch = waiting.splice(0, 1 + Math.floor(this.random() * 3));
        const ms = Math.floor(this.random() * 12);
        if (ms < 2) store(batch);
        else this.clock.after(ms, () => store(batch));
      };
      return commits$.subscribe({
        next: (commit) => {
          waiting.push(commit);
          work();
        },
        complete: () => {
          isComplete = true;
          work();
        },
      });
    });
  }

  private fails(how: Failing): boolean {
    const { failing, at } = this.trouble;
    const isNow = failing === how && at === this.count;
    this.hasFailed ||= isNow;
    return isNow;
  }
}

interface Ended {
  readonly end: string;
  readonly output?: unknown;
  readonly events: readonly FlowEvent[];
  readonly snapshot: Snapshot;
  readonly pending: number;
  /** Events that were told before they were stored. */
  readonly early: readonly string[];
}

const stored = (saver: MemorySaver, id: string): Snapshot => {
  let snapshot: Snapshot | undefined;
  saver.load(id).subscribe((found) => {
    snapshot = found;
  });
  return snapshot as Snapshot;
};

function ended(
  { graph }: Case,
  clock: TestClock,
  { durability, saver }: { durability?: Durability; saver?: MemorySaver },
  begin: (flow: Flow, options: RunOptions) => Run<unknown>,
): Ended {
  const world: World = { clock, calls: new Map() };
  const events: FlowEvent[] = [];
  const early: string[] = [];
  const run = begin(
    build(graph, () => world),
    {
      clock,
      ...(saver && { saver }),
      ...(durability && { durability }),
    },
  );
  let changed = -1;
  run.events$.subscribe((event) => {
    const { type, path, seq } = event;
    events.push(event);
    if (type === 'STEP_LATE' || !saver || (saver as Partial<UneasySaver>).hasFailed) return;
    if (type !== 'STEP_CHUNK') changed = seq;
    if ((durability === 'sync' || isFinal(event)) && stored(saver, run.id).seq < changed)
      early.push(`${type} ${path}`);
  });
  const told: { end: string; output?: unknown } = { end: 'never' };
  run.output$.subscribe({
    next: (output) => Object.assign(told, { end: 'output', output }),
    error: ({ code }: FlowError) => Object.assign(told, { end: code }),
  });
  clock.runTo();
  return { ...told, events, early, snapshot: run.getSnapshot(), pending: clock.pending };
}

const everything = { failures: true, conditions: true, settings: true, each: true } as const;
const durabilities: readonly Durability[] = ['sync', 'async', 'exit'];
const outcomes = ({ end, output, snapshot }: Ended) => ({
  end,
  output: canonical(output),
  fates: fates(snapshot),
});

test('5.4, 5.6, 5.7, 5.9: whenever a saver stores, and however it fails, a run ends as told, never silently, and can be resumed', () => {
  fc.assert(
    fc.property(
      cases(everything),
      troubles,
      fc.constantFrom(...durabilities),
      fc.constantFrom(0, 1, 3, 1000),
      (raw, trouble, durability, maxPending) => {
        const given: Case = { ...raw, graph: steady(raw.graph) };
        const wish = ended(given, new TestClock(), {}, (flow, options) =>
          flow.start(given.input, options),
        );
        const clock = new TestClock();
        const saver = new UneasySaver(clock, trouble);
        const run = ended(given, clock, { durability, saver }, (flow, options) =>
          flow.start(given.input, { ...options, id: 'r', maxPending }),
        );
        const { hasFailed } = saver;
        const { events, snapshot } = run;
        expect({ early: run.early, pending: run.pending }).toEqual({ early: [], pending: 0 });
        expect(events.filter(isFinal)).toHaveLength(1);
        if (hasFailed && durability !== 'async') expect(run.end).toBe('saver-failed');
        else expect(outcomes(run)).toEqual(outcomes(wish));
        if (!hasFailed || durability === 'async')
          expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i));
        const unsaved = events.filter(({ type }) => type === 'FLOW_UNSAVED');
        expect(unsaved).toHaveLength(hasFailed && durability === 'async' ? 1 : 0);
        const state = stored(saver, 'r');
        if (!hasFailed) expect(canonical(state)).toBe(canonical(snapshot));
        if (state.status === 'success') return;
        const healthy = Object.assign(saver, { save: MemorySaver.prototype.save });
        const resumed = ended(given, new TestClock(), { saver: healthy }, (flow, options) =>
          flow.resume('r', options),
        );
        expect(outcomes(resumed)).toEqual(outcomes(wish));
      },
    ),
    runs(300),
  );
});
