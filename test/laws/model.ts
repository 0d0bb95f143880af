/** Graphs as the laws see them: plain data from which a flow is built, and from which the oracle says what a run of it must do. */
import fc from 'fast-check';
import { type Condition, type JoinPolicy, type Policy, showCondition } from '../../src/index.ts';

export type Value =
  | undefined
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | { readonly [name: string]: Value };

export interface Graph {
  readonly id: string;
  /** Each after the steps that it reads. */
  readonly steps: readonly StepModel[];
  /** Keys by name. */
  readonly outputs: Readonly<Record<string, string>>;
  /** A schema of the author's: these inputs must be numbers, and each is counted up by one when it is checked. */
  readonly declared?: readonly string[] | undefined;
}

export type Source =
  | { readonly key: string; readonly fallback?: Value; readonly unlinked?: true }
  /** `<{{key}}>` */
  | { readonly text: string }
  /** `{ part: '{{key}}', fixed: 1 }` */
  | { readonly part: string }
  | { readonly value: Value };

export interface ParamModel {
  readonly name: string;
  readonly source: Source;
  /** What the schema of the step asks for. */
  readonly needed?: 'any' | 'number' | undefined;
}

export interface LinkModel {
  readonly from: string;
  readonly on?: 'success' | 'failure' | 'settled' | undefined;
  readonly when?: Condition | undefined;
}

export interface Settings {
  readonly retry?:
    | { readonly count: number; readonly delay: number; readonly exponential: boolean }
    | undefined;
  /** In half milliseconds, so that they never tie with a latency. */
  readonly timeout?:
    | { readonly kind: 'attempt' | 'total' | 'idle'; readonly ms: number }
    | undefined;
  readonly fallback?: { readonly value: Value } | undefined;
  /** Settings that change nothing but the way in which the engine runs the step; `one`, one attempt at a time, its instants, too. */
  readonly idleLimit?: 'total' | 'concurrency' | 'one' | undefined;
  /** What concerns live flows only. */
  readonly live?: LiveSettings | undefined;
}

export interface LiveSettings {
  readonly policy?: Policy | undefined;
  readonly maxPending?: number | undefined;
  readonly concurrency?: number | undefined;
  /** Results are compared by their parts. */
  readonly equals?: boolean | undefined;
}

export interface StepModel {
  readonly id: string;
  readonly params: readonly ParamModel[];
  readonly links: readonly LinkModel[];
  readonly when?: Condition | undefined;
  readonly join?: JoinPolicy | undefined;
  readonly settings: Settings;
  readonly work: Work;
}

export interface CodeWork {
  readonly kind: 'code';
  /** A `question` is answered after its latency. */
  readonly form: 'value' | 'generator' | 'stream' | 'thenable' | 'question';
  readonly latency: number;
  /** Each call takes its own time. */
  readonly varies?: boolean | undefined;
  /** Chunks before the result. */
  readonly chunks: number;
  /** So many calls fail before one succeeds. */
  readonly failures: number;
  /** Calls fail for one in five params: for which, the number says. */
  readonly mood?: number | undefined;
  readonly result: 'number' | 'object' | 'list' | 'text' | 'null' | 'undefined';
  /** What it does with the streams among its params. */
  readonly reads: 'all' | 'sorted' | 'first' | 'ignore';
}

export interface FlowWork {
  readonly kind: 'flow';
  readonly flow: Graph;
}

export interface EachWork {
  readonly kind: 'each';
  readonly item: CodeWork | FlowWork;
  readonly as: string;
  readonly concurrency?: number | undefined;
  readonly onError: 'fail' | 'skip' | 'null';
}

export type Work = CodeWork | FlowWork | EachWork;

// --- keys ----------------------------------------------------------------------------------------------------------------------

export interface KeyModel {
  readonly of: 'input' | 'return' | 'error' | 'chunks' | 'param';
  /** The step, or the name of the input. */
  readonly name: string;
  readonly path: readonly string[];
}

export function keyOf(text: string): KeyModel {
  const [name = '', member, ...path] = text.split('.');
  if (member === undefined) return { of: 'input', name, path: [] };
  if (member === 'return' || member === 'error' || member === 'chunks')
    return { of: member, name, path };
  return { of: 'param', name, path: [member] };
}

export function keysOfSource(source: Source): readonly string[] {
  if ('key' in source) return [source.key];
  if ('text' in source) return [source.text];
  return 'part' in source ? [source.part] : [];
}

export function keysOfCondition(condition: Condition): readonly string[] {
  switch (condition.op) {
    case 'and':
      return condition.all.flatMap(keysOfCondition);
    case 'or':
      return condition.any.flatMap(keysOfCondition);
    case 'not':
      return keysOfCondition(condition.of);
    case 'predicate':
      return condition.keys;
    default:
      return [(condition.left as { readonly key: string }).key];
  }
}

/** The inputs that a flow reads. */
export function inputsRead(graph: Graph): readonly string[] {
  const keys = [...Object.values(graph.outputs)];
  for (const { params, links, when } of graph.steps) {
    for (const { source } of params) keys.push(...keysOfSource(source));
    for (const condition of [when, ...links.map((link) => link.when)])
      if (condition) keys.push(...keysOfCondition(condition));
  }
  const names = keys.map(keyOf).filter(({ of }) => of === 'input');
  return [...new Set(names.map(({ name }) => name))].sort();
}

/** The inputs without which a flow cannot begin: those that a needed param takes as they are. */
export function inputsNeeded(graph: Graph): ReadonlySet<string> {
  if (graph.declared) return new Set(graph.declared);
  const needed = new Set<string>();
  for (const step of graph.steps) {
    for (const param of step.params) {
      const { source } = param;
      if (!('key' in source) || source.fallback !== undefined || !isNeeded(step, param)) continue;
      const { of, name } = keyOf(source.key);
      if (of === 'input') needed.add(name);
    }
  }
  return needed;
}

export const isNeeded = ({ work }: StepModel, { name, needed }: ParamModel): boolean =>
  needed !== undefined || (work.kind === 'flow' && inputsNeeded(work.flow).has(name));

// --- what steps compute --------------------------------------------------------------------------------------------------------

/** JSON with the names of objects in order. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  ) ?? 'undefined';

/** The result of a step: a function of its id and its params. */
export function answer(result: CodeWork['result'], id: string, params: unknown): Value {
  let hash = 7;
  for (const character of `${id}${canonical(params)}`)
    hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
  const n = hash % 5;
  switch (result) {
    case 'number':
      return n;
    case 'object':
      return { n, s: `${id}${n}` };
    case 'list':
      return [n, n + 1];
    case 'text':
      return `t${n}`;
    case 'null':
      return null;
    case 'undefined':
      return undefined;
  }
}

const always = 99;

/** The work as it is at these params. */
export function timed(work: CodeWork, id: string, params: unknown): CodeWork {
  if (!work.varies && work.mood === undefined) return work;
  const { n } = answer('object', id, params) as { readonly n: number };
  const latency = work.varies ? (work.latency + 7 * n) % 21 : work.latency;
  return { ...work, latency, failures: work.mood === n ? always : work.failures };
}

export const chunkOf = (id: string, i: number): string => `${id}.${i}`;
export const chunkText = (chunk: unknown): string => JSON.stringify(chunk) ?? 'undefined';
/** When the chunk comes, after the start. */
export const chunkTime = (
  { latency, chunks }: Pick<CodeWork, 'latency' | 'chunks'>,
  i: number,
): number => Math.floor((latency * (i + 1)) / (chunks + 1));

// --- as text -------------------------------------------------------------------------------------------------------------------

const showSource = (source: Source): string => {
  if ('key' in source)
    return `${source.key}${source.fallback === undefined ? '' : ` else ${canonical(source.fallback)}`}${source.unlinked ? ' (unlinked)' : ''}`;
  if ('text' in source) return `<${source.text}>`;
  return 'part' in source ? `{${source.part}}` : canonical(source.value);
};

const showLive = ({ policy, maxPending, concurrency, equals }: LiveSettings): string =>
  `${policy ? ` ${policy}` : ''}${concurrency ? ` by ${concurrency}` : ''}${maxPending ? ` maxPending ${maxPending}` : ''}${equals ? ' equals' : ''}`;

const showSettings = ({ retry, timeout, fallback, idleLimit, live }: Settings): string =>
  [
    retry && ` retry ${retry.count} after ${retry.delay}${retry.exponential ? ' exponential' : ''}`,
    timeout && ` timeout ${timeout.kind} ${timeout.ms}`,
    fallback && ` fallback ${canonical(fallback.value)}`,
    idleLimit && ` limit ${idleLimit}`,
    live && showLive(live),
  ]
    .filter(Boolean)
    .join('');

const showCode = (work: CodeWork): string =>
  `${work.form} ${work.latency}ms ${work.chunks > 0 ? `${work.chunks} chunks ` : ''}${work.failures > 0 ? `fails ${work.failures} ` : ''}${work.mood === undefined ? '' : `mood ${work.mood} `}-> ${work.result}${work.reads === 'all' ? '' : ` reads ${work.reads}`}`;

/** Steps and links as lines of text. */
export function showGraph(graph: Graph, indent = ''): string {
  const lines = graph.declared ? [`${indent}input ${graph.declared.join(', ')}: number`] : [];
  const flow = (inner: Graph) => `\n${showGraph(inner, `${indent}    `)}`;
  for (const { id, params, links, when, join, settings, work } of graph.steps) {
    const given = params.map(
      ({ name, source, needed }) =>
        `${name}${needed ? (needed === 'any' ? '!' : '!number') : ''}: ${showSource(source)}`,
    );
    const after = links.map(
      (link) =>
        ` after ${link.from}${link.on ? ` ${link.on}` : ''}${link.when ? ` if (${showCondition(link.when)})` : ''}`,
    );
    const code = work.kind === 'each' ? work.item : work;
    const each =
      work.kind === 'each'
        ? `each as ${work.as}${work.concurrency ? ` by ${work.concurrency}` : ''} ${work.onError}: `
        : '';
    lines.push(
      `${indent}${id}(${given.join(', ')})${after.join('')}${when ? ` when (${showCondition(when)})` : ''}${join ? ` join ${join}` : ''}${showSettings(settings)} = ${each}${code.kind === 'code' ? showCode(code) : `flow${flow(code.flow)}`}`,
    );
  }
  for (const [name, key] of Object.entries(graph.outputs))
    lines.push(`${indent}out ${name} = ${key}`);
  return lines.join('\n');
}

/** What one property run is about: a graph, its input, and what is wanted of it. fast-check prints it as text. */
export interface Case {
  readonly graph: Graph;
  readonly input: Readonly<Record<string, Value>>;
  readonly wanted?: readonly string[] | undefined;
}

export const printable = (given: Case): Case => {
  const wanted = given.wanted ? ` wanted ${given.wanted.join(', ')}` : '';
  const text = () => `\ninput ${canonical(given.input)}${wanted}\n${showGraph(given.graph)}\n`;
  return Object.assign(given, { [fc.toStringMethod]: text });
};
