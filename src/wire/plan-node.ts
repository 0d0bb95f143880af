/** Nodes of a plan while it is made: as they begin, and what is known of them when all are there. */

import type { Schema } from '../graph/schema.ts';
import { addToList } from '../plain.ts';
import { isSimple } from './attempt.ts';
import type { PlanChannel, PlanNode, PlanParam, Scope } from './plan.ts';
import type { Step } from './step.ts';

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const none: readonly never[] = [];

/** The schema that params must satisfy before code is called. A flow, and a step that runs another one, has that checked there. */
export const schemaOfParams = ({ input, definition, inner }: Step): Schema | undefined =>
  definition || inner ? undefined : input;

/** What a node begins with. */
export type NewNode = Pick<PlanNode, 'kind' | 'id' | 'path' | 'settings' | 'step'> &
  Partial<Pick<PlanNode, 'scope' | 'gate'>>;

// In one literal, and first what every run reads: in a large plan, a step takes as long as its node takes to come from memory.
export const newNode = (
  index: number,
  { kind, id, path, settings, step, scope, gate }: NewNode,
): Mutable<PlanNode> => ({
  index,
  kind,
  firstParam: undefined,
  handler: step.handler,
  when: undefined,
  needsSuccessOnly: true,
  isSimple: isSimple(settings),
  isPlain: false,
  schema: schemaOfParams(step),
  output: step.output,
  keepsInput: false,
  startTargets: [],
  path,
  targets: [],
  readsChunks: false,
  params: none,
  step,
  id,
  gate,
  scope: scope as Scope,
  settings,
  links: none,
  missing: 0,
  streams: none,
  allStreams: none,
  channels: none,
  feedsRoot: false,
  reads: [],
  tools: [],
});

/** In one literal, too. What is next of it `bindParams` says. */
export const newParam = ({
  source,
  property,
  name,
  required,
  resolve,
  binding,
}: Omit<PlanParam, 'next'>): Mutable<PlanParam> => ({
  source,
  property,
  name,
  required,
  next: undefined,
  resolve,
  binding,
});

/** Gives a node its params. */
export function bindParams(node: Mutable<PlanNode>, params: readonly Mutable<PlanParam>[]): void {
  node.params = params;
  node.firstParam = params[0];
  params.forEach((param, i) => {
    param.next = params[i + 1];
  });
}

const isPlain = (node: PlanNode): boolean =>
  node.kind === 'step' &&
  node.isSimple &&
  node.needsSuccessOnly &&
  !node.when &&
  !node.schema &&
  !node.output &&
  !node.keepsInput &&
  node.startTargets.length === 0;

/** The channels of each stream. */
export function channelsByStream(
  channels: readonly PlanChannel[],
): ReadonlyMap<number, readonly number[]> {
  const channelsOf = new Map<number, number[]>();
  for (const [i, { stream }] of channels.entries()) addToList(channelsOf, stream, i);
  return channelsOf;
}

/** Notes on each node what is known when all of them are there. */
export function finishNodes(
  nodes: readonly Mutable<PlanNode>[],
  channelsOf: ReadonlyMap<number, readonly number[]>,
  close: number,
): void {
  for (const node of nodes) {
    // One empty list for all.
    if (node.targets.length === 0) node.targets = none as never[];
    if (node.startTargets.length === 0) node.startTargets = none as never[];
    if (node.reads.length === 0) node.reads = none as never[];
    if (node.tools.length === 0) node.tools = none as never[];
    node.isPlain = isPlain(node);
    node.feedsRoot = node.streams.includes(close);
    node.allStreams = node.streams;
    // Most streams have no reader: then there is nothing to do per chunk.
    const read = node.streams.filter((stream) => channelsOf.has(stream));
    node.streams = read.length === 0 ? none : read;
    node.channels = read.length === 0 ? none : read.flatMap((each) => channelsOf.get(each) ?? []);
  }
}
