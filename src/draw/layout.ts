/** Where things stand. Ranks and columns are dagre's; the room for the titles of clusters is made afterwards. */
import { type EdgeLabel, Graph, type GraphLabel, layout, type NodeLabel } from '@dagrejs/dagre';
import type { Picture, PictureEdge, PictureNode } from '../index.ts';
import { widthOf, wrap } from './text.ts';

export const labelSize = 14;
export const noteSize = 11.5;
export const labelHeight = 18;
export const noteHeight = 15;
/** How far the sides of a hexagon lean. */
export const slant = 12;
const margin = 20;
const widest = 230;

export interface Point {
  readonly x: number;
  readonly y: number;
}

interface Text {
  readonly labels: readonly string[];
  readonly notes: readonly string[];
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** `x` and `y` are its middle. */
export interface Box extends Point, Size, Text {}

export interface Layout extends Size {
  readonly nodes: readonly (Box & { readonly node: PictureNode })[];
  /** Each after the one around it. */
  readonly clusters: readonly (Box & { readonly cluster: Picture })[];
  readonly edges: readonly (Box & {
    readonly edge: PictureEdge;
    readonly points: readonly Point[];
    readonly isInside: boolean;
  })[];
}

type Node = Layout['nodes'][number];
type Dagre = Graph<GraphLabel, NodeLabel, EdgeLabel>;

export function place(picture: Picture, direction: 'TD' | 'LR'): Layout {
  const graph: Dagre = new Graph({ compound: true });
  graph.setGraph({
    rankdir: direction === 'LR' ? 'LR' : 'TB',
    nodesep: 28,
    ranksep: 48,
    edgesep: 16,
    marginx: margin,
    marginy: margin,
  });
  const pictures = allOf(picture);
  const nodes = pictures.flatMap((part) => part.nodes.map((node) => ({ node, ...sizeOf(node) })));
  const edges = pictures.flatMap((part) =>
    part.edges.map((edge) => ({ edge, isInside: part.id !== '', ...sizeOfEdge(edge) })),
  );
  for (const { node, width, height } of nodes) graph.setNode(node.id, { width, height });
  for (const { id, nodes: own, clusters } of pictures.slice(1)) {
    if (!graph.hasNode(id)) graph.setNode(id, { width: 0, height: 0 });
    for (const inner of clusters) graph.setNode(inner.id, { width: 0, height: 0 });
    for (const inner of [...own, ...clusters]) graph.setParent(inner.id, id);
  }
  for (const { edge, width, height } of edges)
    graph.setEdge(edge.from, edge.to, { width, height, labelpos: 'c' });
  if (nodes.length > 0) layout(graph);

  const titled = pictures.slice(1).map((cluster) => titledCluster(graph, cluster));
  const shift = shifter(titled);
  const boxes = new Map(
    nodes.map((sized) => [
      sized.node.id,
      { ...sized, ...moved(at(graph, sized.node.id), shift.by) },
    ]),
  );
  const ends = (edge: PictureEdge) => [boxes.get(edge.from), boxes.get(edge.to)] as [Node, Node];
  return {
    width: graph.graph().width ?? 2 * margin,
    height: shift.all + (graph.graph().height ?? 2 * margin),
    nodes: [...boxes.values()],
    clusters: titled.map(({ top, bottom, ...box }) => {
      const [from, to] = [top + shift.by(top), bottom + shift.by(bottom)];
      return { ...box, y: (from + to) / 2, height: to - from };
    }),
    edges: edges.map((sized) => {
      const { points = [], x = 0, y = 0 }: EdgeLabel = graph.edge(sized.edge.from, sized.edge.to);
      const between = points.slice(1, -1).map((point) => moved(point, shift.by));
      const [from, to] = ends(sized.edge);
      const way = [
        port(from, between[0] ?? to, 1, direction),
        ...between,
        port(to, between.at(-1) ?? from, -1, direction),
      ];
      return { ...sized, ...moved({ x, y }, shift.by), points: way };
    }),
  };
}

const allOf = (picture: Picture): readonly Picture[] => [
  picture,
  ...picture.clusters.flatMap(allOf),
];

function at(graph: Dagre, id: string): Point & Size {
  const { x = 0, y = 0, width, height } = graph.node(id);
  return { x, y, width, height };
}

function sizeOf({ kind, label, notes }: PictureNode): Text & Size {
  const text = {
    labels: wrap(label, widest, labelSize),
    notes: notes.flatMap((note) => wrap(note, widest, noteSize)),
  };
  const { width, height } = extent(text);
  return { ...text, width: Math.max(width + (kind === 'step' ? 26 : 38), 64), height: height + 18 };
}

function sizeOfEdge({ label }: PictureEdge): Text & Size {
  const text = { labels: [], notes: label === '' ? [] : wrap(label, 150, noteSize) };
  const { width, height } = extent(text);
  return { ...text, width: width && width + 8, height: height && height + 4 };
}

export const extent = ({ labels, notes }: Text): Size => ({
  width: Math.max(
    0,
    ...labels.map((line) => widthOf(line, labelSize)),
    ...notes.map((line) => widthOf(line, noteSize)),
  ),
  height: labels.length * labelHeight + notes.length * noteHeight,
});

function titledCluster(graph: Dagre, cluster: Picture) {
  const { x, y, width, height } = at(graph, cluster.id);
  const text = {
    labels: wrap(cluster.label, width - 20, labelSize),
    notes: cluster.notes.flatMap((note) => wrap(note, width - 20, noteSize)),
  };
  const [top, bottom] = [y - height / 2, y + height / 2];
  return { cluster, ...text, x, width, top, bottom, room: extent(text).height + 4 };
}

/** Moves down what stands below the top of a cluster, to make room for its title: nothing that stood apart can meet by that. */
function shifter(clusters: readonly { readonly top: number; readonly room: number }[]) {
  const rooms = new Map<number, number>();
  for (const { top, room } of clusters) {
    const y = Math.round(top);
    rooms.set(y, Math.max(room, rooms.get(y) ?? 0));
  }
  const total = (all: readonly (readonly [number, number])[]) =>
    all.reduce((sum, [, room]) => sum + room, 0);
  return {
    all: total([...rooms]),
    by: (y: number) => total([...rooms].filter(([top]) => top < Math.round(y))),
  };
}

const moved = <P extends Point>(point: P, by: (y: number) => number): P => ({
  ...point,
  y: point.y + by(point.y),
});

/** Where an arrow leaves a node (`side` 1) or enters it (-1): on the side that the flow goes to, as near to where it leads as the shape allows. */
function port(box: Node, toward: Point, side: 1 | -1, direction: 'TD' | 'LR'): Point {
  const { x, y, width, height, node } = box;
  const corner = node.kind === 'step' ? 8 : node.kind === 'llm' ? slant : height / 2;
  if (direction === 'TD') {
    const reach = Math.max(0, width / 2 - corner) * 0.8;
    return { x: clamp(toward.x, x - reach, x + reach), y: y + (side * height) / 2 };
  }
  const reach = height * 0.3;
  const at = clamp(toward.y, y - reach, y + reach);
  const off = Math.abs(at - y);
  const round = corner - Math.sqrt(Math.max(0, corner ** 2 - off ** 2));
  const inset =
    node.kind === 'step' ? 0 : node.kind === 'llm' ? (slant * off) / (height / 2) : round;
  return { x: x + side * (width / 2 - inset), y: at };
}

const clamp = (value: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, value));
