/** A flow as text that other programs draw. */
import type { FlowDefinition } from './definition.ts';
import { type Picture, type PictureEdge, type PictureNode, pictureOf } from './picture.ts';
import { check, oneOf } from './settings.ts';

export interface MermaidOptions {
  /** Top down (default), or left to right. */
  readonly direction?: 'TD' | 'LR';
}

/** How one program writes a node, an arrow, and the lines around what is inside a cluster. */
interface Language {
  readonly node: (node: PictureNode) => string;
  readonly edge: (edge: PictureEdge) => string;
  readonly open: (cluster: Picture) => string;
  readonly close: string;
}

export function toMermaid(definition: FlowDefinition, options: MermaidOptions = {}): string {
  check('toMermaid()', options, { direction: oneOf('TD', 'LR') });
  const { direction = 'TD' } = options;
  return [`flowchart ${direction}`, ...print(pictureOf({ definition }), mermaid), ''].join('\n');
}

export function toDot(definition: FlowDefinition): string {
  return [
    `digraph ${quoted(definition.id)} {`,
    '  node [shape=box style=rounded fontname=sans]',
    '  edge [fontname=sans fontsize=11]',
    ...print(pictureOf({ definition }), dot),
    '}',
    '',
  ].join('\n');
}

/** Nodes first, in their clusters: an arrow inside a cluster would draw its ends into it. */
function print(picture: Picture, language: Language): readonly string[] {
  const edges: string[] = [];
  const inside = ({ nodes, clusters, edges: own }: Picture, indent: string): readonly string[] => {
    edges.push(...own.map((edge) => `  ${language.edge(edge)}`));
    return [
      ...nodes.map((node) => indent + language.node(node)),
      ...clusters.flatMap((cluster) => [
        indent + language.open(cluster),
        ...inside(cluster, `${indent}  `),
        indent + language.close,
      ]),
    ];
  };
  return [...inside(picture, '  '), ...edges];
}

const textOf = ({ label, notes }: PictureNode | Picture): string => [label, ...notes].join('\n');
const isDashed = ({ kind }: PictureEdge): boolean => kind === 'tool' || kind === 'tool-result';

const mermaid: Language = {
  node: (node) => {
    const [left, right] =
      node.kind === 'step' ? '[]' : node.kind === 'llm' ? ['{{', '}}'] : ['([', '])'];
    return `${idInMermaid(node.id)}${left}${inMermaid(textOf(node))}${right}`;
  },
  edge: (edge) => {
    const arrow = isDashed(edge) ? '-.->' : edge.kind === 'chunks' ? '==>' : '-->';
    const label = edge.label && `|${inMermaid(edge.label)}|`;
    return `${idInMermaid(edge.from)} ${arrow}${label} ${idInMermaid(edge.to)}`;
  },
  open: (cluster) => `subgraph ${idInMermaid(cluster.id)} [${inMermaid(textOf(cluster))}]`,
  close: 'end',
};

/** Different for different paths, and never a word of Mermaid's (`end`, `graph`, …). Ids start with no digit, so `__45` is no dot. */
function idInMermaid(path: string): string {
  const [, flow, end] = /^(?:(.*)\.)?\$(\w+)$/.exec(path) ?? [];
  const coded = (flow ?? (end ? '' : path))
    .replace(/(?<![A-Za-z0-9])[_-]|[_-](?![A-Za-z0-9])/g, (sign) => `__${sign.charCodeAt(0)}`)
    .replaceAll('.', '__');
  return end === undefined ? `s_${coded}` : end + (coded && `_${coded}`);
}

/** In a label all but the harmless is written by its number: quotes, brackets, `%%{`, `style:`, and backticks mean something there. */
const inMermaid = (text: string): string =>
  `"${text
    .replace(/[^\w .,=>()\n\u0080-\uffff-]/g, (sign) => `#${sign.charCodeAt(0)};`)
    .replace(/\n/g, '<br>')}"`;

const dot: Language = {
  node: (node) => {
    const { kind } = node;
    const shape =
      kind === 'step' ? '' : ` shape=${kind === 'llm' ? 'hexagon' : 'oval'} style=solid`;
    return `${quoted(node.id)} [label=${inDot(textOf(node))}${shape}]`;
  },
  edge: (edge) => {
    const style = isDashed(edge) ? ' style=dashed' : edge.kind === 'chunks' ? ' style=bold' : '';
    return `${quoted(edge.from)} -> ${quoted(edge.to)} [label=${inDot(edge.label)}${style}]`;
  },
  // Only what is called "cluster…" is drawn as a box.
  open: (cluster) =>
    `subgraph ${quoted(`cluster ${cluster.id}`)} { label=${inDot(textOf(cluster))}`,
  close: '}',
};

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** Labels of Graphviz know entities, and `\n`; a NUL would end the file. */
const inDot = (text: string): string =>
  quoted(text.replace(/&/g, '&amp;').replaceAll('\0', '\ufffd')).replace(/\n/g, '\\n');
