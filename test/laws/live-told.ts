/** Runs a live flow, writes down what it tells, and says in sentences where that breaks a law. */
import { Observable, Subject } from 'rxjs';
import {
  emptySnapshot,
  type FlowEvent,
  reduce,
  type Snapshot,
  stepState,
} from '../../src/index.ts';
import type { Flow, World } from './build.ts';
import { TestClock } from './clock.ts';
import { flat } from './compare.ts';
import { type Input, inputsOf, type LiveCase } from './live-cases.ts';
import { canonical, type Graph } from './model.ts';
import { type Expected, expected, type Life } from './oracle.ts';

export interface LiveTold {
  readonly events: readonly FlowEvent[];
  readonly outputs: readonly unknown[];
  readonly end: 'complete' | 'error' | 'never';
  readonly error?: unknown;
  readonly pending: number;
  /** The state before the end. */
  readonly last: Snapshot | undefined;
}

/** Runs a live flow until its inputs are over and everything is still. */
export function tellLive(
  flow: Flow,
  given: LiveCase,
  use: (world: World) => void,
  isHeard = true,
): LiveTold {
  const clock = new TestClock();
  use({ clock });
  const events: FlowEvent[] = [];
  const outputs: unknown[] = [];
  const ended: { end: LiveTold['end']; error?: unknown } = { end: 'never' };
  const { live, feed } = liveOf(flow, given, clock);
  let last: Snapshot | undefined;
  if (isHeard) live.events$.subscribe({ next: (event) => events.push(event), error: () => {} });
  live.output$.subscribe({
    next: (output) => outputs.push(output),
    error: (error: unknown) => {
      ended.end = 'error';
      ended.error = error;
    },
    complete: () => {
      ended.end = 'complete';
      last = live.getSnapshot();
    },
  });
  feed();
  clock.runTo();
  return { events, outputs, pending: clock.pending, last, ...ended };
}

/** The live flow, and what feeds it. Timers of the feed are no timers of the flow. */
export function liveOf(flow: Flow, given: LiveCase, clock: TestClock) {
  const { first, changes, way } = given;
  let at = 0;
  const times = changes.map(({ after, set }) => {
    at += after;
    return { at, set };
  });
  const later = (act: (i: number) => void, end: () => void) => {
    times.forEach(({ at }, i) => void clock.deaf(at, () => act(i)));
    if (times.length === 0) end();
    else clock.deaf(at, end);
  };
  const options = { clock, id: 'run' };
  switch (way) {
    case 'sources': {
      const sources = new Map(Object.keys(first).map((name) => [name, new Subject<unknown>()]));
      const inputs = Object.fromEntries(
        [...sources].map(([name, source]) => [
          name,
          new Observable((out) => {
            out.next(first[name]);
            return source.subscribe(out);
          }),
        ]),
      );
      const end = new Subject<never>();
      // With no input at all there is nothing that could end.
      const live = flow.live((sources.size > 0 ? inputs : end) as never, options);
      return {
        live,
        feed: () => {
          if (sources.size === 0) live.next({});
          later(
            (i) => {
              const { set } = times[i] as (typeof times)[number];
              for (const [name, value] of Object.entries(set)) sources.get(name)?.next(value);
            },
            () => {
              for (const source of sources.values()) source.complete();
              end.complete();
            },
          );
        },
      };
    }
    case 'whole': {
      const inputs = inputsOf(given);
      const source = new Subject<unknown>();
      const live = flow.live(source as never, options);
      const feed = () => {
        source.next(inputs[0]);
        later(
          (i) => source.next(inputs[i + 1]),
          () => source.complete(),
        );
      };
      return { live, feed };
    }
    case 'next': {
      const source = new Subject<unknown>();
      const live = flow.live(source as never, options);
      const feed = () => {
        live.next(first as never);
        later(
          (i) => live.next((times[i] as (typeof times)[number]).set as never),
          () => source.complete(),
        );
      };
      return { live, feed };
    }
  }
}

/** The inputs that become versions. Where each input has a source of its own, a change of nothing is none. */
const versionsOf = (given: LiveCase): readonly Input[] => {
  const inputs = inputsOf(given);
  if (given.way !== 'sources') return inputs;
  return inputs.filter(
    (_, i) => i === 0 || Object.keys(given.changes[i - 1]?.set ?? {}).length > 0,
  );
};

/** The laws that do not hold, as sentences. */
export function breaches(flow: Flow, given: LiveCase, told: LiveTold): readonly string[] {
  const { events, outputs, end, pending, error } = told;
  const wrong: string[] = [];
  if (end !== 'complete') wrong.push(`it ends as "${end}": ${String(error)}`);
  if (pending > 0) wrong.push(`${pending} timers are left`);
  const inputs = versionsOf(given);
  const starts = events.filter(({ type }) => type === 'FLOW_START') as { input?: unknown }[];
  if (canonical(starts.map(({ input }) => input)) !== canonical(inputs))
    wrong.push(
      `the inputs are ${canonical(starts.map(({ input }) => input))}, not ${canonical(inputs)}`,
    );
  events.forEach((event, i) => {
    if (event.seq !== i) wrong.push(`event ${i} has seq ${event.seq}`);
    if (i > 0 && event.t < (events[i - 1] as FlowEvent).t) wrong.push(`event ${i} goes back`);
  });
  return [...wrong, ...versionBreaches(flow, given.graph, inputs, events, outputs)];
}

/** The laws of versions that do not hold, for these inputs. */
export function versionBreaches(
  flow: Flow,
  graph: Graph,
  inputs: readonly Input[],
  events: readonly FlowEvent[],
  outputs: readonly unknown[],
): readonly string[] {
  const wishes = inputs.map((input) => expected(graph, input));
  const paths = new Set(flow.plan().byPath.keys());
  const wrong = [...perVersion(events, wishes, paths), ...inOrder(events, wishes, outputs)];
  if (!hasPolicy(graph, 'exhaust')) wrong.push(...lastState(events, wishes, paths));
  return wrong;
}

const hasPolicy = ({ steps }: Graph, policy: string): boolean =>
  steps.some(
    ({ settings, work }) =>
      settings.live?.policy === policy || (work.kind === 'flow' && hasPolicy(work.flow, policy)),
  );

/** Each step at each version: params and outcomes of that version and no other, started once, ended once. */
function perVersion(
  events: readonly FlowEvent[],
  wishes: readonly Expected[],
  paths: ReadonlySet<string>,
): string[] {
  const wrong: string[] = [];
  const open = new Map<string, FlowEvent>();
  const seen = new Set<string>();
  for (const event of events) {
    const { path, version = 0, type } = event;
    if (!paths.has(path) || type.startsWith('FLOW_') || type === 'STEP_LATE') continue;
    const wish = wishes[version - 1];
    const at = `"${path}" at version ${version}`;
    const life = wish?.lives.find((life) => life.path === path);
    if (!wish || !life) {
      wrong.push(`${at} is not expected at all: ${type}`);
      continue;
    }
    const isGivenUp = type === 'STEP_SKIP' && event.reason === 'superseded';
    if (type === 'STEP_START') {
      if (seen.has(`start ${at}`)) wrong.push(`${at} starts twice`);
      seen.add(`start ${at}`);
      open.set(at, event);
      if (life.start === undefined) wrong.push(`${at} starts, but should be ${show(life)}`);
      else if ('params' in life && canonical(flat(event.input)) !== canonical(flat(life.params)))
        wrong.push(
          `${at} gets ${canonical(flat(event.input))}, not ${canonical(flat(life.params))}`,
        );
    } else if (type === 'STEP_OUTPUT' || type === 'STEP_SKIP') {
      if (seen.has(`end ${at}`)) wrong.push(`${at} ends twice`);
      seen.add(`end ${at}`);
      open.delete(at);
      if (!isGivenUp) {
        const status = type === 'STEP_SKIP' ? 'skipped' : event.error ? 'failure' : 'success';
        if (status !== life.status) wrong.push(`${at} ends in ${status}, not as ${show(life)}`);
        else if (
          type === 'STEP_OUTPUT' &&
          status === 'success' &&
          canonical(event.output) !== canonical(life.value)
        )
          wrong.push(`${at} gives ${canonical(event.output)}, not ${canonical(life.value)}`);
        else if (type === 'STEP_SKIP' && !life.because.has(event.reason))
          wrong.push(`${at} is skipped for ${event.reason}, not as ${show(life)}`);
      }
    } else if (!open.has(at)) wrong.push(`${at} tells ${type} while it is not at work`);
  }
  for (const at of open.keys()) wrong.push(`${at} has not ended`);
  return wrong;
}

const show = ({ status, value, because }: Life): string =>
  `${status} ${status === 'success' ? canonical(value) : [...because].join(' or ')}`;

/** Outputs come in the order of versions, and each is that of its version. */
function inOrder(
  events: readonly FlowEvent[],
  wishes: readonly Expected[],
  outputs: readonly unknown[],
): string[] {
  const wrong: string[] = [];
  const told: string[] = [];
  let last = 0;
  for (const event of events) {
    const { type, version = 0 } = event;
    if (type !== 'FLOW_OUTPUT' && type !== 'FLOW_ERROR' && type !== 'FLOW_CANCEL') continue;
    const wish = wishes[version - 1] as Expected;
    if (wish.error === 'invalid-input') continue;
    if (type === 'FLOW_CANCEL') continue;
    if (version <= last) wrong.push(`version ${version} ends after version ${last}`);
    last = version;
    if (type === 'FLOW_OUTPUT') {
      told.push(canonical(event.output));
      if (wish.error) wrong.push(`version ${version} succeeds, but should end in ${wish.error}`);
      else if (canonical(event.output) !== canonical(wish.output))
        wrong.push(
          `version ${version} gives ${canonical(event.output)}, not ${canonical(wish.output)}`,
        );
    } else if (event.error.code !== wish.error)
      wrong.push(
        `version ${version} ends in ${event.error.code}, not in ${wish.error ?? canonical(wish.output)}`,
      );
  }
  let at = 0;
  for (const output of outputs.map(canonical)) {
    while (at < told.length && told[at] !== output) at++;
    if (at === told.length) wrong.push(`the output ${output} is out of order, or of no version`);
  }
  if (told.length > 0 && told.at(-1) !== canonical(outputs.at(-1)))
    wrong.push(`the last output is ${canonical(outputs.at(-1))}, not ${told.at(-1)}`);
  return wrong;
}

/** In the end the state is that of a fresh run on the last input. */
function lastState(
  events: readonly FlowEvent[],
  wishes: readonly Expected[],
  paths: ReadonlySet<string>,
): string[] {
  const wrong: string[] = [];
  const ends = events.filter(({ type }) => type === 'FLOW_OUTPUT' || type === 'FLOW_ERROR');
  if (!ends.some(({ version }) => version === wishes.length))
    wrong.push('the last version does not end');
  const snapshot: Snapshot = events.reduce(reduce, emptySnapshot('run', { id: 'flow', hash: '' }));
  const lastWish = wishes.at(-1) as Expected;
  const status = lastWish.error ? 'failure' : 'success';
  if (snapshot.status !== status) wrong.push(`the state is ${snapshot.status}, not ${status}`);
  const wish = wishes.findLast(({ error }) => error !== 'invalid-input');
  for (const life of wish?.lives ?? []) {
    if (!paths.has(life.path)) continue;
    const step = stepState(snapshot, life.path);
    if (!step && life.optional) continue;
    if (step?.status !== life.status)
      wrong.push(`"${life.path}" is ${step?.status} in the end, not ${show(life)}`);
    else if (life.status === 'success' && canonical(step.output) !== canonical(life.value))
      wrong.push(
        `"${life.path}" has ${canonical(step.output)} in the end, not ${canonical(life.value)}`,
      );
  }
  return wrong;
}
