/** Nodes of a plan while it is made: as they begin, and what is known of them when all are there. */
import { isSimple } from './attempt.ts';
import type { PlanChannel, PlanNode, Scope } from './plan.ts';

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const none: readonly never[] = [];

export function newNode(
  index: number,
  node: Partial<PlanNode> & Pick<PlanNode, 'kind' | 'id' | 'path' | 'settings' | 'step'>,
): Mutable<PlanNode> {
  return {
    links: none,
    needsSuccessOnly: true,
    params: none,
    when: undefined,
    gate: undefined,
    isSimple: isSimple(node.settings),
    missing: 0,
    targets: [],
    startTargets: [],
    streams: none,
    allStreams: none,
    channels: none,
    feedsRoot: false,
    reads: [],
    readsChunks: false,
    keepsInput: false,
    offers: [],
    scope: undefined as unknown as Scope,
    ...node,
    index,
  } satisfies PlanNode;
}

/** The channels of each stream. Most streams have no reader: then there is nothing to do per chunk. */
export function readStreams(
  nodes: readonly Mutable<PlanNode>[],
  channels: readonly PlanChannel[],
  close: number,
): ReadonlyMap<number, readonly number[]> {
  const channelsOf = new Map<number, number[]>();
  channels.forEach(({ stream }, i) => {
    const known = channelsOf.get(stream);
    if (known) known.push(i);
    else channelsOf.set(stream, [i]);
  });
  for (const node of nodes) {
    node.feedsRoot = node.streams.includes(close);
    node.allStreams = node.streams;
    node.streams = node.streams.filter((stream) => channelsOf.has(stream));
    node.channels = node.streams.flatMap((stream) => channelsOf.get(stream) ?? []);
  }
  return channelsOf;
}
