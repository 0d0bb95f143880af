import {
  and,
  defineStep,
  eq,
  exists,
  Flow,
  type FlowJson,
  gt,
  isIn,
  matches,
  not,
  or,
  orElse,
  predicate,
  required,
  text,
} from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { rejected, thrown, untyped } from './thrown.ts';

const echo = (params: Readonly<Record<string, unknown>>) => params;
const page = defineStep({
  input: z.object({ url: z.string(), depth: z.number().optional() }),
  output: z.object({ title: z.string(), score: z.number() }),
  description: 'reads a page',
  metadata: { kind: 'net' },
  run: ({ url, depth = 0 }) => ({ title: `<${url}>`, score: depth / 10 }),
});
const steps = {
  page,
  echo: { handler: echo },
  fails: { handler: () => Promise.reject(new Error('no')) },
};

const through = (flow: { toJSON(): FlowJson }): FlowJson =>
  JSON.parse(JSON.stringify(flow)) as FlowJson;

/** A flow with everything in it that JSON can carry. */
function everything() {
  const sub = new Flow('sub', {
    input: z.object({ word: z.string(), unused: z.number().optional() }),
  });
  const said = sub.step(
    'echo',
    echo,
    { x: text`<${sub.input.word}>` },
    { metadata: { in: 'sub' } },
  );
  const inner = sub.output({ said: said.out['x'], word: sub.input.word });
  const flow = new Flow<{ url: string; n?: number; more?: string[] }>('all', {
    description: 'everything',
    metadata: { version: 1, tags: ['a'] },
  });
  const { input } = flow;
  const p = flow.step(
    'page',
    page,
    { url: input.url, depth: orElse(input.n, 7) },
    {
      retry: { count: 1, delay: 5, backoff: 'exponential', maxDelay: 50, jitter: 0 },
      timeout: { attempt: 1000, total: 5000, idle: 500 },
      cache: { ttl: 1000, max: 5 },
      concurrency: 2,
      policy: 'concat',
      maxPending: 3,
      metadata: { note: 'p' },
      when: and(
        exists(input.url),
        or(not(eq(input.url, 'x')), isIn(input.n, [1, 2])),
        matches(input.url, 'a'),
      ),
    },
  );
  const fails = flow.step('fails', steps.fails.handler, {});
  const e = flow.step(
    'echo',
    echo,
    {
      literal: { a: [1, null, 'x', { b: true }], braces: '{{page.return}}' },
      list: [p.out.title, 1, { deep: p.out.score }],
      title: text`${p.out.title} scores ${p.out.score}`,
      needed: required(p.out.title),
      'odd name': p.out.score,
      error: fails.error,
      none: null,
      absent: undefined,
    },
    { join: 'settled', fallback: { safe: true } },
  );
  const s = flow.step(
    'sub',
    inner,
    { word: required(p.out.title) },
    { when: gt(p.out.score, 0.5) },
  );
  flow.link(p, e, {
    on: 'settled',
    description: 'after',
    metadata: { k: 1 },
    when: gt(p.out.score, 0),
  });
  return flow.output({
    e: e.out,
    s: s.out.said,
    word: s.out.word,
    n: input.n,
    lit: [1, { a: p.out.title }],
  });
}

test('1.11 a flow comes back from JSON as it was', () => {
  const flow = everything();
  const json = through(flow);
  expect(json).toEqual(flow.toJSON());
  const back = Flow.fromJSON(json, { steps });
  expect(back.toJSON()).toEqual(json);
  expect(back.hash).toBe(flow.hash);
  expect(back.links).toEqual(flow.links);
  expect(back.data).toEqual(flow.data);
  expect(back.outputs).toEqual(flow.outputs);
  expect(back.inputSchema()).toEqual(flow.inputSchema());
  expect(back.outputSchema()).toEqual(flow.outputSchema());
});

test('1.11 a flow from JSON runs and gives the same', async () => {
  const flow = everything();
  const back = Flow.fromJSON(through(flow), { steps });
  for (const input of [
    { url: 'abc', n: 9 },
    { url: 'abc', n: 1 },
    { url: 'abc' },
    { url: 'zzz' },
  ]) {
    const [one, two] = [await flow.complete(input), await back.complete(input)];
    expect(JSON.stringify(two.output)).toBe(JSON.stringify(one.output));
    expect(Object.keys(two.output as object).length).toBeGreaterThan(0);
  }
});

test('1.11 the form of a flow in JSON', () => {
  const flow = new FlowBuilder('digest', { description: 'd' })
    .addStep('page', page, {}, { retry: { count: 2 } })
    .setInput('page.url', 'link')
    .addStep('mail', echo, { line: 'Read {{page.return.title}}' })
    .setDataMap('mail.score', 'page.return.score', { default: 0 })
    .addLink('page', 'mail', { when: { op: 'gt', left: { key: 'page.return.score' }, right: 0.5 } })
    .setDataValue('link', 'https://a.b')
    .setOutput('mail', 'mail.return')
    .build();
  expect(through(flow)).toEqual({
    v: 1,
    id: 'digest',
    description: 'd',
    steps: {
      page: {
        description: 'reads a page',
        metadata: { kind: 'net' },
        input: expect.objectContaining({ type: 'object', required: ['url'] }) as unknown,
        output: expect.objectContaining({ type: 'object' }) as unknown,
        retry: { count: 2 },
      },
      mail: {},
    },
    links: [
      {
        from: 'page',
        to: 'mail',
        when: { op: 'gt', left: { key: 'page.return.score' }, right: 0.5 },
      },
    ],
    data: {
      link: { value: 'https://a.b' },
      'page.url': { key: 'link' },
      'mail.line': { text: ['Read ', { key: 'page.return.title' }] },
      'mail.score': { key: 'page.return.score', default: 0 },
    },
    outputs: { mail: { key: 'mail.return' } },
  });
});

test('1.11 a template can be written in JSON', async () => {
  const json: FlowJson = {
    v: 1,
    id: 'f',
    steps: { echo: {} },
    links: [],
    data: { 'echo.x': untyped({ template: { line: 'Hi {{name}}', raw: '\\{{name}}' } }) },
    outputs: { x: { key: 'echo.return.x' } },
  };
  const { output } = await Flow.fromJSON(json, { steps }).complete({ name: 'Ada' });
  expect(output).toEqual({ x: { line: 'Hi Ada', raw: '{{name}}' } });
});

test('1.11 links, data and outputs may be left out of JSON', async () => {
  const flow = Flow.fromJSON(untyped({ v: 1, id: 'f', steps: { echo: {} } }), { steps });
  expect((await flow.complete({})).output).toEqual({});
});

test('1.11 a link that says on what it waits comes back so', () => {
  for (const options of [{}, { on: 'success' }, { on: 'failure' }, { on: 'settled' }] as const) {
    const flow = new Flow('f');
    const fails = flow.step('fails', steps.fails.handler, {});
    const e = flow.step('echo', echo, { e: fails.error });
    flow.step('page', page, { url: 'x' });
    const s = flow.step('late', echo, { c: fails.chunks });
    flow.link(fails, e, options).link(fails, s, options).link(fails, 'page', options);
    const compiled = flow.output({});
    const back = Flow.fromJSON(through(compiled), { steps: { ...steps, late: { handler: echo } } });
    expect(back.links).toEqual(compiled.links);
    expect(back.hash).toBe(compiled.hash);
  }
});

test('1.11 so does a link where a condition reads the error of its source', () => {
  const reads = { op: 'exists', left: { key: 'fails.error' } } as const;
  for (const on of [undefined, 'success', 'failure', 'settled'] as const) {
    const said = on && { on };
    const flow = new Flow('f');
    flow.step('fails', steps.fails.handler, {});
    flow.step('echo', echo, {}, { when: reads });
    flow.step('page', page, { url: 'x' });
    flow.link('fails', 'echo', { ...said }).link('fails', 'page', { ...said, when: reads });
    const compiled = flow.output({});
    const back = Flow.fromJSON(through(compiled), { steps });
    expect(back.links).toEqual(compiled.links);
    expect(back.hash).toBe(compiled.hash);
  }
});

test('1.11 steps of subflows are found by path, then by id', async () => {
  const inner = new FlowBuilder('inner')
    .addStep('a', () => 'one')
    .setOutput('a', 'a.return')
    .build();
  const flow = new FlowBuilder('f')
    .addStep('x', inner)
    .addStep('y', inner)
    .setOutput('x', 'x.return.a')
    .setOutput('y', 'y.return.a')
    .build();
  const back = Flow.fromJSON(through(flow), {
    steps: { a: { handler: () => 'by id' }, 'y.a': { handler: () => 'by path' } },
  });
  expect((await back.complete({})).output).toEqual({ x: 'by id', y: 'by path' });
});

test('1.10 a declared input comes back as its JSON Schema', async () => {
  const input = z.object({
    n: z.number().int().min(1).max(5),
    word: z.string().min(2).default('hello'),
    kind: z.enum(['a', 'b']).optional(),
    list: z
      .array(z.object({ x: z.number() }))
      .max(2)
      .optional(),
    either: z.union([z.string().min(2), z.object({ x: z.number() })]).optional(),
    always: z.literal(3).optional(),
  });
  const flow = new Flow('f', { input });
  const e = flow.step('echo', echo, { n: flow.input.n });
  const compiled = flow.output({ e: e.out, word: flow.input.word });
  const back = Flow.fromJSON(through(compiled), { steps });
  expect(back.inputSchema()).toEqual(compiled.inputSchema());
  expect((await back.complete({ n: 2 })).output).toEqual({ e: { n: 2 }, word: 'hello' });
  expect(
    (await back.complete({ n: 2, kind: 'a', list: [{ x: 1 }], either: { x: 1 }, always: 3 }))
      .output,
  ).toEqual({
    e: { n: 2 },
    word: 'hello',
  });
  const facts: [object, string][] = [
    [{}, 'n: is missing'],
    [{ n: 'x' }, 'n: expected integer, not "x"'],
    [{ n: 1.5 }, 'n: expected integer, not 1.5'],
    [{ n: 9 }, 'n: expected maximum 5, not 9'],
    [{ n: 2, word: 'x' }, 'word: expected minLength 2, not "x"'],
    [{ n: 2, kind: 'c' }, 'kind: expected one of "a", "b", not "c"'],
    [{ n: 2, list: [{}] }, 'list.0.x: is missing'],
    [
      { n: 2, list: [{ x: 1 }, { x: 1 }, { x: 1 }] },
      'list: expected maxItems 2, not an array of 3',
    ],
    [{ n: 2, either: 5 }, 'either: expected one of several forms, not 5'],
    [{ n: 2, always: 4 }, 'always: expected 3, not 4'],
    [{ n: 2, nn: 1 }, 'nn: is no input of the flow'],
  ];
  for (const [given, fact] of facts) {
    const { code, message } = await rejected(back.complete(given));
    expect(code).toBe('invalid-input');
    expect(message).toContain(`\n  - ${fact}`);
  }
});

test('1.10 a registry may bring the schema of the input back', async () => {
  const input = z.object({ n: z.string().transform(Number) });
  const flow = new Flow('f', { input });
  const back = Flow.fromJSON(through(flow.output({ n: flow.input.n })), { steps: {}, input });
  expect((await back.complete({ n: '5' })).output).toEqual({ n: 5 });
});

test('1.11 what JSON cannot carry is refused, with its place', () => {
  const flows: [string, (flow: Flow<{ n: number }>) => unknown][] = [
    [
      'flow "f".steps.a.when.test is a function, which JSON cannot carry. Use a condition of helpers such as gt() or cel() instead of predicate().',
      (flow) => flow.step('a', echo, {}, { when: predicate([flow.input.n], (n) => n > 1) }),
    ],
    [
      'flow "f".steps.a.when.all[1].of.test is a function',
      (flow) =>
        flow.step(
          'a',
          echo,
          {},
          {
            when: and(eq(flow.input.n, 1), not(predicate([flow.input.n], (n) => n > 1))),
          },
        ),
    ],
    [
      'flow "f".data.a.x.value.at is an object of class Date, which JSON cannot carry. Use plain data instead of code and of objects of classes.',
      (flow) => flow.step('a', echo, { x: { at: new Date() } }),
    ],
    ['flow "f".data.a.x.value[1] is 5n', (flow) => flow.step('a', echo, { x: [1, 5n] })],
    ['flow "f".data.a.x.value is NaN', (flow) => flow.step('a', echo, { x: Number.NaN })],
    ['flow "f".data.a.x.value is a function', (flow) => flow.step('a', echo, { x: () => 1 })],
    [
      'flow "f".data.a.x.default is an object of class Map',
      (flow) => flow.step('a', echo, { x: orElse(flow.input.n, new Map()) }),
    ],
    [
      'flow "f".steps.a.retry.when is a function',
      (flow) => flow.step('a', echo, {}, { retry: { count: 1, when: () => true } }),
    ],
    [
      'flow "f".steps.a.fallback is a function',
      (flow) => flow.step('a', echo, {}, { fallback: () => 1 }),
    ],
    [
      'flow "f".data.a.x.value.self is part of itself',
      (flow) => {
        const x: Record<string, unknown> = {};
        x['self'] = x;
        flow.step('a', echo, { x });
      },
    ],
    [
      'flow "f".links[0].when.test is a function',
      (flow) => {
        const a = flow.step('a', echo, {});
        const b = flow.step('b', echo, {});
        flow.link(a, b, { when: predicate([flow.input.n], (n) => n > 1) });
      },
    ],
  ];
  for (const [message, write] of flows) {
    const flow = new Flow<{ n: number }>('f');
    write(flow);
    const compiled = flow.output({});
    const error = thrown(() => compiled.toJSON());
    expect(error.code).toBe('not-serialisable');
    expect(error.message).toContain(message);
    expect(thrown(() => JSON.stringify(compiled)).code).toBe('not-serialisable');
    expect(compiled.hash).toMatch(/^[0-9a-f]{32}$/);
  }
});

test('1.11 what is no flow is refused', () => {
  const from = (json: unknown, registry: unknown = { steps }) =>
    thrown(() => Flow.fromJSON(untyped(json), untyped(registry))).message;
  for (const [json, shown] of [
    [undefined, 'undefined'],
    [null, 'null'],
    [5, '5'],
    [[], 'an array of 0'],
    [{ v: 2, id: 'f', steps: {} }, 'an object'],
    [{ v: 1, id: 'f' }, 'an object'],
  ] as const)
    expect(from(json)).toBe(
      `This is no flow: expected an object with "v": 1, "id" and "steps", as toJSON() gives it, not ${shown}. (invalid-definition)`,
    );
  expect(from(JSON.stringify({ v: 1, id: 'f', steps: {} }))).toContain('Give JSON.parse(text)');
  const ok = { v: 1, id: 'f', steps: { echo: {} } };
  expect(from({ ...ok, links: {} })).toBe(
    'In the JSON of the flow "links" is an object. It takes a list, as toJSON() gives it. (invalid-definition)',
  );
  expect(from({ ...ok, data: [] })).toContain('"data" is an array of 0. It takes an object');
  expect(from({ ...ok, outputs: 5 })).toContain('"outputs" is 5. It takes an object');
  expect(from({ ...ok, steps: { echo: 5 } })).toContain('"steps.echo" is 5. It takes an object');
  expect(from({ ...ok, links: ['a->b'] })).toContain('"links[0]" is "a->b". It takes an object');
  expect(from({ ...ok, links: [{ to: 'echo' }] })).toContain(
    'The step id undefined is not allowed',
  );
  expect(from({ ...ok, id: 'a b' })).toContain('The flow id "a b" is not allowed');
  expect(from({ ...ok, data: { 'echo.x': 5 } })).toBe(
    '"echo.x" is bound to 5, which is no binding. Write { value }, { key }, { text }, { template }, { array } or { object }. (invalid-definition)',
  );
  expect(from({ ...ok, data: { 'echo.x': { text: [5] } } })).toContain('which is no binding');
  expect(from({ ...ok, data: { 'echo.x': { key: 'a..b' } } })).toContain(
    'The key "a..b" cannot be read',
  );
  expect(from({ ...ok, data: { 'echo.x': { text: [{ key: 'a..b' }] } } })).toContain('"a..b"');
  expect(from({ ...ok, outputs: { x: {} } })).toContain(
    '"output x" is bound to an object, which is no binding',
  );
  expect(from({ ...ok, steps: { echo: { when: { op: 'x' } } } })).toContain(
    'The condition of step "echo" has the unknown "op" "x"',
  );
});

test('1.11 a registry that lacks a step is told which', () => {
  const json = through(new FlowBuilder('f').addStep('page', page, { url: 'x' }).build());
  const from = (registry: unknown) => thrown(() => Flow.fromJSON(json, untyped(registry))).message;
  expect(from({ steps: { pgae: page } })).toBe(
    'The registry has no step "page". Did you mean "pgae"? It has: pgae. Add it to fromJSON(json, { steps: { … } }). (invalid-definition)',
  );
  expect(from({ steps: {} })).toContain('It has: none.');
  expect(from(undefined)).toBe(
    'fromJSON() needs the code of the steps: fromJSON(json, { steps: { page } }). (invalid-definition)',
  );
  expect(from({ steps: { page: 'code' } })).toContain('The code of step "page" is string.');
});

test('1.11 a function of a registry is a step', async () => {
  const json = through(
    new FlowBuilder('f')
      .addStep('a', () => 1)
      .setOutput('a', 'a.return')
      .build(),
  );
  const back = Flow.fromJSON(json, untyped({ steps: { a: () => 2 } }));
  expect((await back.complete({})).output).toEqual({ a: 2 });
});

test('1.6 JSON cannot reach a prototype', async () => {
  const json = JSON.parse(
    '{"v":1,"id":"f","steps":{"echo":{}},"links":[],"data":{"echo.x":{"value":{"__proto__":{"evil":1}}},"echo.y":{"object":{"__proto__":{"key":"n"}}}},"outputs":{"__proto__":{"key":"echo.return"}}}',
  ) as FlowJson;
  const { output } = await Flow.fromJSON(json, { steps }).complete({ n: 5 });
  expect(Object.getPrototypeOf(output)).toBe(Object.prototype);
  expect(Object.keys(output as object)).toEqual(['__proto__']);
  const got = Object.values(output as object)[0] as Record<string, unknown>;
  expect(Object.getOwnPropertyDescriptor(got['x'], '__proto__')?.value).toEqual({ evil: 1 });
  expect(Object.getOwnPropertyDescriptor(got['y'], '__proto__')?.value).toBe(5);
  expect(({} as Record<string, unknown>)['evil']).toBeUndefined();
  expect(
    thrown(() =>
      Flow.fromJSON(JSON.parse('{"v":1,"id":"f","steps":{"__proto__":{}}}') as FlowJson, { steps }),
    ).code,
  ).toBe('invalid-definition');
});

test('1.10 the JSON Schema of an input: places of a tuple, names by patterns, and names that must be there', async () => {
  const input = {
    type: 'object',
    required: ['pair', 'id'],
    properties: {
      pair: { type: 'array', prefixItems: [{ type: 'string' }], items: { type: 'number' } },
      env: {
        type: 'object',
        patternProperties: { '^X_': { type: 'string' } },
        additionalProperties: false,
      },
    },
    additionalProperties: {},
  };
  const json = { v: 1, id: 'f', input, steps: {}, links: [], data: {}, outputs: {} } as const;
  const flow = Flow.fromJSON(json, { steps: {} });
  const right = { pair: ['a', 1, 2], env: { X_A: 'a' }, id: 1 };
  expect((await flow.complete(right)).snapshot.input).toEqual(right);
  const { message } = await rejected(flow.complete({ pair: [1, 'a'] }));
  expect(message).toBe(`The input of flow "f" is not valid: (invalid-input)
  - pair.0: expected string, not 1
  - pair.1: expected number, not "a"
  - id: is missing`);
});

test('1.6 inputs of any name come back from JSON, also where they look like params', async () => {
  const builder = new FlowBuilder('f')
    .addStep('a', echo)
    .addStep('b', echo)
    .setDataMap('a.x', '$input["b.y"]')
    .setDataMap('a.z', '$input["my name"]')
    .setDataValue('$input["b.y"]', 5)
    .setDataValue('$input["my name"]', 'Ada')
    .setOutput('a', 'a.return')
    .setOutput('b', 'b.return');
  const flow = builder.build();
  const keys = ['$input["b.y"]', '$input["my name"]', 'a.x', 'a.z'];
  for (const data of [flow.data, builder.data, flow.toJSON().data])
    expect(Object.keys(data)).toEqual(keys);
  const back = Flow.fromJSON(through(flow), { steps: { a: echo, b: echo } });
  expect(back.hash).toBe(flow.hash);
  for (const each of [flow, back])
    expect((await each.complete({})).output).toEqual({ a: { x: 5, z: 'Ada' }, b: {} });
  expect(Object.keys(builder.removeData('$input["b.y"]').data)).toEqual(keys.slice(1));
});

test('5.8 what is remembered may have any name, and is no param', () => {
  const flow = new Flow('f');
  const a = flow.step('a', echo, { before: flow.memory('b.y', 0) });
  flow.step('b', echo, {});
  const compiled = flow.remember('b.y', a.out).remember('my name', a.out).output({});
  expect(compiled.data).toEqual({
    '$input["b.y"]': { key: 'a.return' },
    '$input["my name"]': { key: 'a.return' },
    'a.before': { key: '$input["b.y"]', default: 0 },
  });
  const back = Flow.fromJSON(through(compiled), { steps: { a: echo, b: echo } });
  expect(back.data).toEqual(compiled.data);
});

test('1.6 a binding in JSON is what its form says, and nothing besides', () => {
  const from = (data: object) =>
    Flow.fromJSON(untyped({ v: 1, id: 'f', steps: { a: {}, b: {} }, data }), {
      steps: { a: echo, b: echo },
    });
  const flow = from({
    'b.x': { key: 'a.return', required: false, autolink: true },
    'b.y': { key: 'a.return.y', default: null, required: true, autolink: false },
  });
  expect(flow.data).toEqual({
    'b.x': { key: 'a.return' },
    'b.y': { key: 'a.return.y', default: null, required: true, autolink: false },
  });
  expect(Object.keys(flow.links)).toEqual(['a->b']);
  for (const besides of [
    { key: 'a.return', value: 1 },
    { key: 'a.return', '': 1 },
    { key: 'a.return', defualt: 1 },
    { key: 'a.return', required: 'yes' },
    { key: 'a.return', autolink: 0 },
    { key: 5 },
    { value: 1, array: [] },
    { value: 1, default: 2 },
    { text: ['x', { key: 'a.return', more: 1 }] },
    { text: ['x', { value: 'y' }] },
    { text: 'x' },
    { array: {} },
    { object: [] },
    {},
  ])
    expect(thrown(() => from({ 'b.x': besides })).message).toMatch(
      /^"b\.x" is bound to an object.*, which is no binding\. Write \{ value \}/,
    );
  expect(thrown(() => from({ 'b.x': { key: 'a.return', defualt: 1 } })).message).toContain(
    'an object of key, defualt, which',
  );
});

test('1.11 a name that means nothing in JSON is refused, and not left out', () => {
  const ok = { v: 1, id: 'f', steps: { echo: {} } };
  const from = (json: object) => thrown(() => Flow.fromJSON(untyped(json), { steps })).message;
  expect(from({ ...ok, linsk: [] })).toBe(
    'There is no option "linsk" of the JSON of a flow. Did you mean "links"? It takes: v, id, description, metadata, input, steps, links, data, outputs. (invalid-option)',
  );
  expect(from({ ...ok, steps: { echo: { retyr: { count: 1 } } } })).toContain(
    'There is no option "retyr" of step "echo". Did you mean "retry"?',
  );
  expect(from({ ...ok, steps: { echo: { equals: true } } })).toContain('It takes a function');
  expect(from({ ...ok, steps: { echo: { flow: null } } })).toContain('is no flow');
  expect(from({ ...ok, input: null })).toContain('"input" is null. It takes an object');
  const when = { op: 'gt', left: { key: 'n' }, rihgt: 5 };
  expect(from({ ...ok, steps: { echo: { when } } })).toBe(
    'The condition of step "echo" lacks its right side. (invalid-definition)',
  );
});

test('1.11 what is wrong with a flow inside another one in JSON has its place', () => {
  const inner = (more: object) => ({ v: 1, id: 'inner', steps: { echo: {} }, ...more });
  const from = (json: object) => {
    const steps = { a: { flow: { v: 1, id: 'middle', steps: { b: { flow: json } } } } };
    return thrown(() => Flow.fromJSON(untyped({ v: 1, id: 'f', steps }), { steps: { echo } }));
  };
  for (const [json, fact] of [
    [5, 'The flow of step "a.b" is no flow: '],
    [inner({ linsk: [] }), 'There is no option "linsk" of the JSON of step "a.b".'],
    [inner({ links: 5 }), 'In the JSON of the flow "a.b.links" is 5.'],
    [inner({ links: [5] }), '"a.b.links[0]" is 5.'],
    [inner({ input: 5 }), '"a.b.input" is 5.'],
    [inner({ steps: { echo: 5 } }), '"steps.a.b.echo" is 5.'],
    [inner({ steps: { echo: { join: 5 } } }), 'The option "join" of step "a.b.echo" is 5.'],
    [inner({ steps: { echo: { when: 5 } } }), 'The condition of step "a.b.echo" is 5,'],
    [inner({ data: { 'echo.x': 5 } }), '"a.b.echo.x" is bound to 5,'],
    [inner({ outputs: { x: 5 } }), '"a.b.output x" is bound to 5,'],
    [inner({ steps: { other: {} } }), 'The registry has no step "a.b.other".'],
  ] as const)
    expect(from(untyped(json)).message).toContain(fact);
});

test('1.11 a list with nothing in a place is refused: in JSON it would be null', () => {
  const flow = new Flow('f');
  flow.step('a', echo, { list: [1, undefined] });
  const compiled = flow.output({});
  expect(thrown(() => compiled.toJSON()).message).toBe(
    'flow "f".data.a.list.value[1] is undefined, which JSON cannot carry. Use plain data instead of code and of objects of classes. (not-serialisable)',
  );
  // In an object it is absence, as anywhere.
  const other = new Flow('f');
  other.step('a', echo, { list: { a: 1, b: undefined } });
  expect(through(other.output({})).data).toEqual({ 'a.list': { value: { a: 1 } } });
});

test('1.11 what toJSON() gives is a copy: changing it reaches no flow', () => {
  const flow = new Flow('f');
  const a = flow.step('a', echo, {});
  const b = flow.step('b', echo, {});
  const compiled = flow.link(a, b, { on: 'settled', description: 'why' }).output({ b: b.out });
  const json = compiled.toJSON();
  const text = JSON.stringify(json);
  for (const link of json.links) Object.assign(link, { on: 'failure', to: 'c' });
  for (const part of [json.steps, json.data, json.outputs, json.links])
    for (const name of Object.keys(part)) delete (part as Record<string, unknown>)[name];
  expect(JSON.stringify(compiled)).toBe(text);
  expect(JSON.stringify(compiled.withSteps((entry) => entry))).toBe(text);
});
