/** Where arrows touch nodes. */
import type { PictureEdge } from '../index.ts';
import { type Direction, type EdgeBox, type NodeBox, type Point, slant } from './box.ts';

const gap = 14;

/**
 * Gives edges their ends: they leave a node on the side that the flow goes to and enter it on the other, beside each other in the order of
 * the places that they come from.
 */
export function tie(
  nodes: readonly NodeBox[],
  edges: readonly EdgeBox[],
  direction: Direction,
): readonly EdgeBox[] {
  const starts = portsOf(nodes, edges, 'from', direction);
  const ends = portsOf(nodes, edges, 'to', direction);
  return edges.map((box) => ({
    ...box,
    points: [starts.get(box.edge), ...box.points, ends.get(box.edge)].filter(
      (point) => point !== undefined,
    ),
  }));
}

function portsOf(
  nodes: readonly NodeBox[],
  edges: readonly EdgeBox[],
  end: 'from' | 'to',
  direction: Direction,
): ReadonlyMap<PictureEdge, Point> {
  const across = direction === 'TD' ? 'x' : 'y';
  const ports = new Map<PictureEdge, Point>();
  const touching = new Map<string, EdgeBox[]>();
  for (const box of edges)
    touching.set(box.edge[end], [...(touching.get(box.edge[end]) ?? []), box]);
  for (const box of nodes) {
    const ways = (touching.get(box.node.id) ?? [])
      .map(({ edge, points }) => ({
        edge,
        toward: (points.at(end === 'from' ? 0 : -1) ?? box)[across],
      }))
      .sort((a, b) => a.toward - b.toward);
    const reach = reachOf(box, direction);
    const wanted = ways.map(({ toward }) => toward);
    for (const [i, place] of spread(wanted, box[across] - reach, box[across] + reach).entries()) {
      const { edge } = ways[i] as (typeof ways)[number];
      ports.set(edge, portAt(box, place, end === 'from' ? 1 : -1, direction));
    }
  }
  return ports;
}

/** As near to where they are wanted as possible, in their order, with a gap between them, or as much of one as there is room for. */
function spread(wanted: readonly number[], least: number, most: number): readonly number[] {
  const apart = Math.min(gap, (most - least) / Math.max(1, wanted.length - 1));
  const places: number[] = [];
  for (const place of wanted)
    places.push(Math.max(place, least, (places.at(-1) ?? Number.NEGATIVE_INFINITY) + apart));
  let limit = most;
  for (let i = places.length - 1; i >= 0; i--) {
    places[i] = Math.min(places[i] ?? limit, limit);
    limit = (places[i] ?? limit) - apart;
  }
  return places;
}

const cornerOf = ({ node, height }: NodeBox): number =>
  node.kind === 'step' ? 8 : node.kind === 'llm' ? slant : height / 2;

/** How far from its middle a side can be touched. */
const reachOf = (box: NodeBox, direction: Direction): number =>
  direction === 'TD' ? Math.max(0, box.width / 2 - cornerOf(box)) * 0.85 : box.height * 0.32;

function portAt(box: NodeBox, place: number, side: 1 | -1, direction: Direction): Point {
  const { x, y, width, height, node } = box;
  if (direction === 'TD') return { x: place, y: y + (side * height) / 2 };
  const off = Math.abs(place - y);
  const corner = cornerOf(box);
  const inset =
    node.kind === 'step'
      ? 0
      : node.kind === 'llm'
        ? (slant * off) / (height / 2)
        : corner - Math.sqrt(corner ** 2 - off ** 2);
  return { x: x + side * (width / 2 - inset), y: place };
}
