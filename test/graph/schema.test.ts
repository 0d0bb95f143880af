import { defineStep, each, Flow, orElse, text } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { thrown, untyped } from './thrown.ts';

const page = defineStep({
  input: z.object({ url: z.string(), depth: z.number().int().optional() }),
  output: z.object({ title: z.string(), items: z.array(z.object({ name: z.string() })) }),
  run: ({ url }) => ({ title: url, items: [] }),
});
const echo = (params: Readonly<Record<string, unknown>>) => params;

test('1.10 the input schema is what the author declared', () => {
  const input = z.object({ url: z.url(), tone: z.enum(['calm', 'loud']).default('calm') });
  expect(new Flow('f', { input }).output({}).inputSchema()).toEqual({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      url: { type: 'string', format: 'uri' },
      tone: { type: 'string', enum: ['calm', 'loud'], default: 'calm' },
    },
    required: ['url'],
  });
});

test('1.10 the input schema is derived from the params that take inputs', () => {
  const flow = new FlowBuilder('f')
    .addStep('a', page)
    .setInput('a.url', 'link')
    .setInput('a.depth', 'levels')
    .addStep('b', echo, { x: '{{free}}' })
    .build();
  expect(flow.inputSchema()).toEqual({
    type: 'object',
    properties: {
      free: {},
      levels: {
        type: 'integer',
        minimum: expect.any(Number) as number,
        maximum: expect.any(Number) as number,
      },
      link: { type: 'string' },
    },
    required: ['link'],
    additionalProperties: false,
  });
});

test('1.10 the input schema tells the defaults that the flow gives', () => {
  const flow = new FlowBuilder('f')
    .addStep('a', page)
    .setInput('a.url', 'link')
    .setDataValue('link', 'https://a.b')
    .build();
  expect(flow.inputSchema()).toEqual({
    type: 'object',
    properties: { link: { type: 'string', default: 'https://a.b' } },
    additionalProperties: false,
  });
});

test('1.10 the input schema of a flow goes through its subflows', () => {
  const inner = new FlowBuilder('inner').addStep('a', page).setInput('a.url', 'u').build();
  const middle = new FlowBuilder('middle').addStep('inner', inner).setInput('inner.u', 'v').build();
  const flow = new FlowBuilder('f').addStep('middle', middle).setInput('middle.v', 'w').build();
  expect(flow.inputSchema()).toEqual({
    type: 'object',
    properties: { w: { type: 'string' } },
    required: ['w'],
    additionalProperties: false,
  });
});

test('1.9 the output schema follows the keys of the outputs', () => {
  const flow = new Flow('f', { input: z.object({ name: z.string(), n: z.number() }) });
  const a = flow.step('a', page, { url: flow.input.name });
  const b = flow.step('b', echo, {});
  const compiled = flow.output({
    title: a.out.title,
    whole: a.out,
    first: a.out.items[0],
    size: a.out.items.length,
    letters: a.out.title.length,
    line: text`${a.out.title}!`,
    name: flow.input.name,
    unknown: b.out,
    five: 5,
    list: [a.out.title],
    nested: { title: a.out.title },
  });
  const { type, properties, additionalProperties } = compiled.outputSchema() as {
    type: string;
    properties: Record<string, unknown>;
    additionalProperties: boolean;
  };
  expect([type, additionalProperties]).toEqual(['object', false]);
  expect(properties).toMatchObject({
    title: { type: 'string' },
    whole: { type: 'object', properties: { title: { type: 'string' } } },
    first: { type: 'object', properties: { name: { type: 'string' } } },
    size: { type: 'integer' },
    letters: { type: 'integer' },
    line: { type: 'string' },
    name: { type: 'string' },
    five: { const: 5 },
    list: { type: 'array' },
    nested: { type: 'object' },
  });
  expect(properties['unknown']).toEqual({});
});

test('1.9 the output schema of a subflow is known to the flow around it', () => {
  const inner = new FlowBuilder('inner')
    .addStep('a', page, { url: 'x' })
    .setOutput('t', 'a.return.title')
    .build();
  const flow = new FlowBuilder('f').addStep('sub', inner).setOutput('x', 'sub.return.t').build();
  expect(flow.outputSchema()).toEqual({
    type: 'object',
    properties: { x: { type: 'string' } },
    additionalProperties: false,
  });
});

test('3.2 no output is required in the schema: a step may be skipped', () => {
  const flow = new FlowBuilder('f')
    .addStep('a', page, { url: 'x' })
    .setOutput('t', 'a.return')
    .build();
  expect(flow.outputSchema()).not.toHaveProperty('required');
});

test('1.10 both schemas are JSON', () => {
  const flow = new Flow<{ urls: string[]; tone?: string }>('f');
  const all = flow.step('all', each(page, { as: 'url' }), { items: flow.input.urls });
  const b = flow.step('b', echo, { tone: orElse(flow.input.tone, 'calm'), when: new Date() });
  const compiled = flow.output({ all: all.out, b: b.out, __proto__: 1 });
  for (const schema of [compiled.inputSchema(), compiled.outputSchema()])
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
});

test('1.10 what a schema cannot tell in JSON hides nothing beside it', () => {
  const dated = defineStep({
    input: z.object({ day: z.date(), id: z.string(), big: z.bigint().optional() }),
    run: ({ id }) => id,
  });
  const builder = () => new FlowBuilder('f').addStep('a', dated);
  expect(builder().setInput('a.day', 'day').setInput('a.id', 'id').build().inputSchema()).toEqual({
    type: 'object',
    properties: { day: {}, id: { type: 'string' } },
    required: ['day', 'id'],
    additionalProperties: false,
  });
  expect(
    thrown(() => builder().setDataValue('a.iid', 'x').build()).issues?.map(({ path }) => path),
  ).toEqual(['a.iid', 'a.day', 'a.id']);
});

test('1.11 a literal is checked by the schema of its param', () => {
  const builder = (name: string, value: unknown) =>
    thrown(() =>
      new FlowBuilder('f').addStep('a', page, { url: 'x', [name]: untyped(value) }).build(),
    ).message;
  expect(builder('url', 5)).toContain(
    'a.url: is 5, which the step refuses: Invalid input: expected string, received number',
  );
  expect(builder('depth', { x: 1 })).toContain(
    'a.depth: is an object, which the step refuses: Invalid input: expected number',
  );
  expect(builder('depth', 1.5)).toContain(
    'a.depth: is 1.5, which the step refuses: Invalid input: expected int',
  );
});

test('1.9 an output that reads an input has the schema of what the declared schema makes of it', async () => {
  const parsed = z
    .string()
    .transform((json) => JSON.parse(json) as unknown)
    .pipe(z.object({ size: z.number() }));
  const flow = new Flow('inner', { input: z.object({ box: parsed }) });
  const inner = flow.output({ box: flow.input.box, size: flow.input.box.size });
  expect(inner.inputSchema()).toMatchObject({ properties: { box: { type: 'string' } } });
  expect(inner.outputSchema()).toMatchObject({
    properties: { box: { type: 'object' }, size: { type: 'number' } },
  });
  // And so the flow around it may read on.
  const outer = new Flow<{ json: string }>('outer');
  const step = outer.step('inner', inner, { box: outer.input.json });
  const compiled = outer.output({ size: step.out.box.size });
  expect((await compiled.complete({ json: '{"size":3}' })).output).toEqual({ size: 3 });
});

test('1.9 an output with a default may be the default', () => {
  const flow = new Flow('f');
  const a = flow.step('a', page, { url: 'u' });
  const compiled = flow.output({
    other: orElse(a.out.title, null),
    same: orElse(a.out.title, 'untitled'),
    date: orElse(a.out.title, new Date(0)),
  });
  expect(compiled.outputSchema()['properties']).toEqual({
    other: { anyOf: [{ type: 'string' }, { const: null }] },
    same: { type: 'string' },
    date: { anyOf: [{ type: 'string' }, {}] },
  });
});

test('1.9 what is no JSON is no constant of a schema', () => {
  const flow = new Flow('f').output({ n: 1n, at: new Date(0), list: [1, 'a'], none: null });
  expect(JSON.parse(JSON.stringify(flow.outputSchema()))).toMatchObject({
    properties: { n: {}, at: {}, list: { const: [1, 'a'] }, none: { const: null } },
  });
});

test('1.9 nobody knows what comes of a flow with a fallback', () => {
  const inner = new FlowBuilder('inner')
    .addStep('a', page, { url: 'x' })
    .setOutput('a', 'a.return')
    .build();
  const flow = new FlowBuilder('f')
    .addStep('inner', inner, {}, { fallback: { b: 1 } })
    .setOutput('b', 'inner.return.b')
    .build();
  expect(flow.outputSchema()).toMatchObject({ properties: { b: {} } });
});

test('1.10 what a part of a schema refers to comes along with it', () => {
  const Tree = z.object({
    name: z.string(),
    get children() {
      return z.array(Tree);
    },
  });
  const Person = z.object({ name: z.string() }).meta({ id: 'Person' });
  const prune = defineStep({
    input: z.object({ tree: Tree, by: Person, $ref: z.string().optional() }),
    output: z.object({ tree: Tree, cut: z.number() }),
    run: ({ tree }) => ({ tree, cut: 1 }),
  });
  const flow = new Flow<{ tree: z.infer<typeof Tree>; by: { name: string } }>('f');
  const params = { tree: flow.input.tree, by: flow.input.by };
  const a = flow.step('a', prune, params);
  flow.step('b', prune, { ...params, tree: a.out.tree });
  const compiled = flow.output({ tree: a.out.tree, cut: a.out.cut });
  const outer = new FlowBuilder('outer').addStep('f', compiled);
  outer.setInput('f.tree', 'root').setInput('f.by', 'who').setOutput('tree', 'f.return.tree');
  for (const schema of [compiled, outer.build()].flatMap((each) => [
    each.inputSchema(),
    each.outputSchema(),
  ])) {
    const refs = JSON.stringify(schema).match(/"\$ref":"[^"]*"/g) ?? [];
    expect(refs.length).toBeGreaterThan(1);
    for (const ref of refs) {
      const path = ref.slice('"$ref":"#/'.length, -1).split('/');
      const found = path.reduce<unknown>((at, name) => Object(at)[name], schema);
      expect(found, ref).toMatchObject({
        type: 'object',
        properties: { name: { type: 'string' } },
      });
    }
  }
});

test('1.9 a schema that is a part of another one does not say again which JSON Schema it is', () => {
  const flow = new FlowBuilder('f').addStep('a', page, { url: 'x' }).setOutput('a', 'a.return');
  expect(JSON.stringify(flow.build().outputSchema())).not.toContain('$schema');
});

test('1.11 a place in a tuple has the schema of that place', () => {
  const pair = defineStep({
    output: z.tuple([z.object({ a: z.string() })], z.object({ b: z.string() })),
    run: (): [{ a: string }, ...{ b: string }[]] => [{ a: 'a' }],
  });
  const flow = () => new FlowBuilder('f').addStep('pair', pair);
  const right = flow().setOutput('a', 'pair.return[0].a').setOutput('b', 'pair.return[1].b');
  expect(right.build().outputSchema()).toMatchObject({
    properties: { a: { type: 'string' }, b: { type: 'string' } },
  });
  expect(thrown(() => flow().setOutput('b', 'pair.return[0].b').build()).message).toContain(
    'reads "pair.return[0].b", but the result of "pair" has no "b". It has: a',
  );
});
