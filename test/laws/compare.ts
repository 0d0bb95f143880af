/** Runs a flow, writes down what it tells, and says in sentences how that differs from what was expected. */
import {
  emptySnapshot,
  type FlowError,
  type FlowEvent,
  isFinal,
  type RunOptions,
  reduce,
  stepState,
} from '../../src/index.ts';
import type { Flow, World } from './build.ts';
import { TestClock } from './clock.ts';
import { type Case, canonical, type Graph } from './model.ts';
import { type Expected, type Life, linksInto, Stream } from './oracle.ts';

export interface Told {
  readonly events: readonly FlowEvent[];
  readonly end: 'output' | 'error' | 'never';
  readonly error?: FlowError | undefined;
  readonly pending: number;
}

/** Runs a flow to its end on a clock of its own. */
export function tell(
  flow: Flow,
  { input, wanted }: Case,
  use: (world: World) => void,
  options: RunOptions = {},
): Told {
  const clock = new TestClock();
  use({ clock, calls: new Map() });
  const events: FlowEvent[] = [];
  let end: Told['end'] = 'never';
  let error: FlowError | undefined;
  flow.run(input, { id: 'run', clock, ...(wanted && { outputs: wanted }), ...options }).subscribe({
    next: (event) => events.push(event),
    complete: () => {
      end = 'output';
    },
    error: (thrown: FlowError) => {
      end = 'error';
      error = thrown;
    },
  });
  clock.runTo();
  return { events, end, error, pending: clock.pending };
}

interface Told1 {
  readonly start?: number;
  readonly end: number;
  readonly status: Life['status'];
  readonly value?: unknown;
  readonly because?: string | undefined;
  readonly input?: unknown;
  readonly attempts?: number;
}

/** What is wrong with a run, as sentences. Without `instants` only outcomes count. */
export function differences(
  { graph, wanted }: Case,
  told: Told,
  wish: Expected,
  { instants = true }: { readonly instants?: boolean } = {},
): readonly string[] {
  const wrong: string[] = [];
  const { events, end, error } = told;
  const final = events.at(-1);
  if (end === 'never') return ['the run does not end'];
  if (told.pending > 0) wrong.push(`${told.pending} timers are left`);
  events.forEach((event, i) => {
    if (event.seq !== i) wrong.push(`event ${i} has seq ${event.seq}`);
    if (i > 0 && event.t < (events[i - 1] as FlowEvent).t)
      wrong.push(`event ${i} goes back in time`);
    if (isFinal(event) && i < events.length - 1)
      wrong.push(`${event.type} is event ${i} of ${events.length}`);
  });
  if (events[0]?.type !== 'FLOW_START') wrong.push('the first event is no FLOW_START');

  // The end of the run.
  if (end === 'output') {
    if (final?.type !== 'FLOW_OUTPUT') wrong.push(`the run completes after ${final?.type}`);
    else if (wish.error) wrong.push(`the run succeeds, but should end in ${wish.error}`);
    else if (canonical(final.output) !== canonical(wish.output))
      wrong.push(`the output is ${canonical(final.output)}, not ${canonical(wish.output)}`);
  } else {
    if (final?.type !== 'FLOW_ERROR') wrong.push(`the run errors after ${final?.type}`);
    if (!wish.error)
      wrong.push(`the run fails, but should give ${canonical(wish.output)}: ${error?.message}`);
    else if (error?.code !== wish.error)
      wrong.push(`the run ends in ${error?.code}, not ${wish.error}`);
    else wrong.push(...errorList(error, wish));
  }
  if (instants && final?.t !== wish.end)
    wrong.push(`the run ends at ${final?.t}, not at ${wish.end}`);

  const lives = livesOf(events, wish, wrong);
  wrong.push(...compareLives(lives, wish, instants));
  wrong.push(...orderOf(graph, events, wish.loose, wanted));
  wrong.push(...snapshotOf(events, lives, wish));
  return wrong;
}

/** [3.1]: every failed step, each with its path. */
function errorList(error: FlowError, { lives, loose }: Expected): string[] {
  const named = (error.errors ?? []).map(({ path = '' }) => path);
  const failed = lives.filter(({ status }) => status === 'failure').map(({ path }) => path);
  const top = (path: string) => path.split(/[.[]/)[0];
  const wrong: string[] = [];
  for (const path of new Set(failed.map(top)))
    if (!named.some((name) => top(name) === path) && failed.includes(path as string))
      wrong.push(`the error of the run does not name "${path}"`);
  for (const name of named)
    if (!failed.includes(name) && !isBelow(name, loose))
      wrong.push(`the error of the run names "${name}", which did not fail`);
  return wrong;
}

const isBelow = (path: string, prefixes: Iterable<string>): boolean =>
  [...prefixes].some((prefix) => path.startsWith(`${prefix}.`) || path.startsWith(`${prefix}[`));

/** What was told of each path: from each start to its end. */
function livesOf(
  events: readonly FlowEvent[],
  { late, loose }: Expected,
  wrong: string[],
): ReadonlyMap<string, Told1[]> {
  const lives = new Map<string, Told1[]>();
  const open = new Map<string, { readonly t: number; readonly input: unknown }>();
  const end = (path: string, life: Told1) => lives.set(path, [...(lives.get(path) ?? []), life]);
  for (const event of events) {
    const { type, path, t } = event;
    const started = open.get(path);
    switch (type) {
      case 'STEP_START':
        if (started)
          end(path, { start: started.t, end: -1, status: 'skipped', because: 'cut short' });
        open.set(path, { t, input: event.input });
        break;
      case 'STEP_CHUNK':
      case 'STEP_RETRY':
        if (!started) wrong.push(`${type} of "${path}" outside of its work`);
        break;
      case 'STEP_OUTPUT':
        if (!started) wrong.push(`"${path}" ends without having started`);
        else if (event.t0 !== started.t || event.t1 !== t)
          wrong.push(
            `"${path}" says that it took from ${event.t0} to ${event.t1}; its events, from ${started.t} to ${t}`,
          );
        open.delete(path);
        end(path, {
          start: started?.t ?? -1,
          end: t,
          status: event.error ? 'failure' : 'success',
          value: event.output,
          because: event.error?.code,
          input: event.input,
          attempts: event.attempts,
        });
        break;
      case 'STEP_SKIP':
        if (started) wrong.push(`"${path}" is skipped while it works`);
        end(path, { end: t, status: 'skipped', because: event.reason });
        break;
      case 'STEP_LATE':
        if (!late.has(path) && !isBelow(path, loose)) wrong.push(`"${path}" is late`);
        break;
      case 'STEP_WAIT':
        wrong.push(`${type} of "${path}"`);
    }
  }
  for (const [path, { t }] of open)
    end(path, { start: t, end: -1, status: 'skipped', because: 'cut short' });
  return lives;
}

function compareLives(
  told: ReadonlyMap<string, readonly Told1[]>,
  { lives, loose }: Expected,
  instants: boolean,
): string[] {
  const wrong: string[] = [];
  const wanted = new Map<string, Life[]>();
  for (const life of lives) wanted.set(life.path, [...(wanted.get(life.path) ?? []), life]);
  for (const [path, all] of wanted) {
    if (isBelow(path, loose)) continue;
    const own = told.get(path) ?? [];
    const wish = toldOf(all, own);
    if (own.length !== wish.length) {
      wrong.push(
        `"${path}" has ${own.length} outcomes, not ${wish.length}: ${own.map(show).join(', ')}; expected ${wish.map(show).join(', ')}`,
      );
      continue;
    }
    wish.forEach((life, i) => {
      const fault = compareLife(own[i] as Told1, life, instants);
      if (fault) wrong.push(`"${path}" ${fault}: ${show(own[i] as Told1)}; expected ${show(life)}`);
    });
  }
  for (const [path, own] of told) {
    if (!wanted.has(path) && !isBelow(path, loose))
      wrong.push(`"${path}" was not expected: ${own.map(show).join(', ')}`);
  }
  return wrong;
}

/** What must have been told, and of what may have been told, what was. */
function toldOf(wish: readonly Life[], own: readonly Told1[]): readonly Life[] {
  let extra = own.length - wish.filter(({ optional }) => !optional).length;
  let at = 0;
  return wish.filter(({ optional, because }) => {
    const { status, because: reason = '' } = own[at] ?? {};
    if (optional && (extra <= 0 || status !== 'skipped' || !because.has(reason))) return false;
    if (optional) extra--;
    at++;
    return true;
  });
}

const show = ({ start, end, status, because, value, attempts }: Told1 | Life): string =>
  `${status}${status === 'success' ? ` ${canonical(value)}` : ` (${typeof because === 'string' ? because : [...(because ?? [])].join(' or ')})`} ${start === undefined ? '' : `from ${start} `}at ${end}${attempts === undefined ? '' : ` in ${attempts} attempts`}`;

function compareLife(told: Told1, wish: Life, instants: boolean): string | undefined {
  if (told.status !== wish.status) return 'has another outcome';
  if (told.status !== 'success' && !wish.because.has(told.because ?? ''))
    return 'has another reason';
  if (told.status === 'success' && canonical(told.value) !== canonical(wish.value))
    return 'has another value';
  if (wish.attempts !== undefined && told.attempts !== wish.attempts)
    return 'has another number of attempts';
  if ('params' in wish && canonical(flat(told.input)) !== canonical(flat(wish.params)))
    return `has the params ${canonical(flat(told.input))}, not ${canonical(flat(wish.params))}`;
  if (!instants) return undefined;
  if (told.start !== wish.start) return 'starts at another instant';
  return told.end === wish.end ? undefined : 'ends at another instant';
}

/** Params with a word in place of every stream. */
export const flat = (params: unknown): unknown =>
  Object.fromEntries(
    Object.entries(params ?? {}).map(([name, value]) => [
      name,
      value instanceof Stream ||
      typeof (value as { subscribe?: unknown } | null)?.subscribe === 'function'
        ? '(stream)'
        : value,
    ]),
  );

/** No step is decided before its links are [2.3]. */
function orderOf(
  graph: Graph,
  events: readonly FlowEvent[],
  loose: ReadonlySet<string>,
  wanted: readonly string[] | undefined,
): string[] {
  if (wanted) return [];
  const wrong: string[] = [];
  const sources = new Map<string, readonly { readonly path: string; readonly stream: boolean }[]>();
  const enter = (inner: Graph, prefix: string) => {
    for (const step of inner.steps) {
      const path = prefix + step.id;
      const links = [...linksInto(step).values()].map(({ from, stream }) => ({
        path: prefix + from,
        stream,
      }));
      sources.set(path, links);
      if (step.work.kind === 'flow') enter(step.work.flow, `${path}.`);
    }
  };
  enter(graph, '');
  const settled = new Set<string>();
  const started = new Set<string>();
  for (const { type, path } of events) {
    if (type === 'STEP_START' || type === 'STEP_SKIP') {
      const parent = path.slice(0, Math.max(0, path.lastIndexOf('.')));
      if (
        type === 'STEP_START' &&
        parent !== '' &&
        !started.has(parent) &&
        !isBelow(path, loose) &&
        sources.has(parent)
      )
        wrong.push(`"${path}" starts before "${parent}"`);
      for (const source of sources.get(path) ?? []) {
        const isReady = settled.has(source.path) || (source.stream && started.has(source.path));
        if (!isReady) wrong.push(`"${path}" is decided before "${source.path}"`);
      }
    }
    if (type === 'STEP_START') {
      started.add(path);
      // A flow that is tried again begins anew.
      for (const set of [settled, started])
        for (const below of set) if (below.startsWith(`${path}.`)) set.delete(below);
    }
    if (type === 'STEP_SKIP' || type === 'STEP_OUTPUT') settled.add(path);
    if (type === 'STEP_RETRY')
      for (const set of [settled, started])
        for (const below of set) if (below.startsWith(`${path}.`)) set.delete(below);
  }
  return wrong;
}

/** State is the fold of the events [5.1]. */
function snapshotOf(
  events: readonly FlowEvent[],
  lives: ReadonlyMap<string, readonly Told1[]>,
  wish: Expected,
): string[] {
  const wrong: string[] = [];
  const snapshot = events.reduce(reduce, emptySnapshot('run', { id: 'flow', hash: '' }));
  if (snapshot.status !== (wish.error ? 'failure' : 'success'))
    wrong.push(`the state says that the run is in ${snapshot.status}`);
  if (!wish.error && canonical(snapshot.output) !== canonical(wish.output))
    wrong.push(`the state has the output ${canonical(snapshot.output)}`);
  // What was told below a step before its last attempt is void.
  const there = new Set<string>();
  for (const event of events) {
    if ('anew' in event)
      for (const path of there)
        if (path.startsWith(`${event.path}.`) || path.startsWith(`${event.path}[`))
          there.delete(path);
    if (event.type !== 'STEP_CHUNK' && event.type !== 'STEP_LATE') there.add(event.path);
  }
  for (const [path, own] of lives) {
    const step = stepState(snapshot, path);
    if (!there.has(path)) {
      if (step) wrong.push(`the state has "${path}", which is void`);
      continue;
    }
    const last = own.at(-1) as Told1;
    const status = last.because === 'cut short' ? 'cancelled' : last.status;
    if (step?.status !== status)
      wrong.push(`the state says that "${path}" is ${step?.status}, not ${status}`);
    else if (status === 'success' && canonical(step.output) !== canonical(last.value))
      wrong.push(`the state has another output of "${path}"`);
  }
  return wrong;
}
