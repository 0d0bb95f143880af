import fc from 'fast-check';
import { type Observable, of } from 'rxjs';
import { afterEach, expect, test, vi } from 'vitest';
import { type FlowError, isFinal, type RunOptions } from '../../src/index.ts';
import { direct } from '../../src/run/work.ts';
import { knownOrder } from '../../src/wire/order.ts';
import { build, type Flow, type World, withSettings } from './build.ts';
import { TestClock } from './clock.ts';
import { differences, tell } from './compare.ts';
import { cases, everything } from './graphs.ts';
import { type Case, canonical, type Graph, type StepModel } from './model.ts';
import { expected, hasSettings } from './oracle.ts';
import { pinned } from './pinned.ts';
import { patience, runs } from './runs.ts';

vi.setConfig({ testTimeout: patience });

const kinds = { ...everything, wanted: true } as const;

afterEach(() => {
  direct.isOn = true;
  knownOrder.isOn = true;
});

/** The same graph, changed in a way that must not matter, runs as the oracle says. */
function holds(
  change: (graph: Graph) => Graph,
  options: (bits: number) => RunOptions = () => ({}),
  instants = true,
): void {
  fc.assert(
    fc.property(
      cases(instants ? kinds : { ...kinds, timeouts: false }),
      fc.nat({ max: 2 }),
      (given, bits) => {
        let world: World | undefined;
        const changed: Case = { ...given, graph: change(given.graph) };
        const told = tell(
          build(changed.graph, () => world as World),
          changed,
          (made) => {
            world = made;
          },
          options(bits),
        );
        const wish = expected(changed.graph, changed.input, changed.wanted);
        const wrong = differences(changed, told, wish, { instants });
        if (wrong.length > 0) throw new Error(`\n  ${wrong.join('\n  ')}`);
      },
    ),
    {
      ...runs<[Case, number]>(600),
      examples: pinned.map((example): [Case, number] => [example, 0]),
    },
  );
}

/** The graph with other settings for some of its steps, at any depth. */
function everywhere(graph: Graph, change: (step: StepModel) => StepModel): Graph {
  const steps = graph.steps.map((step): StepModel => {
    const { work } = step;
    if (work.kind === 'flow')
      return change({ ...step, work: { ...work, flow: everywhere(work.flow, change) } });
    return change(step);
  });
  return { ...graph, steps };
}

const same = (graph: Graph): Graph => graph;
const limited = (step: StepModel): StepModel =>
  hasSettings(step.settings) ? step : withSettings(step, { idleLimit: 'total' });

test('a run does the same when no step takes the short way', () => {
  direct.isOn = false;
  holds(same);
});

test('a run does the same when its nodes begin in no order that is known', () => {
  knownOrder.isOn = false;
  holds(same);
});

test('a run does the same when every flow in it is run as a whole', () => {
  holds((graph) => everywhere(graph, (step) => (step.work.kind === 'flow' ? limited(step) : step)));
});

test('a run does the same when every step has settings', () => {
  holds((graph) => everywhere(graph, limited));
});

test('a run whose steps must wait for a place comes to the same outcomes', () => {
  holds(same, (bits) => ({ concurrency: bits + 1 }), false);
});

/** What a run does that its steps and its reader notice, whether or not anybody hears it. */
function deeds(
  flow: Flow,
  { input, wanted }: Case,
  use: (world: World) => void,
  isHeard: boolean,
): readonly string[] {
  const clock = new TestClock();
  const seen: string[] = [];
  const see = (deed: string) => seen.push(`${clock.now()} ${deed}`);
  use({
    clock,
    calls: new Map(),
    called: ({ path, attempt }) => see(`${path} is called, attempt ${attempt}`),
  });
  const options = { id: 'run', clock, ...(wanted && { outputs: wanted }) };
  const end$: Observable<unknown> = isHeard
    ? flow.run(input, options)
    : of(input).pipe(flow.operator(options));
  end$.subscribe({
    next: (told) => {
      if (!isHeard) see(`gives ${canonical(told)}`);
      else if (isFinal(told as never) && 'output' in (told as object))
        see(`gives ${canonical((told as { output: unknown }).output)}`);
    },
    complete: () => see('is complete'),
    error: ({ code, message }: FlowError) => see(`ends in ${code}: ${message}`),
  });
  clock.runTo();
  return [...seen, `${clock.pending} timers are left`];
}

test('a run that nobody hears calls the same steps at the same instants, and ends the same, whichever way it takes', () => {
  fc.assert(
    fc.property(cases(kinds), (given) => {
      let world: World | undefined;
      const use = (made: World) => {
        world = made;
      };
      const both = [true, false];
      const ways = both.flatMap((isKnown) => {
        knownOrder.isOn = isKnown;
        const flow = build(given.graph, () => world as World);
        return both.flatMap((isDirect) => {
          direct.isOn = isDirect;
          return both.map((isHeard) => deeds(flow, given, use, isHeard));
        });
      });
      for (const way of ways) expect(way).toEqual(ways[0]);
    }),
    { ...runs<[Case]>(1500), examples: pinned.map((example): [Case] => [example]) },
  );
});
