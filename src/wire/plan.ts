/**
 * A definition made ready to run: every step a node, every link an entry in a list, every key a function. Made once per flow.
 * Flows used as steps become part of the plan of the flow around them, so that depth costs nothing and a run has one log.
 *
 * P1 A flow, the root included, is two nodes around those of its steps: `open` admits its input, `close` gathers its outputs.
 * P2 Nodes stand in an order in which each comes after its sources; the order follows from ids, not from insertion.
 */
import type { Binding, Reader } from '../graph/binding.ts';
import { keysOf, resolver } from '../graph/binding.ts';
import { type Condition, conditionKeys, showCondition, tester } from '../graph/condition.ts';
import type { FlowDefinition, Link, StepEntry, StepSettings } from '../graph/definition.ts';
import { type Key, parseKey } from '../graph/key.ts';
import { jsonSchemaOf, propertiesOf } from '../graph/schema.ts';
import type { Outcome } from '../state/outcome.ts';
import { isSimple } from './attempt.ts';
import type { Step } from './step.ts';

/** What the code of a plan reads of a run. */
export interface View {
  readonly outcomes: readonly (Outcome | undefined)[];
  /** The params of the steps of which others read a param. */
  readonly inputs: readonly unknown[];
  hasStarted(node: number): boolean;
  channel(channel: number): unknown;
  /** The path of a node of this plan from the root of the whole run. */
  at(path: string): string;
  errorJson(outcome: Outcome): unknown;
}

export interface PlanCondition {
  readonly condition: Condition;
  readonly text: string;
  test(run: View): boolean;
  /** What it read, by key. */
  values(run: View): Readonly<Record<string, unknown>>;
}

export interface PlanLink {
  readonly link: Link;
  /** The node whose outcome counts. */
  readonly source: number;
  /** The node whose start counts, for a stream link. */
  readonly start: number;
  readonly when?: PlanCondition;
}

export interface PlanParam {
  readonly name: string;
  readonly required: boolean;
  readonly binding: Binding;
  resolve(run: View): unknown;
}

/** One flow in the plan. */
export interface Scope {
  readonly definition: FlowDefinition<Step>;
  /** The path of the flow; empty for the root. */
  readonly path: string;
  readonly open: number;
  close: number;
  readonly parent: Scope | undefined;
  /** The nodes whose outcome and whose start each step is known by. */
  readonly nodes: Map<string, { readonly outcome: number; readonly start: number }>;
}

export interface PlanNode {
  readonly kind: 'open' | 'step' | 'close';
  readonly index: number;
  readonly id: string;
  readonly path: string;
  /** The flow that the node belongs to; for `open` and `close`, the flow that they stand around. */
  readonly scope: Scope;
  /** The flow whose `open` must have succeeded. Undefined for the root's own `open`. */
  readonly gate: Scope | undefined;
  readonly step: Step;
  readonly settings: StepSettings;
  readonly isSimple: boolean;
  readonly links: readonly PlanLink[];
  /** For `close`, the outputs. */
  readonly params: readonly PlanParam[];
  readonly when: PlanCondition | undefined;
  /** How many arrivals it waits for. */
  missing: number;
  /** Nodes that wait for its outcome; those that wait for its start only. */
  readonly targets: number[];
  readonly startTargets: number[];
  /** Streams that its chunks are part of: its own, and those of the flows that have its result as an output. */
  readonly streams: readonly number[];
  /** The same, those that nobody reads included. */
  readonly allStreams: readonly number[];
  /** Its chunks are chunks of the whole flow. */
  readonly feedsRoot: boolean;
  /** The channels that its params read. */
  readonly reads: number[];
  /** Somebody reads its params. */
  keepsInput: boolean;
}

/** A param that reads chunks: whose, and for whom. */
export interface PlanChannel {
  readonly stream: number;
  readonly source: string;
  readonly keepsAll: boolean;
}

export interface Plan {
  readonly definition: FlowDefinition<Step>;
  readonly nodes: readonly PlanNode[];
  /** How many arrivals each node waits for. */
  readonly missing: Int32Array;
  readonly root: Scope;
  readonly channels: readonly PlanChannel[];
  /** Channels by the stream that they carry. */
  readonly channelsOf: ReadonlyMap<number, readonly number[]>;
  /** Step nodes by path; for a flow used as a step, its `close`. */
  readonly byPath: ReadonlyMap<string, PlanNode>;
}

const none: readonly never[] = [];

export function makePlan(definition: FlowDefinition<Step>): Plan {
  return new Planner().plan(definition);
}

class Planner {
  private readonly nodes: Mutable<PlanNode>[] = [];
  private readonly channels: PlanChannel[] = [];
  private readonly byPath = new Map<string, PlanNode>();
  private readonly feeders = new Map<number, Mutable<PlanNode>[]>();

  plan(definition: FlowDefinition<Step>): Plan {
    const open = this.add({
      kind: 'open',
      id: definition.id,
      path: '',
      settings: {},
      step: noStep,
    });
    const root = this.flow(definition, '', open, undefined);
    const channelsOf = new Map<number, number[]>();
    this.channels.forEach(({ stream }, i) => {
      const known = channelsOf.get(stream);
      if (known) known.push(i);
      else channelsOf.set(stream, [i]);
    });
    // Most streams have no reader: then there is nothing to do per chunk.
    for (const node of this.nodes) {
      node.feedsRoot = node.streams.includes(root.close);
      node.allStreams = node.streams;
      node.streams = node.streams.filter((stream) => channelsOf.has(stream));
    }
    const missing = Int32Array.from(this.nodes, (node) => node.missing);
    return {
      definition,
      nodes: this.nodes,
      missing,
      root,
      channels: this.channels,
      channelsOf,
      byPath: this.byPath,
    };
  }

  private add(
    node: Partial<PlanNode> & Pick<PlanNode, 'kind' | 'id' | 'path' | 'settings' | 'step'>,
  ): Mutable<PlanNode> {
    const made = {
      links: none,
      params: none,
      when: undefined,
      gate: undefined,
      isSimple: isSimple(node.settings),
      missing: 0,
      targets: [],
      startTargets: [],
      streams: none,
      allStreams: none,
      feedsRoot: false,
      reads: [],
      keepsInput: false,
      scope: undefined as unknown as Scope,
      ...node,
      index: this.nodes.length,
    } satisfies PlanNode;
    this.nodes.push(made);
    return made;
  }

  /** Plans a flow whose `open` node is there already. */
  private flow(
    definition: FlowDefinition<Step>,
    path: string,
    open: Mutable<PlanNode>,
    parent: Scope | undefined,
  ): Scope {
    const scope: Scope = {
      definition,
      path,
      open: open.index,
      close: -1,
      parent,
      nodes: new Map(),
    };
    open.scope = scope;
    const ends = new Set<number>();
    for (const id of definition.order) {
      const entry = definition.steps.get(id) as StepEntry<Step>;
      const made = this.step(entry, scope);
      ends.add(made.outcome);
      for (const { link, source } of this.at(made.start).links)
        if (!link.stream) ends.delete(source);
    }
    const close = this.add({
      kind: 'close',
      id: open.id,
      path,
      scope,
      gate: parent,
      settings: {},
      step: open.step,
    });
    scope.close = close.index;
    close.params = [...definition.outputs].map(([name, binding]) =>
      this.param(name, binding, false, scope, close),
    );
    // Without steps, the outputs come from the input.
    if (ends.size === 0) ends.add(open.index);
    for (const end of ends) this.wait(close, end);
    for (const stream of this.outputStreams(scope)) this.feed(stream, close.index);
    return scope;
  }

  private step(entry: StepEntry<Step>, scope: Scope): { outcome: number; start: number } {
    const path = scope.path === '' ? entry.id : `${scope.path}.${entry.id}`;
    const { definition } = entry.step;
    // With settings of its own a flow is run as a whole, as one step: a retry runs it again.
    const isInlined = definition !== undefined && isSimple(entry.settings);
    const node = this.add({
      kind: isInlined ? 'open' : 'step',
      id: entry.id,
      path,
      scope,
      gate: scope,
      step: entry.step,
      settings: entry.settings,
    });
    this.connect(node, entry, scope);
    if (!isInlined) {
      this.feeds(node, node.index);
      this.byPath.set(path, node);
      const made = { outcome: node.index, start: node.index };
      scope.nodes.set(entry.id, made);
      return made;
    }
    const inner = this.flow(definition as FlowDefinition<Step>, path, node, scope);
    this.byPath.set(path, this.at(inner.close));
    const made = { outcome: inner.close, start: node.index };
    scope.nodes.set(entry.id, made);
    return made;
  }

  private connect(node: Mutable<PlanNode>, entry: StepEntry<Step>, scope: Scope): void {
    const { definition } = scope;
    const links = (definition.linksInto.get(entry.id) ?? []).map((link): PlanLink => {
      const { outcome, start } = this.sourceOf(scope, link.from);
      return {
        link,
        source: outcome,
        start,
        ...(link.when && { when: this.condition(link.when, scope, node) }),
      };
    });
    node.links = links;
    node.when = entry.settings.when && this.condition(entry.settings.when, scope, node);
    const needed = new Set(propertiesOf(jsonSchemaOf(entry.step.input, 'input'))?.required);
    node.params = [...(definition.params.get(entry.id) ?? [])].map(([name, binding]) =>
      this.param(name, binding, needed.has(name), scope, node),
    );
    for (const { link, source, start } of links) {
      if (link.stream) this.at(start).startTargets.push(node.index);
      else this.at(source).targets.push(node.index);
    }
    node.missing = links.length;
    if (links.length === 0) this.wait(node, scope.open);
  }

  private wait(node: PlanNode, source: number): void {
    this.at(source).targets.push(node.index);
    node.missing++;
  }

  private param(
    name: string,
    binding: Binding,
    isNeeded: boolean,
    scope: Scope,
    node: PlanNode,
  ): PlanParam {
    return {
      name,
      binding,
      required: isNeeded || ('key' in binding && binding.required === true),
      resolve: resolver(binding, this.reader(scope, node)),
    };
  }

  private condition(condition: Condition, scope: Scope, node: PlanNode): PlanCondition {
    const reader = this.reader(scope, node);
    const reads = conditionKeys(condition).map((key) => [key, resolver({ key }, reader)] as const);
    return {
      condition,
      text: showCondition(condition),
      test: tester(condition, reader),
      values: (run) => Object.fromEntries(reads.map(([key, read]) => [key, read(run)])),
    };
  }

  /** How the value of a key is found in a run, for a node of this flow. */
  private reader(scope: Scope, node: PlanNode): Reader<View> {
    return (key: Key) => {
      if (key.of === 'input') return inputReader(scope.open, key.path[0]);
      const { outcome, start } = this.sourceOf(scope, key.step);
      switch (key.of) {
        case 'return':
          return (run) => valueOf(run.outcomes[outcome]);
        case 'error':
          return (run) => {
            const ended = run.outcomes[outcome];
            return ended?.status === 'failure' ? run.errorJson(ended) : undefined;
          };
        case 'param': {
          const [name] = key.path;
          this.at(start).keepsInput = true;
          return (run) => propertyOf(run.inputs[start], name);
        }
        case 'chunks': {
          const channel = this.channels.push({
            stream: outcome,
            source: key.step,
            keepsAll: node.settings.retry !== undefined,
          });
          node.reads.push(channel - 1);
          return (run) => run.channel(channel - 1);
        }
      }
    };
  }

  /** The steps whose chunks are the chunks of the flow: those that its outputs read. */
  private outputStreams(scope: Scope): ReadonlySet<number> {
    const streams = new Set<number>();
    for (const binding of scope.definition.outputs.values()) {
      for (const text of keysOf(binding)) {
        const key = parseKey(text);
        if (key.of === 'return') streams.add(this.sourceOf(scope, key.step).outcome);
      }
    }
    return streams;
  }

  /** Whatever is told in the stream of one node is told in that of another, too. */
  private feed(stream: number, into: number): void {
    for (const node of this.feeders.get(stream) ?? []) this.feeds(node, into);
  }

  private feeds(node: Mutable<PlanNode>, stream: number): void {
    node.streams = [...node.streams, stream];
    const feeders = this.feeders.get(stream);
    if (feeders) feeders.push(node);
    else this.feeders.set(stream, [node]);
  }

  private sourceOf(scope: Scope, id: string): { readonly outcome: number; readonly start: number } {
    return scope.nodes.get(id) as { outcome: number; start: number }; // `check.ts` has seen to it that it is there
  }

  private at(index: number): Mutable<PlanNode> {
    return this.nodes[index] as Mutable<PlanNode>;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const noStep: Step = { handler: () => undefined };

export const valueOf = (outcome: Outcome | undefined): unknown =>
  outcome?.status === 'success' ? outcome.value : undefined;

function inputReader(open: number, name: string | number | undefined): (run: View) => unknown {
  if (name === undefined) return (run) => valueOf(run.outcomes[open]);
  return (run) => propertyOf(valueOf(run.outcomes[open]), name);
}

function propertyOf(value: unknown, name: string | number | undefined): unknown {
  return typeof value === 'object' &&
    value !== null &&
    name !== undefined &&
    Object.hasOwn(value, name)
    ? (value as Record<string | number, unknown>)[name]
    : undefined;
}
