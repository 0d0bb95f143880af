import fc from 'fast-check';
import { defineStep, eq, Flow, gt, pictureOf } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import type { Observable } from 'rxjs';
import { expect, test } from 'vitest';
import { flowSpecs, partsOf, readMermaid, written } from './drawn.ts';

const code = () => ({ text: '', score: 1, lang: '' });
const take = (_: Readonly<Record<string, unknown>>) => 1;
const llm = defineStep({ isLlm: true, run: () => 1 });

const lineWith = (text: string, part: string): string =>
  text.split('\n').find((line) => line.includes(part)) ?? '';

test('1.1, 1.3 every step and every link is drawn once, at any depth, and nothing else is', () => {
  fc.assert(
    fc.property(flowSpecs, (spec) => {
      const flow = written(spec);
      const { steps, links } = partsOf(flow.definition);
      const drawn = readMermaid(flow.toMermaid());
      expect(drawn.isClosed).toBe(true);
      const boxes = drawn.nodes.filter(({ shape }) => shape !== '([');
      expect([...boxes, ...drawn.clusters].map(({ path }) => path).sort()).toEqual(steps);

      const paths = new Map([...drawn.nodes, ...drawn.clusters].map(({ id, path }) => [id, path]));
      expect(paths.size).toBe(drawn.nodes.length + drawn.clusters.length);
      const ends = new Set(drawn.nodes.filter(({ shape }) => shape === '([').map(({ id }) => id));
      // An arrow to a cluster ends at its input, one from it starts at its output.
      const stepAt = (id: string, end: string) => {
        const path = paths.get(id) ?? 'nowhere';
        return ends.has(id) && path.endsWith(end) ? path.slice(0, -end.length) : path;
      };
      const told = drawn.edges.flatMap(({ from, to }) => {
        const [source, target] = [stepAt(from, '.output'), stepAt(to, '.input')];
        const flowOf = (path: string) => path.split('.').slice(0, -1).join('.');
        const isOwnEnd = ends.has(from) && source === paths.get(from);
        if (isOwnEnd || (ends.has(to) && target === paths.get(to))) return [];
        expect(flowOf(source)).toBe(flowOf(target));
        return [`${source}->${target.split('.').at(-1)}`];
      });
      expect(told.sort()).toEqual(links);
    }),
    { numRuns: 300 },
  );
});

test('1.14 the order in which a flow was written does not show in its drawing', () => {
  fc.assert(
    fc.property(flowSpecs, (spec) => {
      const [one, other] = [written(spec), written(spec, (list) => list.toReversed())];
      expect(other.toMermaid()).toBe(one.toMermaid());
      expect(other.toDot()).toBe(one.toDot());
      expect(pictureOf(other)).toEqual(pictureOf(one));
    }),
    { numRuns: 200 },
  );
});

test('Graphviz is told the same nodes, clusters and arrows as Mermaid', () => {
  fc.assert(
    fc.property(flowSpecs, (spec) => {
      const flow = written(spec);
      const { nodes, clusters, edges } = readMermaid(flow.toMermaid());
      const dot = flow.toDot().split('\n');
      expect(dot.filter((line) => / -> "/.test(line)).length).toBe(edges.length);
      expect(dot.filter((line) => /^ *subgraph "cluster /.test(line)).length).toBe(clusters.length);
      expect(dot.filter((line) => /^ *"[^"]*" \[/.test(line)).length).toBe(nodes.length);
      expect(dot.filter((line) => line.trim() === '}').length).toBe(clusters.length + 1);
    }),
    { numRuns: 100 },
  );
});

function digest() {
  const flow = new Flow<{ url: string; tone: string }>('digest');
  const page = flow.step('page', code, {});
  const gist = flow.step(
    'gist',
    take,
    { page: page.out, tone: flow.input.tone },
    { when: gt(page.out.score, 0.5) },
  );
  const voice = flow.step('voice', take, { words: gist.chunks });
  const alarm = flow.step('alarm', take, { error: gist.error });
  flow.link(page, voice, { when: eq(page.out.lang, 'en') });
  flow.link(page, alarm, { on: 'settled' });
  return flow.output({ gist: gist.out, voice: voice.out, url: flow.input.url });
}

test('a flow has its input and its outputs, with the names of what is read', () => {
  expect(digest().toMermaid()).toBe(`flowchart TD
  input(["input<br>tone, url"])
  s_page["page"]
  s_gist["gist<br>when page.return.score > 0.5"]
  s_alarm["alarm"]
  s_voice["voice"]
  output(["output<br>gist, url, voice"])
  input -->|"tone"| s_gist
  s_page --> s_gist
  s_gist -->|"on failure"| s_alarm
  s_page -->|"on settled"| s_alarm
  s_gist ==>|"chunks"| s_voice
  s_page -->|"when page.return.lang = #34;en#34;"| s_voice
  input -->|"url"| output
  s_gist -->|"gist"| output
  s_voice -->|"voice"| output
`);
  expect(digest().toMermaid({ direction: 'LR' })).toMatch(/^flowchart LR\n/);
});

test('1.13 links of tools are dashed, and LLM steps have a shape of their own', () => {
  const flow = new FlowBuilder('agent')
    .addStep('ask', llm)
    .addStep('search', code)
    .addStep('answer', llm)
    .addLink('ask', 'search', { isTool: true })
    .addLink('search', 'answer', { isToolResult: true, description: 'what it found' })
    .build();
  const mermaid = flow.toMermaid();
  expect(mermaid).toContain('s_ask{{"ask"}}');
  expect(mermaid).toContain('s_search["search"]');
  expect(mermaid).toContain('s_ask -.->|"tool"| s_search');
  expect(mermaid).toContain('s_search -.->|"tool result"| s_answer');
  expect(flow.toDot()).toContain('"ask" -> "search" [label="tool" style=dashed]');
  expect(lineWith(flow.toDot(), '"ask" [')).toContain('shape=hexagon');
});

test('a step that is waited for only because a condition reads it is told from one whose value is used', () => {
  const flow = new FlowBuilder('asked')
    .addStep('a', code)
    .addStep('judge', code)
    .addStep('b', code)
    .addLink('a', 'b', { when: { op: 'exists', left: { key: 'judge.return' } } })
    .build();
  expect(pictureOf(flow).edges).toEqual([
    {
      from: 'a',
      to: 'b',
      kind: 'value',
      on: 'success',
      label: 'when judge.return exists',
      link: 'a->b',
    },
    {
      from: 'judge',
      to: 'b',
      kind: 'condition',
      on: 'success',
      label: 'condition',
      link: 'judge->b',
    },
  ]);
});

test('a subflow is a cluster in which its steps stand; its own condition and join are in its title', () => {
  const inner = new FlowBuilder('count')
    .addStep('split', take, { text: '{{text}}' })
    .setOutput('n', 'split.return')
    .build();
  const flow = new FlowBuilder('outer')
    .addStep('read', code)
    .addStep(
      'count',
      inner,
      { text: '{{read.return.text}}' },
      { join: 'all', when: { op: 'exists', left: { key: 'read.return' } } },
    )
    .addStep('end', take, { n: '{{count.return.n}}' })
    .build();
  const { clusters, nodes, edges } = readMermaid(flow.toMermaid());
  expect(clusters.map(({ path }) => path)).toEqual(['count']);
  expect(lineWith(flow.toMermaid(), 'subgraph')).toContain(
    '["count<br>when read.return exists<br>join all"]',
  );
  expect(nodes.map(({ path }) => path)).toEqual([
    'read',
    'end',
    'count.input',
    'count.split',
    'count.output',
  ]);
  expect(edges.map(({ from, to }) => `${from} ${to}`)).toEqual([
    's_read input_count',
    'output_count s_end',
    'input_count s_count__split',
    's_count__split output_count',
  ]);
});

test('1.6 what a flow leaves in shared memory goes to its output, and what it reads there comes from its input', () => {
  const flow = new FlowBuilder('chat')
    .addStep('answer', take, { last: '{{history}}', question: '{{question}}' })
    .setDataMap('history', 'answer.return')
    .setOutput('answer', 'answer.return')
    .build();
  expect(flow.toMermaid()).toContain('input -->|"history (memory), question"| s_answer');
  expect(flow.toMermaid()).toContain('s_answer -->|"answer, history (memory)"| output');
});

const evil = 'a "b" \'c\' `d` [e] {f} (g) <h> & | ; # \\ %%{init: {}}%% style:"x"; end\nnext';

test('texts in labels are text: nothing in them is markup', () => {
  const flow = new FlowBuilder('evil')
    .addStep('a', code)
    .addStep('b', code, {}, { when: { op: 'eq', left: { key: 'a.return' }, right: evil } })
    .setOutput(evil.slice(0, 100), 'b.return')
    .build();
  const mermaid = flow.toMermaid();
  expect(() => readMermaid(mermaid)).not.toThrow();
  for (const label of mermaid.match(/"[^"]*"/g) ?? [])
    expect(label.slice(1, -1).replaceAll('<br>', '').replace(/#\d+;/g, '')).toMatch(
      /^[\w .,=>()\u0080-\uffff-]*$/,
    );
  expect(mermaid).toContain('#34;b#92;#34;');
  const when = lineWith(flow.toDot(), '"b" [');
  expect(when).toContain('&amp;');
  // Quotes that end nothing, and backslashes that escape nothing, are escaped.
  expect(when.trim()).toMatch(/^"b" \[label="(?:[^"\\]|\\["\\n])*"\]$/);
});

test('an empty flow has an empty drawing', () => {
  const flow = new FlowBuilder('nothing').build();
  expect(flow.toMermaid()).toBe('flowchart TD\n');
  expect(flow.toDot()).toMatch(/^digraph "nothing" \{\n[^>]*\n\}\n$/);
});

test('names on an arrow stand in their own order, whatever the order in which they were written', () => {
  const flow = new Flow<{ b: string; a: string }>('names');
  const one = flow.step('one', take, { b: flow.input.b, a: flow.input.a });
  const all = flow.step('all', ({ words }: { words: Observable<unknown> }) => words, {
    words: one.chunks,
  });
  const mermaid = flow.output({ z: one.out, y: one.out, x: all.out }).toMermaid();
  expect(mermaid).toContain('input -->|"a, b"| s_one');
  expect(mermaid).toContain('s_one -->|"y, z"| output');
});

test('a NUL in a name does not end the text for Graphviz', () => {
  const flow = new FlowBuilder('f')
    .addStep('a', () => 1)
    .setDataMap('a.x', '$input["n\\u0000m"]')
    .setOutput('o\0p', 'a.return')
    .build();
  expect(flow.inputSchema()['properties']).toHaveProperty(['n\0m']);
  const dot = flow.toDot();
  expect(dot).not.toContain('\0');
  expect(dot).toContain('[label="output\\no\ufffdp"');
});
