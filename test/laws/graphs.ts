/** Random graphs. Made of raw numbers, so that fast-check can make a failing one smaller. */
import fc from 'fast-check';
import type { Condition, JoinPolicy } from '../../src/index.ts';
import {
  type Case,
  type CodeWork,
  type FlowWork,
  type Graph,
  inputsNeeded,
  inputsRead,
  keyOf,
  keysOfSource,
  type LinkModel,
  type ParamModel,
  printable,
  type Settings,
  type Source,
  type StepModel,
  type Value,
  type Work,
} from './model.ts';
import { linksInto } from './oracle.ts';

/** What graphs may hold. */
export interface Kinds {
  /** Longest flow, and how deep flows are nested. */
  readonly steps?: number;
  readonly depth?: number;
  readonly failures?: boolean;
  readonly conditions?: boolean;
  readonly streams?: boolean;
  readonly settings?: boolean;
  readonly each?: boolean;
  readonly wanted?: boolean;
  /** Limits of time; where instants are left open they change outcomes. */
  readonly timeouts?: boolean;
  /** Promises whose timers nobody clears. */
  readonly thenables?: boolean;
  /** Steps that ask. */
  readonly questions?: boolean;
  /** What fails, fails always. */
  readonly forGood?: boolean;
  /** Most code answers at once. */
  readonly quick?: boolean;
}

/** All that steps can be and do. */
export const everything = {
  failures: true,
  conditions: true,
  streams: true,
  settings: true,
  each: true,
} as const;

interface RawCondition {
  readonly op: 'eq' | 'ne' | 'gt' | 'lte' | 'isIn' | 'exists' | 'error' | 'and' | 'or' | 'not';
  readonly pick: number;
  readonly right: number;
  readonly parts: readonly RawCondition[];
}

type ParamKind =
  | 'return'
  | 'part'
  | 'input'
  | 'value'
  | 'text'
  | 'object'
  | 'chunks'
  | 'error'
  | 'param'
  | 'default'
  | 'unlinked';

interface RawParam {
  readonly kind: ParamKind;
  readonly pick: number;
  readonly needed: ParamModel['needed'];
}

interface RawStep {
  readonly rank: number;
  readonly params: readonly RawParam[];
  readonly links: readonly {
    readonly pick: number;
    readonly on: LinkModel['on'];
    readonly when: RawCondition | undefined;
  }[];
  readonly when: RawCondition | undefined;
  readonly join: JoinPolicy | undefined;
  readonly settings: Settings;
  readonly work: RawWork;
}

type RawWork =
  | CodeWork
  | { readonly kind: 'flow'; readonly flow: RawGraph }
  | {
      readonly kind: 'each';
      readonly item: CodeWork | { readonly kind: 'flow'; readonly flow: RawGraph };
      readonly items: readonly number[];
      readonly pick: number;
      readonly concurrency: number | undefined;
      readonly onError: 'fail' | 'skip' | 'null';
    };

interface RawGraph {
  readonly steps: readonly RawStep[];
  readonly outputs: readonly number[];
  readonly declared: boolean;
}

// Names of inputs start with `i`, of streams that come in with `c`; ids of steps with anything else.
const letters = 'abdefghjklmnopqrstuvwxyz';
const pick = fc.nat({ max: 60 });
const some = <T>(weight: number, value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof(
    { withCrossShrink: true },
    { weight: 10 - weight, arbitrary: fc.constant(undefined) },
    { weight, arbitrary: value },
  );
const weighted = <T>(...choices: readonly (readonly [number, T])[]): fc.Arbitrary<T> =>
  fc.constantFrom(...choices.flatMap(([weight, value]) => Array<T>(weight).fill(value)));
const list = <T>(item: fc.Arbitrary<T>, least: number, most: number): fc.Arbitrary<T[]> =>
  fc.array(item, { minLength: least, maxLength: most, size: 'max' });

const leaf = (kinds: Kinds): fc.Arbitrary<RawCondition> =>
  fc.record({
    op: weighted<RawCondition['op']>(
      [3, 'exists'],
      [2, 'gt'],
      [2, 'lte'],
      [1, 'eq'],
      [1, 'ne'],
      [1, 'isIn'],
      ...(kinds.failures ? [[1, 'error'] as const] : []),
    ),
    pick,
    right: fc.nat({ max: 4 }),
    parts: fc.constant([]),
  });

const condition = (kinds: Kinds): fc.Arbitrary<RawCondition> =>
  fc.oneof(
    { withCrossShrink: true },
    { weight: 4, arbitrary: leaf(kinds) },
    {
      weight: 1,
      arbitrary: fc.record({
        op: fc.constantFrom<RawCondition['op']>('not', 'and', 'or'),
        pick: fc.constant(0),
        right: fc.constant(0),
        parts: list(leaf(kinds), 1, 2),
      }),
    },
  );

const code = (kinds: Kinds): fc.Arbitrary<CodeWork> =>
  fc
    .record({
      kind: fc.constant('code' as const),
      form: weighted<CodeWork['form']>(
        [kinds.quick ? 40 : 3, 'value'],
        [4, 'stream'],
        [1, 'generator'],
        ...(kinds.thenables === false ? [] : [[2, 'thenable'] as const]),
        ...(kinds.questions ? [[4, 'question'] as const] : []),
      ),
      latency: fc.oneof(fc.constantFrom(0, 2, 5, 5, 10), fc.nat({ max: 20 })),
      chunks: weighted([3, 0], [1, 1], [1, 3]),
      failures: kinds.failures
        ? kinds.forGood
          ? weighted([12, 0], [2, 99])
          : weighted([12, 0], [1, 1], [1, 2], [2, 99])
        : fc.constant(0),
      result: weighted<CodeWork['result']>(
        [6, 'number'],
        [3, 'object'],
        [2, 'list'],
        [1, 'text'],
        ...(kinds.conditions
          ? ([
              [1, 'null'],
              [1, 'undefined'],
            ] as const)
          : []),
      ),
      reads: weighted<CodeWork['reads']>([4, 'all'], [2, 'first'], [1, 'ignore']),
    })
    .map((made) => (made.form === 'question' ? { ...made, failures: 0, chunks: 0 } : made));

const settings = (kinds: Kinds): fc.Arbitrary<Settings> =>
  kinds.settings
    ? fc.oneof(
        { withCrossShrink: true },
        { weight: 6, arbitrary: fc.constant({}) },
        {
          weight: 3,
          arbitrary: fc.record({
            retry: some(
              7,
              fc.record({
                count: fc.nat({ max: 2 }),
                delay: fc.nat({ max: 5 }),
                exponential: fc.boolean(),
              }),
            ),
            timeout: some(
              kinds.timeouts === false ? 0 : 3,
              fc.record({
                kind: fc.constantFrom<'attempt' | 'total' | 'idle'>('attempt', 'total', 'idle'),
                ms: fc.nat({ max: 15 }).map((ms) => ms + 0.5),
              }),
            ),
            fallback: some(3, fc.record({ value: fc.nat({ max: 4 }) })),
            idleLimit: some(3, fc.constantFrom<'total' | 'concurrency'>('total', 'concurrency')),
          }),
        },
      )
    : fc.constant({});

function work(kinds: Kinds, depth: number): fc.Arbitrary<RawWork> {
  const plain = code(kinds);
  const flow = depth > 0 ? rawFlow(kinds, depth - 1) : undefined;
  const choices: fc.WeightedArbitrary<RawWork>[] = [{ weight: 12, arbitrary: plain }];
  if (flow) choices.push({ weight: 3, arbitrary: flow });
  if (kinds.each) {
    choices.push({
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('each' as const),
        item: flow ? fc.oneof({ withCrossShrink: true }, plain, flow) : plain,
        items: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
        pick,
        concurrency: fc.constantFrom(undefined, 1, 2),
        onError: fc.constantFrom<'fail' | 'skip' | 'null'>('fail', 'skip', 'null'),
      }),
    });
  }
  return fc.oneof({ withCrossShrink: true }, ...choices);
}

const rawFlow = (kinds: Kinds, depth: number) =>
  fc.record({ kind: fc.constant('flow' as const), flow: rawGraph(kinds, depth, 1, 4) });

const rawStep = (kinds: Kinds, depth: number): fc.Arbitrary<RawStep> =>
  fc.record({
    rank: fc.nat({ max: letters.length - 1 }),
    params: list(
      fc.record({
        kind: weighted<ParamKind>(
          [8, 'return'],
          [2, 'part'],
          [2, 'input'],
          [1, 'value'],
          [1, 'text'],
          [1, 'object'],
          [1, 'param'],
          [2, 'default'],
          ...(kinds.conditions ? [[1, 'unlinked'] as const] : []),
          ...(kinds.streams ? [[3, 'chunks'] as const] : []),
          ...(kinds.failures ? [[1, 'error'] as const] : []),
        ),
        pick,
        needed: kinds.conditions
          ? weighted<ParamModel['needed']>([9, undefined], [3, 'any'], [1, 'number'])
          : fc.constant(undefined),
      }),
      0,
      3,
    ),
    links: fc.oneof(
      { withCrossShrink: true },
      { weight: 2, arbitrary: fc.constant([]) },
      {
        weight: 1,
        arbitrary: list(
          fc.record({
            pick,
            on: kinds.failures
              ? weighted<LinkModel['on']>(
                  [3, undefined],
                  [1, 'failure'],
                  [2, 'settled'],
                  [1, 'success'],
                )
              : fc.constant(undefined),
            when: kinds.conditions ? some(4, condition(kinds)) : fc.constant(undefined),
          }),
          1,
          2,
        ),
      },
    ),
    when: kinds.conditions ? some(1, condition(kinds)) : fc.constant(undefined),
    join: weighted<JoinPolicy | undefined>([4, undefined], [1, 'any'], [2, 'all'], [2, 'settled']),
    settings: settings(kinds),
    work: work(kinds, depth),
  });

const rawGraph = (
  kinds: Kinds,
  depth: number,
  least: number,
  most: number,
): fc.Arbitrary<RawGraph> =>
  fc.record({
    steps: list(rawStep(kinds, depth), least, most),
    outputs: list(pick, 0, 4),
    declared: weighted([4, false], [1, true]),
  });

/** A graph with its input and what is wanted of it. */
export function cases(kinds: Kinds): fc.Arbitrary<Case> {
  const { steps = 14, depth = 2 } = kinds;
  const graph = fc.oneof(
    { weight: 30, arbitrary: rawGraph(kinds, depth, 1, steps) },
    ...(steps >= 14 ? [{ weight: 1, arbitrary: rawGraph(kinds, 1, 20, 40) }] : []),
  );
  return fc
    .tuple(graph, list(fc.oneof(fc.nat({ max: 4 }), fc.constant(null)), 3, 3), fc.nat({ max: 255 }))
    .map(([raw, values, bits]) => {
      const made = makeGraph({ ...raw, declared: false }, 'flow', false, true);
      const needed = inputsNeeded(made);
      const input: Record<string, Value> = {};
      for (const name of inputsRead(made)) {
        const value = values[Number(name.slice(1))] as Value;
        // Now and then an input is missing that no step insists on.
        if (needed.has(name) || (bits & 7) !== Number(name.slice(1))) input[name] = value;
      }
      const names = Object.keys(made.outputs);
      const wanted =
        kinds.wanted && (bits & 28) === 0
          ? names.filter((_, i) => (bits >> (5 + (i % 3))) & 1)
          : undefined;
      return printable({ graph: made, input, wanted });
    });
}

// --- from raw to model ---------------------------------------------------------------------------------------------------------

const inputName = (at: number): string => `i${at % 3}`;

function makeGraph(raw: RawGraph, id: string, hasStreams: boolean, keepsCount: boolean): Graph {
  const maker = new Maker(hasStreams, keepsCount);
  for (const step of raw.steps) maker.add(step);
  const { steps } = maker;
  const outputs: Record<string, string> = {};
  raw.outputs.forEach((at, i) => {
    const step = steps[at % (steps.length + 1)];
    outputs[`o${i}`] = step
      ? `${step.id}.return${at > 50 && step.work.kind !== 'flow' ? '.n' : ''}`
      : inputName(at);
  });
  const graph: Graph = { id, steps, outputs };
  const values = inputsRead(graph).filter((name) => name.startsWith('i'));
  return raw.declared && values.length > 0 ? { ...graph, declared: values.slice(0, 1) } : graph;
}

class Maker {
  readonly steps: StepModel[] = [];
  private readonly hasStreams: boolean;
  /** Whether steps may fail a number of times only: not where a call may be cut short. */
  private readonly keepsCount: boolean;
  private streams = 0;
  private readonly before = new Map<string, ReadonlySet<string>>();

  constructor(hasStreams: boolean, keepsCount: boolean) {
    this.hasStreams = hasStreams;
    this.keepsCount = keepsCount;
  }

  add(raw: RawStep): void {
    const id = `${letters[raw.rank]}${this.steps.length}`;
    const links: LinkModel[] = [];
    if (this.steps.length > 0) {
      for (const { pick: at, on, when } of raw.links) {
        const from = this.source(at).id;
        if (links.some((link) => link.from === from)) continue;
        links.push({ from, on, when: when ? this.condition(when) : undefined });
      }
    }
    const work = this.work(raw.work, id);
    const params = this.params(raw, work);
    const step: StepModel = {
      id,
      params,
      links,
      join: raw.join,
      when: raw.when ? this.condition(raw.when) : undefined,
      settings: this.settings(raw.settings, work, params),
      work: this.reading(work, params),
    };
    const unlinked = this.withUnlinked(step, raw);
    this.steps.push(unlinked);
    const before = new Set<string>();
    for (const link of linksInto(unlinked).values()) {
      if (link.stream) continue;
      before.add(link.from);
      for (const each of this.before.get(link.from) ?? []) before.add(each);
    }
    this.before.set(id, before);
  }

  private source(at: number): StepModel {
    // Rather a near one: long ways through the graph are worth more than wide ones.
    const { length } = this.steps;
    const back = at % 3 === 0 ? at % length : at % Math.min(4, length);
    return this.steps[length - 1 - back] as StepModel;
  }

  private work(raw: RawWork, id: string): Work {
    switch (raw.kind) {
      case 'code':
        return this.keepsCount || raw.failures === 0 ? raw : { ...raw, failures: 99 };
      case 'flow':
        return { kind: 'flow', flow: makeGraph(raw.flow, id, true, this.keepsCount) };
      case 'each': {
        const { concurrency, onError } = raw;
        const flow =
          raw.item.kind === 'flow' ? makeGraph(raw.item.flow, id, false, false) : undefined;
        const names = flow ? inputsRead(flow) : ['i0'];
        const item: CodeWork | FlowWork =
          flow && names.length > 0
            ? { kind: 'flow', flow }
            : {
                ...(raw.item.kind === 'code' ? raw.item : plainCode),
                ...(raw.item.kind === 'code' && raw.item.failures > 0 && { failures: 99 }),
                varies: true,
              };
        return { kind: 'each', item, as: names[0] ?? 'i0', concurrency, onError };
      }
    }
  }

  private params(raw: RawStep, work: Work): ParamModel[] {
    if (work.kind === 'flow') {
      const needed = inputsNeeded(work.flow);
      return inputsRead(work.flow).flatMap((name, i): ParamModel[] => {
        const given = raw.params[i % Math.max(1, raw.params.length)];
        if (name.startsWith('c')) {
          const source = this.stream(i + (given?.pick ?? 0));
          return source || needed.has(name) ? [{ name, source: source ?? { value: i } }] : [];
        }
        if (!given) return needed.has(name) ? [{ name, source: { value: i } }] : [];
        if (!needed.has(name) && given.pick > 50) return [];
        return [{ name, source: this.value(given) }];
      });
    }
    if (work.kind === 'each') {
      const { work: rawWork } = raw;
      const from = raw.params[0];
      const items: Source =
        this.steps.length > 0 && rawWork.kind === 'each' && rawWork.pick > 40
          ? { key: `${this.source(rawWork.pick).id}.return` }
          : { value: rawWork.kind === 'each' ? rawWork.items : [] };
      const others = work.item.kind === 'flow' ? inputsRead(work.item.flow) : ['i0', 'i1'];
      return [
        { name: 'items', source: items },
        ...others
          .filter((name) => name !== work.as)
          .map((name) => ({ name, source: from ? this.value(from) : { value: 1 } })),
      ];
    }
    return raw.params.map((param, i) => {
      const source = param.kind === 'chunks' ? this.stream(param.pick) : undefined;
      if (source) return { name: `p${i}`, source, ...(param.needed && { needed: 'any' as const }) };
      const value = this.value(param);
      return { name: `p${i}`, source: value, needed: 'value' in value ? undefined : param.needed };
    });
  }

  private stream(at: number): Source | undefined {
    if (this.hasStreams && (at % 4 === 0 || this.steps.length === 0))
      return { key: `c${this.streams++}` };
    return this.steps.length > 0 ? { key: `${this.source(at).id}.chunks` } : undefined;
  }

  /** A source of anything but a stream. */
  private value({ kind, pick: at }: RawParam): Source {
    if (this.steps.length === 0 || kind === 'input') return { key: inputName(at) };
    const { id, work, params } = this.source(at);
    const outputs = work.kind === 'flow' ? Object.keys(work.flow.outputs) : ['n'];
    const part =
      outputs.length > 0 ? `${id}.return.${outputs[at % outputs.length]}` : `${id}.return`;
    switch (kind) {
      case 'value':
        return { value: at % 5 };
      case 'part':
        return { key: part };
      case 'text':
        return { text: at % 2 ? `${id}.return` : inputName(at) };
      case 'object':
        return { part: `${id}.return` };
      case 'default':
        return { key: at % 2 ? part : `${id}.return`, fallback: at % 5 };
      case 'error':
        // The error of items that fail at the same instant is a matter of their order.
        return { key: work.kind === 'each' ? `${id}.return` : `${id}.error.code` };
      case 'param': {
        const own = params.find(({ source }) => !keysOfSource(source).some(isStreamKey));
        return { key: own && work.kind === 'code' ? `${id}.${own.name}` : `${id}.return` };
      }
      default:
        return { key: `${id}.return` };
    }
  }

  private condition({ op, pick: at, right, parts }: RawCondition): Condition {
    if (op === 'and') return { op, all: parts.map((part) => this.condition(part)) };
    if (op === 'or') return { op, any: parts.map((part) => this.condition(part)) };
    if (op === 'not') return { op, of: this.condition(parts[0] as RawCondition) };
    const isInput = this.steps.length === 0 || at % 7 === 0;
    const source = isInput ? undefined : this.source(at);
    if (op === 'error')
      return { op: 'exists', left: { key: source ? `${source.id}.error` : inputName(at) } };
    const part =
      source && source.work.kind === 'code' && source.work.result === 'object' ? '.n' : '';
    const left = { key: source ? `${source.id}.return${part}` : inputName(at) };
    if (op === 'exists') return { op, left };
    return { op, left, right: op === 'isIn' ? [right, right + 1, right + 2] : right };
  }

  private settings(raw: Settings, work: Work, params: readonly ParamModel[]): Settings {
    const { retry, timeout, fallback, idleLimit } = raw;
    const isTimed =
      work.kind === 'code' && !params.some(({ source }) => keysOfSource(source).some(isStreamKey));
    return { retry, timeout: isTimed ? timeout : undefined, fallback, idleLimit };
  }

  /** A step reads streams in the way that suits where they come from. */
  private reading(work: Work, params: readonly ParamModel[]): Work {
    if (work.kind !== 'code') return work;
    const sources = params
      .flatMap(({ source }) => keysOfSource(source))
      .filter(isStreamKey)
      .map((key) => this.steps.find(({ id }) => id === keyOf(key).name)?.work.kind);
    if (sources.length === 0) return { ...work, reads: 'all' };
    const isOrdered = sources.every((kind) => kind === 'code' || kind === 'each');
    const isPlain = sources.every((kind) => kind === 'code');
    const reads =
      work.reads === 'ignore' || (work.reads === 'first' && isPlain)
        ? work.reads
        : isOrdered
          ? 'all'
          : 'sorted';
    return { ...work, form: 'stream', reads };
  }

  /** Reads a step without a link to it, where another way makes sure that it comes before. */
  private withUnlinked(step: StepModel, raw: RawStep): StepModel {
    if (step.work.kind !== 'code') return step;
    const at = raw.params.findIndex(({ kind }) => kind === 'unlinked');
    const param = step.params[at];
    if (!param) return step;
    const others = { ...step, params: step.params.filter((each) => each !== param) };
    const before = [...linksInto(others).values()]
      .filter((link) => !link.stream)
      .flatMap((link) => [...(this.before.get(link.from) ?? [])]);
    const from = before[(raw.params[at] as RawParam).pick % Math.max(1, before.length)];
    if (from === undefined) return step;
    const source: Source = { key: `${from}.return`, unlinked: true };
    return {
      ...step,
      params: step.params.map((each) => (each === param ? { ...each, source } : each)),
    };
  }
}

const isStreamKey = (key: string): boolean =>
  keyOf(key).of === 'chunks' || (keyOf(key).of === 'input' && key.startsWith('c'));

/** The least that a step can be. */
export const plainCode: CodeWork = {
  kind: 'code',
  form: 'value',
  latency: 0,
  chunks: 0,
  failures: 0,
  result: 'number',
  reads: 'all',
};
