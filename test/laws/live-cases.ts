/** Random live flows: graphs with policies, and inputs that change. */
import fc from 'fast-check';
import type { Policy } from '../../src/index.ts';
import { cases, type Kinds } from './graphs.ts';
import {
  canonical,
  type Graph,
  inputsNeeded,
  inputsRead,
  type LiveSettings,
  type Settings,
  type StepModel,
  showGraph,
  type Value,
  type Work,
} from './model.ts';

export type Input = Readonly<Record<string, Value>>;

/** One change of the input, so many ms after the one before. */
export interface Change {
  readonly after: number;
  readonly set: Input;
}

/** `sources`: an Observable for each input. `whole`: one of all of them. `next`: what `live.next` sets together. */
export type Way = 'sources' | 'whole' | 'next';

export interface LiveCase {
  readonly graph: Graph;
  readonly first: Input;
  readonly changes: readonly Change[];
  readonly way: Way;
}

export interface LiveKinds extends Kinds {
  readonly policies: readonly (Policy | undefined)[];
  readonly changes?: number;
  /** Nothing is ever too much. */
  readonly queues?: boolean;
}

const live = (kinds: LiveKinds): fc.Arbitrary<LiveSettings> =>
  fc.record({
    policy: fc.constantFrom(...kinds.policies),
    concurrency: fc.constantFrom(undefined, undefined, 2, 3),
    maxPending: kinds.queues
      ? fc.constant(undefined)
      : fc.constantFrom(undefined, undefined, undefined, 1, 2),
    equals: fc.constantFrom(undefined, undefined, true),
  });

/** Only a queue can be too long. */
const bounded = (live: LiveSettings): LiveSettings =>
  live.policy === 'concat' || (live.policy === 'merge' && live.concurrency)
    ? live
    : { ...live, maxPending: undefined };

export function liveCases(kinds: LiveKinds): fc.Arbitrary<LiveCase> {
  const value = fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 6 }) }, fc.constant(null));
  const change = fc.record({
    after: fc.oneof(fc.constantFrom(0, 1, 3, 5), fc.nat({ max: 20 })),
    which: fc.nat({ max: 7 }),
    values: fc.tuple(value, value, value),
  });
  return fc
    .tuple(
      cases(kinds),
      fc.array(live(kinds), { minLength: 7, maxLength: 7 }),
      fc.array(fc.nat({ max: 12 }), { minLength: 5, maxLength: 5 }),
      fc.array(change, { maxLength: kinds.changes ?? 7, size: 'max' }),
      fc.constantFrom<Way>('sources', 'whole', 'next'),
    )
    .map(([{ graph, input }, settings, moods, raw, way]) => {
      const lively = new Enlivener(settings, moods).graph(graph);
      const names = inputsRead(lively);
      const needed = inputsNeeded(lively);
      const first: Record<string, Value> = { ...input };
      if (way === 'sources') for (const name of names) first[name] ??= null;
      const changes = raw.map(({ after, which, values }): Change => {
        const set: Record<string, Value> = {};
        for (const name of names) {
          const at = Number(name.slice(1));
          const isSet =
            way === 'sources' ? name === names[which % names.length] : (which >> at) & 1;
          // Now and then an input that nobody insists on goes away.
          if (isSet)
            set[name] =
              way === 'whole' && which === 6 && !needed.has(name) ? undefined : values[at];
        }
        return { after, set };
      });
      return liveCase({ graph: lively, first, changes, way });
    });
}

/** Gives steps the settings and failures of live flows. */
class Enlivener {
  private readonly settings: readonly LiveSettings[];
  private readonly moods: readonly number[];
  private at = 0;

  constructor(settings: readonly LiveSettings[], moods: readonly number[]) {
    this.settings = settings;
    this.moods = moods;
  }

  graph(graph: Graph): Graph {
    return { ...graph, steps: graph.steps.map((step) => this.step(step)) };
  }

  private step(step: StepModel): StepModel {
    const at = this.at++;
    const live = this.settings[at % this.settings.length] as LiveSettings;
    return { ...step, work: this.work(step.work), settings: placed(step, live) };
  }

  private work(work: Work): Work {
    const mood = this.moods[this.at % this.moods.length] as number;
    switch (work.kind) {
      // A number of calls means nothing where nobody knows how often a step is called.
      case 'code':
        return {
          ...work,
          failures: work.failures > 90 ? work.failures : 0,
          ...((work.failures > 0 || mood < 5) && work.failures < 90 && { mood: mood % 5 }),
        };
      case 'flow':
        return { kind: 'flow', flow: this.graph(work.flow) };
      case 'each': {
        const item = this.work(work.item) as typeof work.item;
        // How many results there were before one failed is a matter of order within an instant.
        return { ...work, item: work.onError === 'fail' ? evenTempered(item) : item };
      }
    }
  }
}

function evenTempered<W extends Work>(work: W): W {
  if (work.kind === 'code') return { ...work, mood: undefined };
  if (work.kind === 'each') return { ...work, item: evenTempered(work.item) };
  const steps = work.flow.steps.map((step) => ({ ...step, work: evenTempered(step.work) }));
  return { ...work, flow: { ...work.flow, steps } };
}

/** Flows keep their own settings half of the time: so many are run as part of the plan. */
const placed = ({ settings, work, id }: StepModel, live: LiveSettings): Settings =>
  work.kind === 'flow' && id.charCodeAt(0) % 2 === 0
    ? settings
    : {
        ...settings,
        // To wait for a place is part of the time that a step has.
        timeout: live.concurrency ? undefined : settings.timeout,
        live: bounded(work.kind === 'code' ? live : { ...live, concurrency: undefined }),
      };

/** The inputs, one after the other, as the flow should see them. */
export function inputsOf({ first, changes }: LiveCase): readonly Input[] {
  const inputs: Input[] = [first];
  for (const { set } of changes) {
    const next: Record<string, Value> = { ...inputs.at(-1), ...set };
    for (const name of Object.keys(next)) if (next[name] === undefined) delete next[name];
    inputs.push(next);
  }
  return inputs;
}

/** fast-check prints it as text. */
export function liveCase(given: LiveCase): LiveCase {
  const { graph, first, changes, way } = given;
  const lines = changes.map(({ after, set }) => `  +${after} ${canonical(set)}`);
  const text = () => `\n${way} ${canonical(first)}\n${lines.join('\n')}\n${showGraph(graph)}\n`;
  return Object.assign(given, { [fc.toStringMethod]: text });
}
