/** Random flows to draw, and a reader of the Mermaid text that they are drawn as. */

import fc from 'fast-check';
import { type CompiledFlow, defineStep, type FlowDefinition } from 'millrace';
import { FlowBuilder } from 'millrace/builder';

interface StepSpec {
  readonly id: string;
  readonly kind: 'code' | 'llm' | 'flow';
  readonly inner: FlowSpec | undefined;
  /** Of the steps before it, by their distance. */
  readonly reads: readonly { readonly back: number; readonly member: string }[];
  readonly links: readonly {
    readonly back: number;
    readonly on: 'success' | 'failure' | 'settled';
  }[];
  readonly input: boolean;
  readonly limit: number | undefined;
}

export interface FlowSpec {
  readonly steps: readonly StepSpec[];
  readonly outputs: readonly number[];
}

/** Words that mean something to Mermaid or Graphviz, and ids that look alike when they are mangled. */
const ids = [
  ...[
    'end',
    'graph',
    'subgraph',
    'style',
    'class',
    'default',
    'click',
    'node',
    'edge',
    'digraph',
    'o',
    'x',
  ],
  ...[
    'input',
    'output',
    'a',
    'b',
    'a_b',
    'a-b',
    'a--b',
    'a__b',
    '_a',
    'a_',
    'a__45b',
    'a__95_b',
    's_a',
  ],
];

const flowSpecsOf = (depth: number): fc.Arbitrary<FlowSpec> =>
  fc.uniqueArray(fc.constantFrom(...ids), { maxLength: 7 }).chain((names) =>
    fc.record({
      steps: fc.tuple(...names.map((id) => stepSpecs(id, depth))),
      outputs: fc.array(fc.nat(6), { maxLength: 3 }),
    }),
  );

const stepSpecs = (id: string, depth: number): fc.Arbitrary<StepSpec> =>
  fc.record({
    id: fc.constant(id),
    kind: fc.constantFrom('code' as const, 'code' as const, 'llm' as const, 'flow' as const),
    inner: depth === 0 ? fc.constant(undefined) : flowSpecsOf(depth - 1),
    reads: fc.array(
      fc.record({ back: fc.nat(4), member: fc.constantFrom('return', 'chunks', 'error.code') }),
      { maxLength: 2 },
    ),
    links: fc.array(
      fc.record({
        back: fc.nat(4),
        on: fc.constantFrom('success' as const, 'failure' as const, 'settled' as const),
      }),
      { maxLength: 1 },
    ),
    input: fc.boolean(),
    limit: fc.option(fc.nat(9), { nil: undefined }),
  });

/** Flows in flows in flows. */
export const flowSpecs = flowSpecsOf(2);

const code = () => 1;
const llm = defineStep({ isLlm: true, run: code });

/** The flow of a specification. `turn` changes the order in which it is written, and nothing else. */
export function written(
  spec: FlowSpec,
  turn = <T>(list: readonly T[]): readonly T[] => list,
): CompiledFlow<unknown, unknown> {
  const flow = new FlowBuilder('drawn');
  const before = (at: number, back: number) => spec.steps[at - 1 - back]?.id;
  const steps = spec.steps.map((step, at) => ({ ...step, at }));
  for (const { id, kind, inner, limit, at } of turn(steps)) {
    const source = before(at, 0);
    const condition =
      limit !== undefined && source
        ? { when: { op: 'gt' as const, left: { key: `${source}.return` }, right: limit } }
        : {};
    flow.addStep(
      id,
      kind === 'flow' && inner ? written(inner, turn) : kind === 'llm' ? llm : code,
      {},
      condition,
    );
  }
  for (const { id, input, reads, kind, inner, at } of turn(steps)) {
    const isFlow = kind === 'flow' && inner !== undefined;
    if (isFlow) continue;
    if (input) flow.setInput(`${id}.i`, 'word');
    for (const [i, { back, member }] of turn([...reads.entries()])) {
      const source = before(at, back);
      if (source) flow.setDataMap(`${id}.p${i}`, `${source}.${member}`);
    }
  }
  for (const { id, links, at } of turn(steps)) {
    for (const { back, on } of links) {
      const source = before(at, back);
      if (source) flow.addLink(source, id, { on });
    }
  }
  for (const [i, at] of turn([...spec.outputs.entries()])) {
    const step = spec.steps[at];
    if (step) flow.setOutput(`out${i}`, `${step.id}.return`);
  }
  return flow.build();
}

/** Every step by its path, and every link by that of its ends, as the definition has them. */
export function partsOf(
  definition: FlowDefinition,
  path = '',
): { readonly steps: string[]; readonly links: string[] } {
  const at = (id: string) => (path === '' ? id : `${path}.${id}`);
  const steps: string[] = [];
  const links: string[] = [];
  for (const [id, { step }] of definition.steps) {
    steps.push(at(id));
    const inner = step.definition && partsOf(step.definition, at(id));
    steps.push(...(inner?.steps ?? []));
    links.push(...(inner?.links ?? []));
  }
  for (const list of definition.linksInto.values())
    links.push(...list.map(({ from, to }) => at(`${from}->${to}`)));
  return { steps: steps.sort(), links: links.sort() };
}

interface MermaidNode {
  readonly id: string;
  readonly label: string;
  readonly path: string;
  readonly shape: string;
}

/** What a Mermaid text says, read line by line. The path of a node follows from the labels of the clusters around it. */
export function readMermaid(text: string) {
  const nodes: MermaidNode[] = [];
  const clusters: MermaidNode[] = [];
  const edges: {
    readonly from: string;
    readonly to: string;
    readonly arrow: string;
    readonly label: string;
  }[] = [];
  const around: string[] = [];
  const [first, ...lines] = text.trimEnd().split('\n');
  for (const line of lines.map((each) => each.trim())) {
    const [, from, arrow, label = '', to] =
      /^(\S+) (-->|-\.->|==>)(?:\|"(.*)"\|)? (\S+)$/.exec(line) ?? [];
    const [, cluster, title = ''] = /^subgraph (\S+) \["(.*)"\]$/.exec(line) ?? [];
    const [, node, open = '', name = ''] =
      /^([\w-]+)(\[|\{\{|\(\[)"([^"]*)"(?:\]|\}\}|\]\))$/.exec(line) ?? [];
    const named = (id: string, text: string, shape: string): MermaidNode => {
      const label = text.split('<br>')[0] ?? '';
      return { id, label, shape, path: [...around, label].join('.') };
    };
    if (from && to) edges.push({ from, to, arrow: arrow ?? '', label });
    else if (cluster) {
      clusters.push(named(cluster, title, 'subgraph'));
      around.push(title.split('<br>')[0] ?? '');
    } else if (line === 'end') around.pop();
    else if (node) nodes.push(named(node, name, open));
    else throw new Error(`not understood: ${line}`);
  }
  return { first, nodes, clusters, edges, isClosed: around.length === 0 };
}
