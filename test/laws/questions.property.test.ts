import fc from 'fast-check';
import { test, vi } from 'vitest';
import { MemorySaver, type RunOptions, type Snapshot, stepState } from '../../src/index.ts';
import { build } from './build.ts';
import { TestClock } from './clock.ts';
import { cases } from './graphs.ts';
import {
  answer,
  type Case,
  type CodeWork,
  canonical,
  type Graph,
  type StepModel,
} from './model.ts';
import { expected } from './oracle.ts';
import { patience, runs } from './runs.ts';

vi.setConfig({ testTimeout: patience });

const kinds = {
  failures: true,
  conditions: true,
  settings: true,
  each: true,
  timeouts: false,
  questions: true,
  forGood: true,
  steps: 7,
} as const;

/** What runs others is not tried again: a run that goes on counts its attempts anew, and would ask for ever. Steps with a limit have one place. */
function narrow(graph: Graph): Graph {
  const steps = graph.steps.map((step): StepModel => {
    const { work, settings } = step;
    const { idleLimit } = settings;
    const placed = { ...settings, idleLimit: idleLimit && ('one' as const) };
    if (work.kind === 'code') return { ...step, settings: placed };
    const own = { ...placed, retry: undefined };
    if (work.kind === 'flow')
      return { ...step, settings: own, work: { ...work, flow: narrow(work.flow) } };
    const { item } = work;
    if (item.kind === 'code') return { ...step, settings: own };
    const flow = { ...item, flow: narrow(item.flow) };
    return { ...step, settings: own, work: { ...work, item: flow } };
  });
  return { ...graph, steps };
}

function workAt(graph: Graph, path: string): { readonly id: string; readonly work: CodeWork } {
  const [first = '', ...rest] = path.split('.');
  const [id = ''] = first.split('[');
  const step = graph.steps.find((each) => each.id === id) as StepModel;
  const work = step.work.kind === 'each' ? step.work.item : step.work;
  return work.kind === 'flow' ? workAt(work.flow, rest.join('.')) : { id, work };
}

/** Runs a flow, and resumes it with answers to some of its questions, until it has ended. */
function ending({ graph, input }: Case, options: RunOptions): Snapshot | string {
  const saver = new MemorySaver();
  const calls = new Map<string, number>();
  let clock = new TestClock();
  const flow = build(graph, () => ({ clock, calls }));
  let run = flow.start(input, { id: 'run', clock, saver, ...options });
  for (let i = 0; i < 60; i++) {
    clock.runTo();
    const { status, steps } = run.getSnapshot();
    if (clock.pending > 0) return `${clock.pending} timers are left`;
    if (status === 'running') {
      const open = Object.keys(steps).filter((path) => /ing$/.test(steps[path]?.status ?? ''));
      return `the run hangs at ${open.join(', ')}`;
    }
    if (status !== 'suspended') return run.getSnapshot();
    const open = Object.keys(steps).filter((path) => steps[path]?.status === 'waiting');
    if (open.length === 0) return 'the run is suspended, and asks nothing';
    const chosen = open.filter((_, k) => k === i % open.length || (i + k) % 3 === 0);
    const answers = chosen.map((path) => {
      const { id, work } = workAt(graph, path);
      return [path, answer(work.result, id, steps[path]?.question)] as const;
    });
    clock = new TestClock();
    run = flow.resume('run', { saver, clock, answers: Object.fromEntries(answers), ...options });
  }
  return 'the run asks for ever';
}

/** What is wrong with the end of a run, as sentences. */
function faults({ graph, input }: Case, snapshot: Snapshot | string): readonly string[] {
  if (typeof snapshot === 'string') return [snapshot];
  const wish = expected(graph, input);
  const wrong: string[] = [];
  if (snapshot.status !== (wish.error ? 'failure' : 'success'))
    wrong.push(`the run ends in ${snapshot.status}`);
  else if (!wish.error && canonical(snapshot.output) !== canonical(wish.output))
    wrong.push(`the output is ${canonical(snapshot.output)}, not ${canonical(wish.output)}`);
  const lives = new Map(wish.lives.map((life) => [life.path, life]));
  const isLoose = (path: string) =>
    [...wish.loose].some((above) => path.startsWith(`${above}.`) || path.startsWith(`${above}[`));
  for (const [path, { status, value, because, optional }] of lives) {
    if (optional || isLoose(path)) continue;
    const told = stepState(snapshot, path);
    if (told?.status !== status) wrong.push(`"${path}" is ${told?.status}, not ${status}`);
    else if (status === 'success' && canonical(told.output) !== canonical(value))
      wrong.push(`"${path}" gave ${canonical(told.output)}, not ${canonical(value)}`);
    else if (status === 'skipped' && !because.has(told.reason ?? ''))
      wrong.push(`"${path}" was skipped: ${told.reason}`);
  }
  return wrong;
}

test('5.9, 5.11: a run that asks is suspended when nothing else can go on, and comes to what it would have come to without a stop, in whatever order it is answered', () => {
  fc.assert(
    fc.property(cases(kinds), fc.constantFrom(undefined, 1, 2), (raw, concurrency) => {
      const given = { ...raw, graph: narrow(raw.graph) };
      const wrong = faults(given, ending(given, { ...(concurrency && { concurrency }) }));
      if (wrong.length > 0) throw new Error(`\n  ${wrong.join('\n  ')}`);
    }),
    runs<[Case, number | undefined]>(1000),
  );
});

test('5.11: a step that reads the chunks of what asks keeps no run from being suspended, and no step is left without its end', () => {
  fc.assert(
    fc.property(cases({ ...kinds, streams: true, failures: false }), (raw) => {
      const given = { ...raw, graph: narrow(raw.graph) };
      const snapshot = ending(given, {});
      if (typeof snapshot === 'string') throw new Error(snapshot);
      const steps = Object.entries(snapshot.steps);
      // The items beside one that fails are cancelled, also where the step has a fallback.
      const failed = steps.flatMap(([path, { status }]) =>
        status === 'failure' ? [path.replace(/\[\d+\]$/, '')] : [],
      );
      for (const [path, { status }] of steps)
        if (/ing$|cancelled/.test(status) && !failed.some((above) => path.startsWith(above)))
          throw new Error(`"${path}" is ${status}`);
    }),
    runs<[Case]>(600),
  );
});
