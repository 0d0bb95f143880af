/** A flow as boxes in boxes with arrows between them: what every drawing says. Where things stand is up to the drawing. */
import { addToList } from '../plain.ts';
import { type Binding, keysOf } from './binding.ts';
import { conditionKeys, showCondition } from './condition.ts';
import type { FlowDefinition, Link, StepEntry } from './definition.ts';
import { byId, byName } from './derive.ts';
import { parseKey } from './key.ts';

export interface PictureNode {
  /** The path of a step; `$input` and `$output` below the path of their flow are its two ends. */
  readonly id: string;
  readonly kind: 'input' | 'output' | 'step' | 'llm';
  readonly label: string;
  /** When the step runs; of the ends of a flow, the names of its inputs or outputs. */
  readonly notes: readonly string[];
}

export interface PictureEdge {
  readonly from: string;
  readonly to: string;
  /** What it carries. `condition`: it is waited for only because the condition of another link reads it. */
  readonly kind: 'value' | 'chunks' | 'tool' | 'tool-result' | 'condition';
  readonly on: Link['on'];
  readonly label: string;
  /** The path of the link that it stands for; absent where it comes from the input or goes to the output. */
  readonly link?: string;
}

/** A flow; the flows inside it are its clusters. What leads to a cluster ends at its input, what leaves it starts at its output. */
export interface Picture {
  /** The path of the flow; empty for the outermost one. */
  readonly id: string;
  readonly label: string;
  readonly notes: readonly string[];
  readonly nodes: readonly PictureNode[];
  readonly clusters: readonly Picture[];
  readonly edges: readonly PictureEdge[];
}

/**
 * What there is to draw of a flow: every step, every link, its input and its outputs. The same flow gives the same picture, in
 * whatever order it was written.
 */
export const pictureOf = ({ definition }: { readonly definition: FlowDefinition }): Picture =>
  draw(definition, '', definition.id, []);

function draw(
  definition: FlowDefinition,
  path: string,
  label: string,
  notes: readonly string[],
): Picture {
  const at = (id: string) => (path === '' ? id : `${path}.${id}`);
  const [input, output] = [at('$input'), at('$output')];
  const nodes: PictureNode[] = [];
  const clusters: Picture[] = [];
  const edges: PictureEdge[] = [];
  const names = new Set<string>();
  const read = (keys: readonly string[]): string => {
    const all = keys.map(parseKey).filter(({ of }) => of === 'input');
    const found = unique(all.map((key) => nameIn(definition, key.path)));
    for (const name of found) names.add(name);
    return found.join(', ');
  };
  const join = (from: string, to: string, name: string) =>
    edges.push({ from, to, kind: 'value', on: 'success', label: name });

  for (const id of definition.order) {
    const { step, settings } = definition.steps.get(id) as StepEntry;
    const links = definition.linksInto.get(id) ?? [];
    const { when, join: policy } = settings;
    const about = [
      ...(when ? [`when ${showCondition(when)}`] : []),
      ...(policy && policy !== 'any' ? [`join ${policy}`] : []),
    ];
    if (step.definition) clusters.push(draw(step.definition, at(id), id, about));
    else nodes.push({ id: at(id), kind: step.isLlm ? 'llm' : 'step', label: id, notes: about });
    const [begin] = endsOf(definition, id);
    const reads = read([
      ...[...(definition.params.get(id)?.values() ?? [])].flatMap(keysOf),
      ...[{ when }, ...links].flatMap((each) => conditionKeys(each.when)),
    ]);
    if (reads) join(input, at(begin), reads);
    for (const link of links) {
      const [, end] = endsOf(definition, link.from);
      edges.push({ from: at(end), to: at(begin), ...edgeOf(link), link: at(link.id) });
    }
  }
  const remembered = [...definition.memory].map(
    ([name, binding]) => [name + memory, binding] as const,
  );
  const results = [...definition.outputs, ...remembered];
  for (const [source, found] of sourcesOf(definition, results)) {
    if (source === '$input') read(results.flatMap(([, binding]) => keysOf(binding)));
    join(at(source), output, found);
  }
  const isInside = path !== '';
  if (isInside || names.size > 0)
    nodes.unshift({ id: input, kind: 'input', label: 'input', notes: listed(names) });
  if (isInside || results.length > 0) {
    const found = listed(results.map(([name]) => name));
    nodes.push({ id: output, kind: 'output', label: 'output', notes: found });
  }
  // The only name of an end stands in it already.
  const isPlain = ({ link, from }: PictureEdge): boolean =>
    link === undefined && (from === input ? names.size : results.length) === 1;
  const plain = edges.map((edge) => (isPlain(edge) ? { ...edge, label: '' } : edge));
  return { id: path, label, notes, nodes, clusters, edges: plain };
}

/** Where the arrows to a step end, and where those from it begin. */
const endsOf = (definition: FlowDefinition, id: string): readonly [string, string] =>
  definition.steps.get(id)?.step.definition ? [`${id}.$input`, `${id}.$output`] : [id, id];

function edgeOf({ on, stream, isTool, isToolResult, counts, optional, when }: Link) {
  const kind: PictureEdge['kind'] = isTool
    ? 'tool'
    : isToolResult
      ? 'tool-result'
      : stream
        ? 'chunks'
        : !counts && !optional
          ? 'condition'
          : 'value';
  const label = [
    ...(kind === 'value' ? [] : [kind.replace('-', ' ')]),
    ...(on === 'success' ? [] : [`on ${on}`]),
    ...(when ? [`when ${showCondition(when)}`] : []),
  ];
  return { kind, on, label: label.join(', ') };
}

const unique = (names: Iterable<string>): readonly string[] => [...new Set(names)].sort(byId);

const listed = (names: Iterable<string>): readonly string[] => {
  const list = unique(names).join(', ');
  return list === '' ? [] : [list];
};

const memory = ' (memory)';

function nameIn(definition: FlowDefinition, [name]: readonly (string | number)[]): string {
  if (name === undefined) return 'all';
  return definition.memory.has(String(name)) ? name + memory : String(name);
}

/** What outputs are made of: a step or the input, with the names of the outputs that read it. */
function sourcesOf(
  definition: FlowDefinition,
  bindings: readonly (readonly [string, Binding])[],
): readonly (readonly [string, string])[] {
  const sources = new Map<string, string[]>();
  for (const [name, binding] of bindings) {
    for (const key of keysOf(binding).map(parseKey)) {
      const source = key.of === 'input' ? '$input' : endsOf(definition, key.step)[1];
      addToList(sources, source, name);
    }
  }
  return [...byName(sources)].map(([source, found]) => [source, unique(found).join(', ')]);
}
