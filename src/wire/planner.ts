/** Makes the plan of a flow. */
import { type Binding, keysOf, resolver } from '../graph/binding.ts';
import { type Condition, conditionKeys, showCondition, tester } from '../graph/condition.ts';
import { type FlowDefinition, type StepEntry, toolLinksInto } from '../graph/definition.ts';
import { takenBy } from '../graph/inputs.ts';
import { parseKey } from '../graph/key.ts';
import { addToList, put } from '../plain.ts';
import { isSimple } from './attempt.ts';
import { orderAtOnce } from './order.ts';
import type {
  Plan,
  PlanChannel,
  PlanCondition,
  PlanLink,
  PlanNode,
  PlanParam,
  Scope,
} from './plan.ts';
import {
  bindParams,
  channelsByStream,
  finishNodes,
  type Mutable,
  type NewNode,
  newNode,
  newParam,
} from './plan-node.ts';
import { isReadAgain, outputStreams, placeOf, readerFor } from './read.ts';
import type { Step } from './step.ts';
import { linkedParams, settingsOfCalls } from './tools.ts';

/** `toolStep` makes a step that runs once for each call of it. */
export function makePlan(
  definition: FlowDefinition<Step>,
  toolStep: (entry: StepEntry<Step>) => Step,
): Plan {
  return new Planner(toolStep).plan(definition);
}

class Planner {
  private readonly nodes: Mutable<PlanNode>[] = [];
  private readonly channels: PlanChannel[] = [];
  private readonly byPath = new Map<string, PlanNode>();
  private readonly writes: PlanParam[] = [];
  /** The params of each node that bring chunks. */
  private readonly streamed = new Map<number, ReadonlySet<string>>();
  private readonly feeders = new Map<number, Mutable<PlanNode>[]>();
  private readonly toolStep: (entry: StepEntry<Step>) => Step;

  constructor(toolStep: (entry: StepEntry<Step>) => Step) {
    this.toolStep = toolStep;
  }

  plan(definition: FlowDefinition<Step>): Plan {
    const open = this.add({
      kind: 'open',
      id: definition.id,
      path: '',
      settings: {},
      step: noStep,
    });
    const root = this.flow(definition, '', open, undefined);
    const channelsOf = channelsByStream(this.channels);
    finishNodes(this.nodes, channelsOf, root.close);
    const missing = this.nodes.map((node) => node.missing);
    return {
      definition,
      nodes: this.nodes,
      missing,
      order: orderAtOnce(this.nodes, missing),
      root,
      channels: this.channels,
      channelsOf,
      writes: this.writes,
      byPath: this.byPath,
    };
  }

  private add(node: NewNode): Mutable<PlanNode> {
    const made = newNode(this.nodes.length, node);
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
    const outputs = [...definition.outputs];
    bindParams(
      close,
      outputs.map(([name, binding]) => this.param(name, binding, false, scope, close)),
    );
    for (const [name, binding] of definition.memory) {
      this.writes.push(this.param(name, binding, false, scope, close));
    }
    // Without steps, the outputs come from the input.
    if (ends.size === 0) ends.add(open.index);
    for (const end of ends) this.wait(close, end);
    for (const stream of outputStreams(scope)) this.feed(stream, close.index);
    return scope;
  }

  private step(entry: StepEntry<Step>, scope: Scope): { outcome: number; start: number } {
    const path = scope.path === '' ? entry.id : `${scope.path}.${entry.id}`;
    const { definition } = entry.step;
    // With settings of its own a flow is run as a whole, as one step: a retry runs it again, a newer version cancels all of it.
    const isTool = toolLinksInto(scope.definition, entry.id).length > 0;
    const { policy, equals } = entry.settings;
    const isPlain = isSimple(entry.settings) && !policy && !equals && !isTool;
    const isInlined = definition !== undefined && isPlain;
    const node = this.add({
      kind: isInlined ? 'open' : 'step',
      id: entry.id,
      path,
      scope,
      gate: scope,
      step: isTool ? this.toolStep(entry) : entry.step,
      settings: isTool ? settingsOfCalls(entry.settings) : entry.settings,
    });
    this.connect(node, entry, scope);
    let outcome = node.index;
    if (isInlined) outcome = this.flow(definition as FlowDefinition<Step>, path, node, scope).close;
    else this.feeds(node, node.index);
    this.byPath.set(path, this.at(outcome));
    const made = { outcome, start: node.index };
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
    node.needsSuccessOnly = links.every(
      ({ link, when }) => link.on !== 'failure' && !when && !link.isTool,
    );
    node.when = entry.settings.when && this.condition(entry.settings.when, scope, node);
    const needed = new Set(takenBy(entry.step)?.required);
    const params = [...(definition.params.get(entry.id) ?? [])];
    bindParams(node, [
      ...params.map(([name, binding]) => this.param(name, binding, needed.has(name), scope, node)),
      ...linkedParams(definition, entry.id, (id) => this.sourceOf(scope, id).outcome),
    ]);
    for (const { link, source } of links)
      if (link.isTool) this.at(source).tools.push({ entry, link, bound: new Map(params) });
    const streamed = params.filter(([, binding]) => this.bringsChunks(binding, scope));
    node.readsChunks = streamed.length > 0;
    if (node.readsChunks) this.streamed.set(node.index, new Set(streamed.map(([name]) => name)));
    for (const { link, source, start } of links) {
      if (link.stream) this.at(start).startTargets.push(node.index);
      else this.at(source).targets.push(node.index);
    }
    node.missing = links.length;
    if (links.length === 0) this.wait(node, scope.open);
  }

  private bringsChunks(binding: Binding, scope: Scope): boolean {
    return keysOf(binding).some((text) => {
      const key = parseKey(text);
      if (key.of === 'chunks') return true;
      if (key.of !== 'input' && key.of !== 'param') return false;
      const from = key.of === 'input' ? scope.open : this.sourceOf(scope, key.step).start;
      return this.streamed.get(from)?.has(String(key.path[0])) === true;
    });
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
    const { source, property } = placeOf(binding, scope);
    const required = isNeeded || ('key' in binding && binding.required === true);
    const resolve = source < 0 ? resolver(binding, this.reader(scope, node, name)) : undefined;
    return newParam({ source, property, name, required, resolve, binding });
  }

  private condition(condition: Condition, scope: Scope, node: Mutable<PlanNode>): PlanCondition {
    const reader = this.reader(scope, node);
    const reads = conditionKeys(condition).map((key) => [key, resolver({ key }, reader)] as const);
    return {
      condition,
      text: showCondition(condition),
      test: tester(condition, reader),
      values: (run) => {
        const values: Record<string, unknown> = {};
        for (const [key, read] of reads) put(values, key, read(run));
        return values;
      },
    };
  }

  /** How keys are read for a node, for one of its params perhaps: what it reads is noted where that costs something. */
  private reader(scope: Scope, node: Mutable<PlanNode>, param?: string) {
    return readerFor(scope, {
      paramOf: (start) => {
        this.at(start).keepsInput = true;
      },
      chunksOf: (stream, source) => {
        const keepsAll = isReadAgain(node.step, node.settings, param);
        const channel = this.channels.push({ stream, source, keepsAll }) - 1;
        node.reads.push(channel);
        return channel;
      },
    });
  }

  /** Whatever is told in the stream of one node is told in that of another, too. */
  private feed(stream: number, into: number): void {
    for (const node of this.feeders.get(stream) ?? []) this.feeds(node, into);
  }

  private feeds(node: Mutable<PlanNode>, stream: number): void {
    node.streams = [...node.streams, stream];
    addToList(this.feeders, stream, node);
  }

  private sourceOf(scope: Scope, id: string): { readonly outcome: number; readonly start: number } {
    return scope.nodes.get(id) as { outcome: number; start: number }; // `check.ts` has seen to it that it is there
  }

  private at(index: number): Mutable<PlanNode> {
    return this.nodes[index] as Mutable<PlanNode>;
  }
}

const noStep: Step = { handler: () => undefined };
