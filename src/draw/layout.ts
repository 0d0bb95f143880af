/** Where things stand. Ranks and columns are dagre's; the room for the titles of clusters is made afterwards. */
import { type EdgeLabel, Graph, type GraphLabel, layout, type NodeLabel } from '@dagrejs/dagre';
import type { Picture, PictureEdge, PictureNode } from '../index.ts';
import type { Direction, Layout, Point, Size, Text } from './box.ts';
import { tie } from './ports.ts';
import { widthOf, wrap } from './text.ts';

const labelSize = 14;
const noteSize = 11.5;
export const labelHeight = 18;
export const noteHeight = 15;
const margin = 20;
const widest = 230;

type Dagre = Graph<GraphLabel, NodeLabel, EdgeLabel>;

export function place(picture: Picture, direction: Direction): Layout {
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
  const boxes = nodes.map((sized) => ({
    ...sized,
    ...moved(at(graph, sized.node.id), shift.by),
  }));
  const lines = edges.map((sized) => {
    const { points = [], x = 0, y = 0 }: EdgeLabel = graph.edge(sized.edge.from, sized.edge.to);
    const between = points.slice(1, -1).map((point: Point) => moved(point, shift.by));
    return { ...sized, ...moved({ x, y }, shift.by), points: between };
  });
  return {
    width: graph.graph().width ?? 2 * margin,
    height: shift.all + (graph.graph().height ?? 2 * margin),
    nodes: boxes,
    clusters: titled.map(({ top, bottom, ...box }) => {
      const [from, to] = [top + shift.by(top), bottom + shift.by(bottom)];
      return { ...box, y: (from + to) / 2, height: to - from };
    }),
    edges: tie(boxes, lines, direction),
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

const extent = ({ labels, notes }: Text): Size => ({
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
