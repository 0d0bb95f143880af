import fc from 'fast-check';
import { defineStep, Flow, gt, type Picture, pictureOf } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { toSvg } from 'millrace/draw';
import { SaxesParser } from 'saxes';
import { expect, test, vi } from 'vitest';
import { flowSpecs, partsOf, readMermaid, written } from '../graph/drawn.ts';

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

/** Reads XML as strictly as XML is; throws where it is not well-formed. */
function parse(xml: string): Element {
  const top: Element = { name: '', attributes: {}, children: [], text: '' };
  const open = [top];
  const parser = new SaxesParser({});
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element: Element = { name, attributes, children: [], text: '' };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on('text', (text) => {
    const element = open.at(-1);
    if (element) element.text += text;
  });
  parser.on('closetag', () => open.pop());
  parser.write(xml).close();
  return top.children[0] as Element;
}

const all = (element: Element): readonly Element[] => [element, ...element.children.flatMap(all)];
const withAttribute = (svg: Element, name: string): readonly string[] =>
  all(svg).flatMap(({ attributes }) => attributes[name] ?? []);
const withClass = (svg: Element, name: string): readonly Element[] =>
  all(svg).filter(({ attributes }) => attributes['class']?.split(' ').includes(name));

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function boxOf(element: Element): Box {
  const { points, x, y, width, height } = element.attributes;
  if (points) {
    const corners = points.split(' ').map((corner) => corner.split(',').map(Number));
    const [xs, ys] = [corners.map(([x = 0]) => x), corners.map(([, y = 0]) => y)];
    return {
      left: Math.min(...xs),
      right: Math.max(...xs),
      top: Math.min(...ys),
      bottom: Math.max(...ys),
    };
  }
  const [left, top] = [Number(x), Number(y)];
  return { left, top, right: left + Number(width), bottom: top + Number(height) };
}

/** Numbers are written with one decimal. */
const slack = 0.2;
const contains = (outer: Box, inner: Box): boolean =>
  inner.left >= outer.left - slack &&
  inner.right <= outer.right + slack &&
  inner.top >= outer.top - slack &&
  inner.bottom <= outer.bottom + slack;
const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right - slack &&
  b.left < a.right - slack &&
  a.top < b.bottom - slack &&
  b.top < a.bottom - slack;

function boxesOf(svg: Element, name: string): ReadonlyMap<string, Box> {
  const groups = withClass(svg, name).filter(
    ({ attributes }) => attributes['data-step'] !== undefined,
  );
  return new Map(
    groups.map((group) => {
      const shape = group.children.find(({ attributes }) => attributes['class'] === 'shape');
      return [group.attributes['data-step'] ?? '', boxOf(shape as Element)];
    }),
  );
}

test('1.1, 1.3 every step and every link of a flow is in its picture once, and as many arrows as in Mermaid', () => {
  fc.assert(
    fc.property(flowSpecs, fc.constantFrom('TD' as const, 'LR' as const), (spec, direction) => {
      const flow = written(spec);
      const svg = parse(toSvg(flow, { direction }));
      const { steps, links } = partsOf(flow.definition);
      const drawn = withAttribute(svg, 'data-step').filter((path) => !path.includes('$'));
      expect(drawn.toSorted()).toEqual(steps);
      expect(withAttribute(svg, 'data-link').toSorted()).toEqual(links);
      expect(withClass(svg, 'edge').length).toBe(readMermaid(flow.toMermaid()).edges.length);
    }),
    { numRuns: 40 },
  );
});

/** Where the last line of the title of each cluster stands. */
const lastLines = (svg: Element): Readonly<Record<string, number>> =>
  Object.fromEntries(
    withClass(svg, 'cluster').flatMap((group) => {
      const path = group.children.find(({ name }) => name === 'title')?.text.split('\n')[0];
      const lines = group.children.filter(({ name }) => name === 'text');
      return path === undefined ? [] : [[path, Number(lines.at(-1)?.attributes['y'])] as const];
    }),
  );

test('nothing overlaps, clusters hold their steps below their titles, and all is inside of the picture', () => {
  fc.assert(
    fc.property(flowSpecs, fc.constantFrom('TD' as const, 'LR' as const), (spec, direction) => {
      const flow = written(spec);
      const text = toSvg(flow, { direction });
      expect(text).not.toMatch(/NaN|undefined|Infinity/);
      const svg = parse(text);
      const [nodes, clusters] = [boxesOf(svg, 'node'), boxesOf(svg, 'cluster')];
      const page = {
        left: 0,
        top: 0,
        right: Number(svg.attributes['width']),
        bottom: Number(svg.attributes['height']),
      };
      const titles = lastLines(svg);
      const check = (picture: Picture, around: Box) => {
        const own = picture.nodes.map(({ id }) => nodes.get(id) as Box);
        const inner = picture.clusters.map(({ id }) => clusters.get(id) as Box);
        const beside = [...own, ...inner];
        beside.forEach((box, i) => {
          expect(contains(around, box)).toBe(true);
          for (const other of beside.slice(i + 1)) expect(overlap(box, other)).toBe(false);
        });
        for (const [i, cluster] of picture.clusters.entries()) check(cluster, inner[i] as Box);
        const title = titles[picture.id] ?? Number.NEGATIVE_INFINITY;
        for (const box of beside) expect(box.top).toBeGreaterThan(title);
      };
      check(pictureOf(flow), page);
    }),
    { numRuns: 40 },
  );
});

test('every arrow begins and ends at the edge of its node', () => {
  fc.assert(
    fc.property(flowSpecs, fc.constantFrom('TD' as const, 'LR' as const), (spec, direction) => {
      const flow = written(spec);
      const svg = parse(toSvg(flow, { direction }));
      const nodes = boxesOf(svg, 'node');
      const edges = (picture: Picture): Picture['edges'] => [
        ...picture.edges,
        ...picture.clusters.flatMap(edges),
      ];
      const paths = withClass(svg, 'line').map(({ attributes }) => attributes['d'] ?? '');
      edges(pictureOf(flow)).forEach(({ from, to }, i) => {
        const numbers = paths[i]?.match(/-?[\d.]+/g)?.map(Number) ?? [];
        const [x = 0, y = 0] = numbers;
        const [endX = 0, endY = 0] = numbers.slice(-2);
        const at = (x: number, y: number): Box => ({ left: x, right: x, top: y, bottom: y });
        const [source, target] = [nodes.get(from) as Box, nodes.get(to) as Box];
        expect(contains(source, at(x, y))).toBe(true);
        expect(contains(target, at(endX, endY))).toBe(true);
        if (direction === 'TD')
          expect([y, endY]).toEqual([
            expect.closeTo(source.bottom, 0),
            expect.closeTo(target.top, 0),
          ]);
      });
    }),
    { numRuns: 25 },
  );
});

test('1.14 the order in which a flow was written does not show in its picture', () => {
  fc.assert(
    fc.property(flowSpecs, (spec) => {
      expect(toSvg(written(spec, (list) => list.toReversed()))).toBe(toSvg(written(spec)));
    }),
    { numRuns: 15 },
  );
});

const code = () => ({ score: 1 });
const take = (_: Readonly<Record<string, unknown>>) => 1;

function agent() {
  const llm = defineStep({ isLlm: true, run: code });
  return new FlowBuilder('agent')
    .addStep('ask', llm, { question: '{{question}}' })
    .addStep('search', code)
    .addStep('answer', llm)
    .addStep('voice', take, { words: '{{answer.chunks}}' })
    .addStep('apology', code)
    .addLink('ask', 'search', { isTool: true })
    .addLink('search', 'answer', { isToolResult: true })
    .addLink('answer', 'apology', { on: 'failure' })
    .setOutput('answer', 'answer.return')
    .build();
}

test('arrows of tools, of streams and of failures, and LLM steps, look different', () => {
  const svg = parse(toSvg(agent()));
  const classes = new Map(
    withClass(svg, 'edge').map(({ attributes }) => [attributes['data-link'], attributes['class']]),
  );
  expect(classes.get('ask->search')).toBe('edge tool value');
  expect(classes.get('search->answer')).toBe('edge tool-result value');
  expect(classes.get('answer->voice')).toBe('edge chunks');
  expect(classes.get('answer->apology')).toBe('edge value failure');
  expect(withClass(svg, 'llm').map(({ children }) => children.map(({ name }) => name))).toEqual([
    ['title', 'polygon', 'text'],
    ['title', 'polygon', 'text'],
  ]);
  expect(toSvg(agent())).toMatch(/\.tool \.line[^}]*stroke-dasharray/);
});

test('labels that are too long are cut, and told whole to who points at them', () => {
  const long = `${'very '.repeat(60)}long`;
  const flow = new FlowBuilder('long')
    .addStep('a', code)
    .addStep('b', code)
    .addLink('a', 'b', { when: { op: 'eq', left: { key: 'a.return' }, right: long } })
    .build();
  const svg = parse(toSvg(flow));
  const [edge] = withClass(svg, 'edge') as [Element];
  const texts = edge.children.filter(({ name }) => name === 'text').map(({ text }) => text);
  expect(texts.length).toBe(4);
  expect(texts.at(-1)).toMatch(/…$/);
  expect(edge.children.find(({ name }) => name === 'title')?.text).toBe(
    `when a.return = "${long}"`,
  );
});

test('what a label costs grows with its length, and no more', () => {
  const drawn = (right: string) => {
    const flow = new FlowBuilder('long')
      .addStep('a', code)
      .addStep('b', code)
      .addLink('a', 'b', { when: { op: 'eq', left: { key: 'a.return' }, right } })
      .build();
    const measured = vi.spyOn(RegExp.prototype, 'test');
    toSvg(flow);
    const { length } = measured.mock.calls;
    measured.mockRestore();
    return length;
  };
  const signs = 20_000;
  for (const long of ['word '.repeat(signs / 5), 'w'.repeat(signs)])
    expect(drawn(long)).toBeLessThan(5 * signs);
});

test('texts are data in a picture, never markup, and what XML cannot hold is replaced', () => {
  const evil = '</svg><script>alert("1")</script> & \u0000\u0008\ud800 \ufffe ]]> 日本語 🎉';
  const flow = new FlowBuilder('evil')
    .addStep('a', code)
    .addStep('b', code, {}, { when: { op: 'eq', left: { key: 'a.return' }, right: evil } })
    .setOutput(evil, 'b.return')
    .build();
  const text = toSvg(flow, { title: evil });
  expect(text).not.toContain('<script');
  const svg = parse(text);
  const title = svg.children.find(({ name }) => name === 'title')?.text;
  expect(title).toBe('</svg><script>alert("1")</script> & \ufffd\ufffd\ufffd \ufffd ]]> 日本語 🎉');
});

test('a picture has a name and a description for who cannot see it', () => {
  const flow = new Flow<{ url: string }>('digest');
  const page = flow.step('page', code, {});
  const gist = flow.step(
    'gist',
    take,
    { page: page.out, url: flow.input.url },
    { when: gt(page.out.score, 0.5) },
  );
  const compiled = flow.output({ gist: gist.out });
  const svg = parse(toSvg(compiled));
  expect(svg.attributes['role']).toBe('img');
  const [title, desc] = svg.children;
  expect([title?.name, title?.text]).toEqual(['title', 'Flow digest']);
  expect(desc?.text.split('\n')).toEqual([
    'input, url.',
    'page.',
    'gist, when page.return.score > 0.5.',
    'output, gist.',
    'input to gist.',
    'page to gist.',
    'gist to output.',
  ]);
  const named = parse(toSvg(compiled, { title: 'How it is made' }));
  expect(withClass(named, 'title').map(({ text }) => text)).toEqual(['How it is made']);
  expect(named.children[0]?.text).toBe('How it is made');
});

test('a picture is readable in light and dark, also to programs without custom properties', () => {
  const style = all(parse(toSvg(agent()))).find(({ name }) => name === 'style')?.text ?? '';
  expect(style).toMatch(/@media \(prefers-color-scheme: dark\) \{ \.millrace-flow \{/);
  expect(style).not.toMatch(/undefined/);
  for (const [, colour, variable] of style.matchAll(/: (#\w+|\w+); \w+: var\((--millrace-[\w-]+)/g))
    expect([colour, variable]).toEqual([
      expect.stringMatching(/^#[0-9a-f]{6}$/),
      expect.any(String),
    ]);
  const used = [...style.matchAll(/var\(--millrace-[\w-]+, var\((--flow-[\w-]+)\)\)/g)].map(
    ([, name]) => name,
  );
  const defined = (rule: RegExp) =>
    [...(rule.exec(style)?.[1] ?? '').matchAll(/(--flow-[\w-]+):/g)].map(([, name]) => name);
  const [light, dark] = [
    defined(/^\.millrace-flow \{([^}]*)\}/m),
    defined(/dark\) \{ \.millrace-flow \{([^}]*)\}/),
  ];
  expect(light).toEqual(expect.arrayContaining(used));
  expect(dark).toEqual(light);
});

test('an empty flow has an empty picture', () => {
  const svg = parse(toSvg(new FlowBuilder('nothing').build()));
  expect(withClass(svg, 'node')).toEqual([]);
  expect(Number(svg.attributes['width'])).toBeGreaterThan(0);
});

test('a direction that there is not is refused, as toMermaid() refuses it', () => {
  const direction = 'lr' as 'LR';
  const flow = new Flow('f').output({});
  const message = (name: string) =>
    `The option "direction" of ${name}() is "lr". It takes "TD", "LR". (invalid-option)`;
  expect(() => toSvg(flow, { direction })).toThrow(message('toSvg'));
  expect(() => flow.toMermaid({ direction })).toThrow(message('toMermaid'));
});
