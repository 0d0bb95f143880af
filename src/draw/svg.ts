/** A layout as SVG. */
import type { Picture, PictureNode } from '../index.ts';
import {
  type Box,
  type Direction,
  type EdgeBox,
  type Layout,
  type NodeBox,
  type Point,
  slant,
} from './box.ts';
import { labelHeight, noteHeight } from './layout.ts';
import { style } from './style.ts';
import { escapeXml, widthOf } from './text.ts';

const headingHeight = 34;

export function draw(
  picture: Picture,
  layout: Layout,
  direction: Direction,
  title: string | undefined,
): string {
  const top = title === undefined ? 0 : headingHeight;
  const needed = title === undefined ? 0 : widthOf(title, 17) + 40;
  const [width, height] = [
    Math.ceil(Math.max(layout.width, needed)),
    Math.ceil(layout.height + top),
  ];
  const left = (width - layout.width) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="millrace-flow" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${escapeXml(title ?? `Flow ${picture.label}`)}</title>`,
    `<desc>${escapeXml(described(layout))}</desc>`,
    `<style>${style}</style>`,
    `<defs>${tips.map(tip).join('')}</defs>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...(title === undefined
      ? []
      : [`<text class="title" x="20" y="28">${escapeXml(title)}</text>`]),
    `<g transform="translate(${round(left)} ${top})">`,
    ...layout.clusters.map(drawCluster),
    ...layout.edges.map((edge) => drawEdge(edge, direction === 'TD')),
    ...layout.clusters.map(drawClusterTitle),
    ...layout.nodes.map(drawNode),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** The picture in words. */
function described({ nodes, edges }: Layout): string {
  const told = (label: string, notes: readonly string[]) => [label, ...notes].join(', ');
  return [
    ...nodes.map(({ node }) => `${told(node.id.replace('$', ''), node.notes)}.`),
    ...edges.map(({ edge: { from, to, label } }) => {
      const way = `${from} to ${to}`.replaceAll('$', '');
      return label === '' ? `${way}.` : `${way}: ${label}.`;
    }),
  ].join('\n');
}

const tips = ['value', 'chunks', 'failure'] as const;

const tip = (name: (typeof tips)[number]): string => {
  const size = name === 'chunks' ? 12 : 9;
  return `<marker id="millrace-${name}" viewBox="0 0 10 10" refX="9" refY="5" markerUnits="userSpaceOnUse" markerWidth="${size}" markerHeight="${size}" orient="auto"><path class="tip ${name}" d="M0 0.5L10 5L0 9.5z"/></marker>`;
};

const drawCluster = ({ cluster, ...box }: Layout['clusters'][number]): string =>
  `<g class="cluster" data-step="${escapeXml(cluster.id)}">${rect(box, 8)}</g>`;

/** On a stroke in the colour of the cluster, so that an arrow that passes below can be read and does not disturb. */
function drawClusterTitle({ cluster, ...box }: Layout['clusters'][number]): string {
  const text = lines(box, box.x - box.width / 2 + 10, box.y - box.height / 2 + 4);
  return `<g class="cluster">${whole(cluster)}<g class="halo">${text}</g>${text}</g>`;
}

function drawNode({ node, ...box }: NodeBox): string {
  const { x, y, width, height, labels, notes } = box;
  const text = labels.length * labelHeight + notes.length * noteHeight;
  const [kind, shape] =
    node.kind === 'step'
      ? ['step', rect(box, 6)]
      : node.kind === 'llm'
        ? ['llm', hexagon(box)]
        : ['end', rect(box, Math.min(height, width) / 2)];
  return `<g class="node ${kind}" data-step="${escapeXml(node.id)}">${whole(node)}${shape}${lines(box, x, y - text / 2)}</g>`;
}

function drawEdge({ edge, points, isInside, ...box }: EdgeBox, isDown: boolean): string {
  const name = edge.on === 'failure' ? 'failure' : edge.kind === 'chunks' ? 'chunks' : 'value';
  const kind = edge.kind === name ? name : `${edge.kind} ${name}`;
  const link = edge.link === undefined ? '' : ` data-link="${escapeXml(edge.link)}"`;
  const path = `<path class="line" d="${curve(points, isDown)}" marker-end="url(#millrace-${name})"/>`;
  return `<g class="edge ${kind}"${link}>${path}${edge.label === '' ? '' : drawLabel(edge.label, isInside, box)}</g>`;
}

function drawLabel(label: string, isInside: boolean, box: Box): string {
  const back = rect(box, 3, isInside ? 'back inside' : 'back');
  const text = lines(box, box.x, box.y - (box.notes.length * noteHeight) / 2);
  return `<title>${escapeXml(label)}</title>${back}${text}`;
}

/** What a person sees who points at it. */
const whole = ({ id, notes }: PictureNode | Picture): string =>
  `<title>${escapeXml([id.replace('$', ''), ...notes].join('\n'))}</title>`;

function lines({ labels, notes }: Box, x: number, top: number): string {
  const line = (text: string, name: string, y: number) =>
    `<text class="${name}" x="${round(x)}" y="${round(y)}">${escapeXml(text)}</text>`;
  return [
    ...labels.map((text, i) => line(text, 'label', top + i * labelHeight + 13.5)),
    ...notes.map((text, i) =>
      line(text, 'note', top + labels.length * labelHeight + i * noteHeight + 11),
    ),
  ].join('');
}

const rect = ({ x, y, width, height }: Box, radius: number, name = 'shape'): string =>
  `<rect class="${name}" x="${round(x - width / 2)}" y="${round(y - height / 2)}" width="${round(width)}" height="${round(height)}" rx="${round(radius)}"/>`;

function hexagon({ x, y, width, height }: Box): string {
  const [left, right, top, bottom] = [x - width / 2, x + width / 2, y - height / 2, y + height / 2];
  const corners = [
    [left, y],
    [left + slant, top],
    [right - slant, top],
    [right, y],
    [right - slant, bottom],
    [left + slant, bottom],
  ];
  return `<polygon class="shape" points="${corners.map((corner) => corner.map((each) => round(each as number)).join(',')).join(' ')}"/>`;
}

/** Through every point in the direction of the flow, so that it crosses a rank on the shortest way. */
function curve(points: readonly Point[], isDown: boolean): string {
  const show = (x: number, y: number) => `${round(x)} ${round(y)}`;
  return points
    .map(({ x, y }, i) => {
      const before = points[i - 1];
      if (!before) return `M${show(x, y)}`;
      const [midX, midY] = [(before.x + x) / 2, (before.y + y) / 2];
      const bend = isDown
        ? [show(before.x, midY), show(x, midY)]
        : [show(midX, before.y), show(midX, y)];
      return `C${bend.join(' ')} ${show(x, y)}`;
    })
    .join('');
}

const round = (length: number): number => Math.round(length * 10) / 10;
