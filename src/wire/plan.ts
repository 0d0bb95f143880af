/**
 * What a definition becomes to run: every step a node, every link an entry in a list, every key a function. `planner` makes it, once per
 * flow. Flows used as steps become part of the plan of the flow around them, so that depth costs nothing and a run has one log.
 *
 * P1 A flow, the root included, is two nodes around those of its steps: `open` admits its input, `close` gathers its outputs.
 * P2 Nodes stand in an order in which each comes after its sources; the order follows from ids, not from insertion.
 */
import type { Binding } from '../graph/binding.ts';
import type { Condition } from '../graph/condition.ts';
import type { FlowDefinition, Link, StepEntry, StepSettings } from '../graph/definition.ts';
import type { JsonSchema, Schema } from '../graph/schema.ts';
import type { Outcome } from '../state/outcome.ts';
import { nearest } from '../state/table.ts';
import type { Handler, Step } from './step.ts';

/** What the code of a plan reads of a run. */
export interface View {
  readonly outcomes: readonly (Outcome | undefined)[];
  /** The params of the steps of which others read a param. */
  readonly inputs: readonly unknown[];
  readonly runId: string;
  hasStarted(node: number): boolean;
  /** Every outcome so far is a success. */
  readonly allSucceeded?: boolean;
  channel(channel: number): unknown;
  /** The path of a node of this plan from the root of the whole run. */
  at(path: string): string;
  /** Shared memory as it was when the run began. */
  readonly memory: Readonly<Record<string, unknown>>;
}

/** A step at the end of a tool link, and the params that its author has bound. */
export interface ToolLink {
  readonly entry: StepEntry<Step>;
  readonly link: Link;
  readonly bound: ReadonlyMap<string, Binding>;
}

/** A step that can be called as a tool: what a model is told of it. */
export interface Offer {
  readonly name: string;
  readonly description?: string;
  /** The JSON Schema of the params that nothing is bound to. */
  readonly parameters: JsonSchema;
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
  /** The node whose result it is, or a property of it; -1 where it is something else, which only then `resolve` finds. */
  readonly source: number;
  /** The result is plain data then, and the name none that it could inherit. */
  readonly property: string | undefined;
  /** The next one of the same node. */
  readonly next: PlanParam | undefined;
  readonly resolve: ((run: View) => unknown) | undefined;
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
  /** What is read of the step for each call: its code, and the schemas of what goes in and comes out. */
  readonly handler: Handler;
  readonly schema: Schema | undefined;
  readonly output: Schema | undefined;
  readonly settings: StepSettings;
  readonly isSimple: boolean;
  /** It is one call of its handler: nothing has to be decided, checked, or kept for others. */
  readonly isPlain: boolean;
  readonly links: readonly PlanLink[];
  /** Each link is active when its source has succeeded: none has a condition, none is for failures. */
  readonly needsSuccessOnly: boolean;
  /** For `close`, the outputs. */
  readonly params: readonly PlanParam[];
  /** The same, each of which knows the next: what every run reads should come from few places of memory. */
  readonly firstParam: PlanParam | undefined;
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
  /** The channels that its chunks go to. */
  readonly channels: readonly number[];
  /** Its chunks are chunks of the whole flow. */
  readonly feedsRoot: boolean;
  /** The channels that its params read. */
  readonly reads: number[];
  /** Its params bring chunks: it may wait for steps that are still at work. */
  readonly readsChunks: boolean;
  /** Somebody reads its params. */
  keepsInput: boolean;
  /** The steps that it offers to a model. */
  readonly tools: ToolLink[];
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
  readonly missing: readonly number[];
  /** The order in which nodes begin where every step answers at once. Undefined where a step begins with another one, to hear its chunks. */
  readonly order: readonly PlanNode[] | undefined;
  readonly root: Scope;
  readonly channels: readonly PlanChannel[];
  /** Channels by the stream that they carry. */
  readonly channelsOf: ReadonlyMap<number, readonly number[]>;
  /** What the run leaves in the shared memory. */
  readonly writes: readonly PlanParam[];
  /** Step nodes by path; for a flow used as a step, its `close`. */
  readonly byPath: ReadonlyMap<string, PlanNode>;
}

/** The node that a path belongs to: its own, or that of the step which ran it below itself. */
export const ownerOf = ({ byPath }: Plan, path: string): PlanNode | undefined =>
  nearest(path, (at) => byPath.get(at));

type Values = Readonly<Record<string, unknown>>;

/** The value of a param. Most are results as they are, and then no code of the binding is called. */
export function paramOf(param: PlanParam, run: View): unknown {
  const { source, property } = param;
  if (source < 0) return param.resolve?.(run);
  const result = successOf(run.outcomes[source]);
  return property === undefined ? result : (result as Values | undefined)?.[property];
}

export const successOf = (outcome: Outcome | undefined): unknown =>
  outcome?.status === 'success' ? outcome.value : undefined;
