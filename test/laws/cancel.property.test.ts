import fc from 'fast-check';
import { Subject, takeUntil } from 'rxjs';
import { test, vi } from 'vitest';
import { type FlowEvent, isFinal, type Run } from '../../src/index.ts';
import { build, type World } from './build.ts';
import { TestClock } from './clock.ts';
import { cases, everything } from './graphs.ts';
import type { Case } from './model.ts';
import { refused } from './pinned.ts';
import { patience, runs } from './runs.ts';

vi.setConfig({ testTimeout: patience });

/** How a run is cancelled, and when: at an instant, as its n-th event is told, or by the n-th call of a handler. */
interface Cut {
  readonly by: 'cancel' | 'signal' | 'unsubscribe';
  readonly when: 'instant' | 'event' | 'call';
  readonly n: number;
  /** How many of its steps may be at work at once. */
  readonly most?: number | undefined;
}

const cuts: fc.Arbitrary<Cut> = fc.record({
  by: fc.constantFrom('cancel', 'signal', 'unsubscribe'),
  when: fc.constantFrom('instant', 'event', 'call'),
  n: fc.nat({ max: 30 }),
  most: fc.constantFrom(undefined, undefined, 1, 2),
});

/** One call of a handler, and how often its signal has aborted. */
interface Work {
  readonly path: string;
  aborted: number;
  /** How often it had when the run was cancelled. */
  before: number;
}

function faults(given: Case, cut: Cut): readonly string[] {
  const clock = new TestClock();
  const works: Work[] = [];
  const events: FlowEvent[] = [];
  const controller = new AbortController();
  let stop = (): void => controller.abort('enough');
  let isOver = (): boolean => events.some(isFinal);
  let isCut = false;
  let calls = 0;
  const cutNow = (): void => {
    if (isCut || isOver()) return;
    isCut = true;
    for (const work of works) work.before = work.aborted;
    calls = works.length;
    stop();
  };
  const world: World = {
    clock,
    calls: new Map(),
    deaf: (ms, callback) => clock.deaf(ms, callback),
    called: ({ signal, path }) => {
      const work = { path, aborted: Number(signal.aborted), before: 0 };
      signal.addEventListener('abort', () => work.aborted++);
      if (works.push(work) === cut.n + 1 && cut.when === 'call') cutNow();
    },
  };
  const hear = (event: FlowEvent): void => {
    events.push(event);
    if (cut.when === 'event' && events.length === cut.n + 1) cutNow();
  };
  const flow = build(given.graph, () => world);
  const options = {
    id: 'run',
    clock,
    signal: controller.signal,
    ...(cut.most && { concurrency: cut.most }),
  };
  const ended = { code: '', isComplete: false };
  const complete = (): void => {
    ended.isComplete = true;
  };
  const error = ({ code }: { readonly code: string }): void => {
    ended.code = code;
  };
  let run: Run<unknown> | undefined;
  if (cut.by === 'cancel') {
    // What happens before `start` returns can be cancelled by the signal only.
    run = flow.start(given.input, options);
    const { status } = run.getSnapshot();
    if (status === 'running') stop = () => run?.cancel('enough');
    isOver = () => run?.getSnapshot().status !== 'running';
    run.events$.subscribe({ next: hear, complete });
    run.output$.subscribe({ error });
  } else {
    const left = new Subject<void>();
    if (cut.by === 'unsubscribe') stop = () => left.next();
    flow.run(given.input, options).pipe(takeUntil(left)).subscribe({ next: hear, error, complete });
  }
  // What is left then shows before time goes on.
  clock.runTo(cut.when === 'instant' ? cut.n : undefined, () => isCut);
  if (cut.when === 'instant') cutNow();
  if (!isCut) return [];
  const wrong = faultsAfter(cut, clock, events, works, ended, run);
  const afterwards = works.slice(calls).map(({ path }) => path);
  return afterwards.length > 0
    ? [...wrong, `${afterwards.join(', ')} called after the end`]
    : wrong;
}
interface Ended {
  readonly code: string;
  readonly isComplete: boolean;
}

/** What is wrong with a run that has been cancelled. */
function faultsAfter(
  { by, when, n, most }: Cut,
  clock: TestClock,
  events: readonly FlowEvent[],
  works: readonly Work[],
  ended: Ended,
  run: Run<unknown> | undefined,
): readonly string[] {
  const wrong: string[] = [];
  if (clock.pending > 0) wrong.push(`${clock.pending} timers are left`);
  const final = events.findIndex(({ type }) => type === 'FLOW_CANCEL');
  const before = by === 'unsubscribe' ? [...events] : events.slice(0, final);
  const open = openPaths(before);
  const unended = openPaths(before, false);
  // The signal of a handler that has failed aborts, too, and those of what was at work below it, so that what it left behind ends.
  const failed = before.flatMap((event) => ('error' in event ? [event.path] : []));
  // A handler that ends the run itself, and then returns a value: there is nothing left to abort.
  const lateAtOnce = by === 'unsubscribe' ? [] : events.slice(final + 1);
  for (const { type, path } of lateAtOnce)
    if (type !== 'STEP_LATE') wrong.push(`${type} of "${path}" after the end`);
  for (const [path, calls] of open) {
    const own = works.filter((work) => work.path === path);
    const last = own.at(-1);
    if (lateAtOnce.some((late) => late.path === path)) continue;
    if (when === 'call' && works[n] === last && last?.aborted === 0) continue;
    // The place that a failed attempt left lets another step begin, and end the run, before the first one has told of its end.
    if (most && last?.before === 1) continue;
    if (last && own.length >= calls && last.aborted - last.before !== 1)
      wrong.push(`the signal of "${path}" aborts ${last.aborted - last.before} times`);
  }
  for (const { path, aborted, before: already } of works) {
    if (aborted > 1) wrong.push(`the signal of "${path}" aborts ${aborted} times`);
    const hasFailed = failed.some((other) => other === path || isBelow(path, other));
    if (aborted > already && !open.has(path) && !hasFailed)
      wrong.push(`the signal of "${path}" aborts, but it was not at work`);
  }

  const deaf = clock.pendingDeaf;
  const told = events.length;
  clock.runTo();
  const late = events.slice(told);
  if (by !== 'cancel') {
    if (late.length > 0) wrong.push(`${late.map(({ type }) => type).join(', ')} after the end`);
    if (by === 'unsubscribe') return wrong;
  } else if (late.length !== deaf) wrong.push(`${late.length} of ${deaf} late handlers are told`);
  for (const { type, path } of late)
    if (type !== 'STEP_LATE') wrong.push(`${type} of "${path}" after the end`);
  events.forEach(({ seq }, i) => {
    if (seq !== i) wrong.push(`event ${i} has seq ${seq}`);
  });
  if (ended.code !== 'cancelled') wrong.push(`the run errors with "${ended.code}"`);
  if (!run) return wrong;
  const { status, steps } = run.getSnapshot();
  if (status !== 'cancelled') wrong.push(`the state is ${status}`);
  for (const [path, step] of Object.entries(steps))
    if (unended.has(path) !== (step.status === 'cancelled'))
      wrong.push(`the state says that "${path}" is ${step.status}`);
  if (!ended.isComplete) wrong.push('the events do not complete');
  return wrong;
}

const isBelow = (path: string, other: string): boolean =>
  path.startsWith(`${other}.`) || path.startsWith(`${other}[`);

/** The steps at work, and how many calls of each have been made or are about to be. */
function openPaths(events: readonly FlowEvent[], cutsBelow = true): ReadonlyMap<string, number> {
  const open = new Set<string>();
  const calls = new Map<string, number>();
  for (const event of events) {
    const { type, path } = event;
    if (type === 'STEP_START' || type === 'STEP_RETRY') calls.set(path, (calls.get(path) ?? 0) + 1);
    if (type === 'STEP_START') open.add(path);
    if (type === 'STEP_OUTPUT') open.delete(path);
    // What was stopped with the call that it belongs to has no end of its own.
    if (cutsBelow && (type === 'STEP_OUTPUT' || type === 'STEP_RETRY'))
      for (const below of open) if (isBelow(below, path)) open.delete(below);
  }
  return new Map([...open].map((path) => [path, calls.get(path) ?? 0]));
}

test('3.5: a run that is cancelled at any moment tells nothing more, leaves no timer, and aborts what is at work once', () => {
  fc.assert(
    fc.property(cases(everything), cuts, (given, cut) => {
      const wrong = faults(given, cut);
      if (wrong.length > 0) throw new Error(`\n  ${wrong.join('\n  ')}`);
    }),
    {
      ...runs<[Case, Cut]>(2000),
      examples: [[refused, { by: 'cancel', when: 'event', n: 3 }]],
    },
  );
});
