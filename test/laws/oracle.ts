/**
 * What a run of a graph must come to, worked out step by step from SEMANTICS.md, with no engine: every step's outcome, and the instants
 * at which it starts and ends. Numbers in brackets are clauses. What the clauses leave open is marked "assumed".
 */
import type { Condition } from '../../src/index.ts';
import {
  answer,
  type CodeWork,
  canonical,
  chunkOf,
  chunkText,
  chunkTime,
  type EachWork,
  type Graph,
  inputsNeeded,
  inputsRead,
  isNeeded,
  keyOf,
  keysOfCondition,
  keysOfSource,
  type Settings,
  type Source,
  type StepModel,
  timed,
} from './model.ts';

/** Chunks on their way: read by a step, or handed on as an input of a flow. */
export class Stream {
  readonly chunks: readonly Chunk[];
  readonly end: number;
  readonly ok: boolean;

  constructor(chunks: readonly Chunk[], end: number, ok: boolean) {
    this.chunks = chunks;
    this.end = end;
    this.ok = ok;
  }
}

interface Chunk {
  readonly at: number;
  readonly text: string;
}

/** One start of a step and its end. A step of a flow that is retried has several. */
export interface Life {
  readonly path: string;
  readonly start?: number | undefined;
  readonly end: number;
  readonly status: 'success' | 'failure' | 'skipped';
  readonly value?: unknown;
  readonly params?: unknown;
  readonly attempts?: number | undefined;
  /** The error codes, or the reasons of the skip, that are true of it. */
  readonly because: ReadonlySet<string>;
  /** A step of a flow that does not begin may be told as skipped, too. */
  readonly optional?: true;
}

export interface Expected {
  readonly lives: readonly Life[];
  /** Paths below which calls were cut short: what exactly had happened there by then is a matter of order within an instant. */
  readonly loose: ReadonlySet<string>;
  /** Paths of promises that were not waited for [3.5]. */
  readonly late: ReadonlySet<string>;
  readonly end: number;
  readonly output?: unknown;
  /** The code of the error of the run. */
  readonly error?: string | undefined;
}

/** How a call, an attempt, or a flow ends. */
interface End {
  readonly end: number;
  readonly ok: boolean;
  readonly value?: unknown;
  readonly because: ReadonlySet<string>;
  readonly chunks: readonly Chunk[];
  readonly attempts?: number;
}

interface State extends End {
  readonly start?: number | undefined;
  readonly skipped?: boolean;
  /** A failure, or a skip because of one [2.6]. */
  readonly poison: boolean;
  /** Whether it has no value because a step failed, for [3.1]. */
  readonly rooted: boolean;
  readonly params?: Readonly<Record<string, unknown>>;
}

interface Tale {
  readonly lives: Life[];
  readonly loose: Set<string>;
  readonly late: Set<string>;
  readonly calls: Map<string, number>;
}

const none: ReadonlySet<string> = new Set();

export function expected(
  graph: Graph,
  input: Readonly<Record<string, unknown>>,
  wanted?: readonly string[],
): Expected {
  const tale: Tale = { lives: [], loose: new Set(), late: new Set(), calls: new Map() };
  const { end, ok, value, because } = runFlow(graph, '', input, 0, tale, wanted);
  const { lives, loose, late } = tale;
  return { lives, loose, late, end, ...(ok ? { output: value } : { error: [...because][0] }) };
}

// --- flows ---------------------------------------------------------------------------------------------------------------------

function runFlow(
  graph: Graph,
  path: string,
  given: Readonly<Record<string, unknown>>,
  at: number,
  tale: Tale,
  wanted?: readonly string[],
): End {
  const input = checkedInput(graph, given);
  if (!input)
    return {
      end: at,
      ok: false,
      because: new Set(['invalid-input', 'invalid-params']),
      chunks: [],
    };
  const flow = new FlowTale(graph, input, at);
  const needed = wanted && neededSteps(graph, wanted);
  for (const step of graph.steps) {
    const stepPath = path === '' ? step.id : `${path}.${step.id}`;
    flow.states.set(step.id, runStep(step, stepPath, flow, tale, needed));
  }
  // Steps that only others' streams depend on count as well: no step is left undecided [2.2].
  const end = Math.max(at, ...[...flow.states.values()].map((state) => state.end));
  const output: Record<string, unknown> = {};
  let ok = true;
  for (const [name, key] of Object.entries(graph.outputs)) {
    if (wanted && !wanted.includes(name)) continue;
    const value = flow.read(key);
    if (value !== undefined) output[name] = value;
    // [3.1], [3.2]; assumed: an output that a failure kept from being there needs the step that failed.
    else if (keyOf(key).of !== 'input' && flow.of(key).rooted) ok = false;
  }
  const chunks = outputSteps(graph)
    .flatMap((id) => flow.of(`${id}.return`).chunks)
    .sort((a, b) => a.at - b.at);
  return ok
    ? { end, ok, value: output, because: none, chunks }
    : { end, ok, because: new Set(['run-failed']), chunks };
}

const outputSteps = (graph: Graph): readonly string[] => [
  ...new Set(
    Object.values(graph.outputs)
      .map(keyOf)
      .filter(({ of }) => of === 'return')
      .map(({ name }) => name),
  ),
];

/** The input as the steps see it, or undefined where it is not valid [1.10, 2.9]. */
function checkedInput(
  graph: Graph,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> | undefined {
  for (const name of inputsNeeded(graph)) if (given[name] === undefined) return undefined;
  if (!graph.declared) {
    const known = inputsRead(graph);
    return Object.keys(given).every((name) => known.includes(name)) ? given : undefined;
  }
  const input = { ...given };
  for (const name of graph.declared) {
    const value = given[name];
    if (typeof value !== 'number') return undefined;
    input[name] = value + 1;
  }
  return input;
}

/** [2.15] */
function neededSteps(graph: Graph, wanted: readonly string[]): ReadonlySet<string> {
  const needed = new Set<string>();
  for (const [name, key] of Object.entries(graph.outputs)) {
    const { of, name: step } = keyOf(key);
    if (wanted.includes(name) && of !== 'input') needed.add(step);
  }
  for (const step of [...graph.steps].reverse())
    if (needed.has(step.id)) for (const from of linksInto(step).keys()) needed.add(from);
  return needed;
}

/** What is known of a flow while its steps are gone through. */
class FlowTale {
  readonly graph: Graph;
  readonly input: Readonly<Record<string, unknown>>;
  readonly at: number;
  readonly states = new Map<string, State>();

  constructor(graph: Graph, input: Readonly<Record<string, unknown>>, at: number) {
    this.graph = graph;
    this.input = input;
    this.at = at;
  }

  of(key: string): State {
    return this.states.get(keyOf(key).name) as State;
  }

  read(key: string): unknown {
    const { of, name, path } = keyOf(key);
    if (of === 'input') return this.input[name];
    const state = this.of(key);
    const failed = !state.ok && !state.skipped;
    switch (of) {
      case 'return':
        return partOf(state.ok ? state.value : undefined, path);
      case 'error':
        return partOf(failed ? { code: [...state.because][0] } : undefined, path);
      case 'chunks':
        return state.skipped ? undefined : new Stream(state.chunks, state.end, state.ok);
      case 'param':
        return partOf(state.params, path);
    }
  }
}

const partOf = (value: unknown, path: readonly string[]): unknown =>
  path.reduce(
    (at, name) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined,
    value,
  );

// --- links and admission -------------------------------------------------------------------------------------------------------

export interface OracleLink {
  readonly from: string;
  readonly on: 'success' | 'failure' | 'settled';
  readonly when?: Condition | undefined;
  readonly stream: boolean;
  /** It is waited for, but makes nothing run [2.5]: only the condition of another link reads its source, or what is read has a default. */
  readonly aside: boolean;
  /** All that is read has a default: no skip and no failure is an obstacle [2.5]. */
  readonly optional: boolean;
}

/** The links into a step: stated ones, and those that follow from what it reads [1.3, 1.4]. */
export function linksInto(step: StepModel): ReadonlyMap<string, OracleLink> {
  const reads = new Map<string, Set<string>>();
  const own = new Set<string>();
  const required = new Set<string>();
  const read = (key: string, isOwn: boolean, isRequired = isOwn) => {
    const { of, name } = keyOf(key);
    if (of === 'input') return;
    reads.set(name, (reads.get(name) ?? new Set()).add(of === 'param' ? 'return' : of));
    if (isOwn) own.add(name);
    if (isRequired) required.add(name);
  };
  for (const { source } of step.params)
    if (!('unlinked' in source))
      for (const key of keysOfSource(source))
        read(key, true, !('fallback' in source && source.fallback !== undefined));
  for (const key of step.when ? keysOfCondition(step.when) : []) read(key, true);
  for (const { when } of step.links)
    for (const key of when ? keysOfCondition(when) : []) read(key, false);
  const stated = new Map(step.links.map((link) => [link.from, link]));
  const links = new Map<string, OracleLink>();
  for (const from of new Set([...reads.keys(), ...stated.keys()])) {
    const what = reads.get(from) ?? new Set();
    const link = stated.get(from);
    // [2.4]; assumed: who reads the result, too, wants to run in both cases.
    const derived = what.has('error') ? (what.has('return') ? 'settled' : 'failure') : 'success';
    links.set(from, {
      from,
      on: link?.on ?? derived,
      when: link?.when,
      // Assumed: a link that needs the outcome for anything else is no stream link.
      stream: what.size === 1 && what.has('chunks') && !link?.on && !link?.when,
      aside: !link && !required.has(from),
      optional: !link && own.has(from) && !required.has(from),
    });
  }
  return links;
}

function runStep(
  step: StepModel,
  path: string,
  flow: FlowTale,
  tale: Tale,
  needed: ReadonlySet<string> | undefined,
): State {
  const links = [...linksInto(step).values()];
  const source = (link: OracleLink) => flow.states.get(link.from) as State;
  // [2.3]
  const ready = Math.max(
    flow.at,
    ...links.map((link) => {
      const { start, end } = source(link);
      return link.stream ? (start ?? end) : end;
    }),
  );
  const skip = (reasons: Iterable<string>, rooted: boolean): State => {
    const because = new Set(reasons);
    tale.lives.push({ path, end: ready, status: 'skipped', because });
    if (step.work.kind === 'flow') skipAll(step.work.flow, path, ready, tale);
    const poison = because.has('upstream-failed');
    return { end: ready, ok: false, skipped: true, poison, rooted, because, chunks: [] };
  };
  if (needed && !needed.has(step.id)) return skip(['not-needed'], false);

  const join = step.join ?? 'any';
  const reasons = new Set<string>();
  let rooted = false;
  if (join !== 'settled') {
    // [2.6]; a stream's reader that runs already has begun before the failure [2.12].
    const poisons = (link: OracleLink) =>
      !link.optional &&
      link.on === 'success' &&
      source(link).poison &&
      !(link.stream && source(link).start !== undefined);
    if (links.some(poisons)) return skip(['upstream-failed'], true);
    const counted = links.filter((link) => !link.aside);
    const inactive = counted.filter((link) => !isActive(link, source(link), flow));
    // [2.5]
    if (inactive.length > 0 && (join === 'all' || inactive.length === counted.length)) {
      for (const link of inactive)
        reasons.add(matches(link, source(link)) ? 'condition-false' : 'upstream-skipped');
      rooted = inactive.some((link) => source(link).skipped && source(link).rooted);
    }
  }
  const isRefused = reasons.size > 0;
  if (step.when && !holds(step.when, flow)) reasons.add('condition-false');
  const params: Record<string, unknown> = {};
  for (const param of step.params) {
    const value = resolve(param.source, flow);
    if (value !== undefined) params[param.name] = value;
    else if (isNeeded(step, param)) {
      // [2.8]
      if (reasons.size === 0 || (!isRefused && !reasons.has('condition-false')))
        rooted ||= keysOfSource(param.source).some(
          (key) => keyOf(key).of !== 'input' && flow.of(key).rooted,
        );
      reasons.add('missing-input');
    }
  }
  if (reasons.size > 0) return skip(reasons, rooted);

  const { work } = step;
  const isValid = step.params.every(
    ({ name, needed: type }) => type !== 'number' || typeof params[name] === 'number',
  );
  const done: End = isValid
    ? work.kind === 'flow' && !hasSettings(step.settings)
      ? { ...runFlow(work.flow, path, params, ready, tale), attempts: 1 }
      : attempts(step, path, params, ready, tale)
    : { end: ready, ok: false, because: new Set(['invalid-params']), chunks: [] };
  if (work.kind === 'flow' && done.because.has('invalid-input'))
    skipAll(work.flow, path, done.end, tale);
  tale.lives.push({
    path,
    start: ready,
    end: done.end,
    status: done.ok ? 'success' : 'failure',
    because: done.because,
    ...(work.kind !== 'flow' && { params }),
    ...(done.ok && { value: done.value }),
    attempts: done.because.has('invalid-input') ? undefined : done.attempts,
  });
  return { ...done, start: ready, poison: !done.ok, rooted: !done.ok, params };
}

const notBegun: ReadonlySet<string> = new Set([
  'upstream-skipped',
  'upstream-failed',
  'not-needed',
]);

/** The steps of a flow that does not begin. */
function skipAll(flow: Graph, path: string, end: number, tale: Tale): void {
  for (const { id, work } of flow.steps) {
    const below = `${path}.${id}`;
    tale.lives.push({ path: below, end, status: 'skipped', because: notBegun, optional: true });
    if (work.kind === 'flow') skipAll(work.flow, below, end, tale);
  }
}

export const hasSettings = ({ retry, timeout, fallback, idleLimit }: Settings): boolean =>
  Boolean(retry || timeout || fallback || idleLimit);

/** Whether the outcome is one that the link is for [2.4]. */
const matches = (link: OracleLink, { ok, skipped }: State): boolean =>
  !skipped && (ok ? link.on !== 'failure' : link.on !== 'success');

function isActive(link: OracleLink, source: State, flow: FlowTale): boolean {
  if (link.stream) return source.start !== undefined;
  // Assumed: the condition counts whatever outcome the link is for.
  return matches(link, source) && (!link.when || holds(link.when, flow));
}

function resolve(source: Source, flow: FlowTale): unknown {
  if ('value' in source) return source.value;
  if ('key' in source) {
    const value = flow.read(source.key);
    return value === undefined ? source.fallback : value;
  }
  if ('text' in source) {
    const value = flow.read(source.text);
    if (value === undefined) return undefined;
    return `<${typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)}>`;
  }
  // Assumed: a part without a value is left out.
  const part = flow.read(source.part);
  return { ...(part !== undefined && { part }), fixed: 1 };
}

function holds(condition: Condition, flow: FlowTale): boolean {
  switch (condition.op) {
    case 'and':
      return condition.all.every((part) => holds(part, flow));
    case 'or':
      return condition.any.some((part) => holds(part, flow));
    case 'not':
      return !holds(condition.of, flow);
    case 'predicate':
      throw new Error('not in these graphs');
  }
  const left = flow.read((condition.left as { readonly key: string }).key);
  if (condition.op === 'exists') return left !== undefined;
  const { op, right } = condition;
  switch (op) {
    case 'eq':
      return canonical(left) === canonical(right);
    case 'ne':
      return canonical(left) !== canonical(right);
    case 'gt':
      return typeof left === 'number' && left > (right as number);
    case 'lte':
      return typeof left === 'number' && left <= (right as number);
    case 'isIn':
      return (right as readonly unknown[]).includes(left);
    default:
      throw new Error(`"${op}" is not in these graphs`);
  }
}

// --- attempts ------------------------------------------------------------------------------------------------------------------

const notRetried = ['invalid-params', 'invalid-input', 'invalid-result'];

/** [3.3], [3.4] */
function attempts(
  { id, settings, work }: StepModel,
  path: string,
  params: Readonly<Record<string, unknown>>,
  start: number,
  tale: Tale,
): End {
  const { retry, timeout, fallback } = settings;
  const once = (at: number): End => {
    switch (work.kind) {
      case 'code':
        if (timeout && work.form === 'thenable') tale.late.add(path);
        return withinTime(call(work, id, path, params, at, tale), at, timeout);
      case 'flow':
        return runFlow(work.flow, path, params, at, tale);
      case 'each':
        return each(work, id, path, params, at, tale);
    }
  };
  const total = timeout?.kind === 'total' ? start + timeout.ms : Number.POSITIVE_INFINITY;
  const chunks: Chunk[] = [];
  let attempt = 1;
  let at = start;
  let last: End;
  for (;;) {
    last = once(at);
    chunks.push(...last.chunks);
    const canRetry =
      retry && attempt <= retry.count && !notRetried.some((code) => last.because.has(code));
    if (last.ok || last.end > total || !canRetry) break;
    // [2.12]
    chunks.push({ at: last.end, text: `restart ${attempt + 1}` });
    at = last.end + retry.delay * (retry.exponential ? 2 ** (attempt - 1) : 1);
    attempt++;
    if (at > total) break;
  }
  if (last.end > total || at > total)
    last = { end: total, ok: false, because: new Set(['step-timeout']), chunks: [] };
  const told = chunks.filter((chunk) => chunk.at <= total);
  if (!last.ok && fallback)
    last = { end: last.end, ok: true, value: fallback.value, because: none, chunks: [] };
  // Assumed: an attempt that was announced but not begun counts.
  return { ...last, chunks: told, attempts: attempt };
}

function withinTime(end: End, start: number, timeout: Settings['timeout']): End {
  if (!timeout || timeout.kind === 'total') return end;
  let late = start + timeout.ms;
  if (timeout.kind === 'idle') {
    for (const { at } of end.chunks) if (at <= late) late = at + timeout.ms;
  }
  if (end.end <= late) return end;
  const chunks = end.chunks.filter(({ at }) => at <= late);
  return { end: late, ok: false, because: new Set(['step-timeout']), chunks };
}

/** One call of a step's code, as `build.ts` writes it. */
function call(
  written: CodeWork,
  id: string,
  path: string,
  params: Readonly<Record<string, unknown>>,
  start: number,
  tale: Tale,
): End {
  const calls = (tale.calls.get(path) ?? 0) + 1;
  tale.calls.set(path, calls);
  const failed = (end: number, chunks: readonly Chunk[] = []): End => ({
    end,
    ok: false,
    because: new Set(['step-failed']),
    chunks,
  });
  let at = start;
  const seen: Record<string, unknown> = { ...params };
  const streams = Object.entries(params).filter(
    (entry): entry is [string, Stream] => entry[1] instanceof Stream,
  );
  const broken = streams
    .map(([, stream]) => waitFor(stream, written.reads, start))
    .filter(({ ok }) => !ok)
    .map(({ end }) => end);
  if (broken.length > 0) return failed(Math.min(...broken));
  for (const [name, stream] of streams) {
    const read = waitFor(stream, written.reads, start);
    at = Math.max(at, read.end);
    seen[name] = read.text;
  }
  const work = timed(written, id, seen);
  const fails = calls <= work.failures;
  const chunks: Chunk[] = [];
  const value = answer(work.result, id, seen);
  if (work.form === 'stream' || work.form === 'generator') {
    for (let i = 0; i < work.chunks; i++) {
      const after = work.form === 'stream' ? chunkTime(work, i) : 0;
      chunks.push({ at: at + after, text: chunkText(chunkOf(id, i)) });
    }
  }
  const end = at + (work.form === 'value' || work.form === 'generator' ? 0 : work.latency);
  if (fails) return failed(end, chunks);
  if (work.form === 'stream') chunks.push({ at: end, text: chunkText(value) });
  // [2.10]
  const result =
    work.form === 'generator' && value === undefined && work.chunks > 0
      ? Array.from({ length: work.chunks }, (_, i) => chunkOf(id, i)).join('')
      : value;
  return { end, ok: true, value: result, because: none, chunks };
}

/** When a reader has what it wants of a stream. */
function waitFor(
  { chunks, end, ok }: Stream,
  reads: CodeWork['reads'],
  start: number,
): { readonly end: number; readonly ok: boolean; readonly text: string } {
  const texts = chunks.map(({ text }) => text);
  switch (reads) {
    case 'ignore':
      return { end: start, ok: true, text: 'ignored' };
    case 'first': {
      const [first] = chunks;
      if (first) return { end: Math.max(start, first.at), ok: true, text: first.text };
      return { end: Math.max(start, end), ok, text: 'nothing' };
    }
    default:
      return {
        end: Math.max(start, end),
        ok,
        text: (reads === 'sorted' ? texts.sort() : texts).join(),
      };
  }
}

/** Items side by side, results in the order of the items. */
function each(
  { item, as, concurrency = Number.POSITIVE_INFINITY, onError }: EachWork,
  id: string,
  path: string,
  { items, ...others }: Readonly<Record<string, unknown>>,
  start: number,
  tale: Tale,
): End {
  if (!Array.isArray(items))
    return { end: start, ok: false, because: new Set(['invalid-params']), chunks: [] };
  const busy: number[] = [];
  const lives: Life[] = [];
  const own: Tale = { ...tale, lives };
  const ends = items.map((value: unknown, i): End => {
    const at = busy.length < concurrency ? start : takeLeast(busy);
    const params = { ...others, [as]: value };
    const itemPath = `${path}[${i}]`;
    const end =
      item.kind === 'flow'
        ? runFlow(item.flow, itemPath, params, at, own)
        : call(item, id, itemPath, params, at, own);
    busy.push(end.end);
    lives.push({
      path: itemPath,
      start: at,
      end: end.end,
      status: end.ok ? 'success' : 'failure',
      because: end.because,
      ...(end.ok && { value: end.value }),
      ...(item.kind === 'code' && { params }),
    });
    return end;
  });
  const failures = ends.filter(({ ok }) => !ok);
  if (onError === 'fail' && failures.length > 0) {
    const end = Math.min(...failures.map((failure) => failure.end));
    tale.loose.add(path);
    const because = new Set(
      failures.flatMap((failure) => (failure.end === end ? [...failure.because] : [])),
    );
    // What was told by then stays told, and a fallback lets its readers see it.
    return { end, ok: false, because, chunks: itemsTold(ends, end) };
  }
  tale.lives.push(...lives);
  const value: unknown[] = [];
  const chunks: Chunk[] = [];
  let at = start;
  for (const end of ends) {
    at = Math.max(at, end.end);
    if (!end.ok && onError === 'skip') continue;
    value.push(end.ok ? end.value : null);
    chunks.push({ at, text: chunkText(value.at(-1)) });
  }
  return { end: at, ok: true, value, because: none, chunks };
}

/** The chunks of items until one fails: an item is told when those before it have been. */
function itemsTold(ends: readonly End[], failed: number): readonly Chunk[] {
  const chunks: Chunk[] = [];
  let at = 0;
  for (const end of ends) {
    if (!end.ok || end.end > failed) break;
    at = Math.max(at, end.end);
    chunks.push({ at, text: chunkText(end.value) });
  }
  return chunks;
}

function takeLeast(numbers: number[]): number {
  const least = Math.min(...numbers);
  numbers.splice(numbers.indexOf(least), 1);
  return least;
}
