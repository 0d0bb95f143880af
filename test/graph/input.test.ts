import { defineStep, eq, Flow, MemorySaver, orElse, type Schema, text } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { rejected, thrown, untyped } from './thrown.ts';

const echo = (params: Readonly<Record<string, unknown>>) => params;
const number = defineStep({ input: z.object({ n: z.number() }), run: ({ n }) => n });
const small = defineStep({ input: z.object({ n: z.number().max(10) }), run: ({ n }) => n });

test('1.10 every name that a param, a template or a condition reads is an input', () => {
  const flow = new FlowBuilder('f')
    .addStep('a', echo, { x: '{{alpha}}', y: 'so {{beta}}', z: { deep: ['{{gamma}}'] } })
    .setInput('a.w', 'delta')
    .addStep('b', echo, {}, { when: { op: 'exists', left: { key: 'epsilon' } } })
    .addLink('a', 'b', { when: { op: 'exists', left: { key: 'zeta' } } })
    .setOutput('out', 'eta')
    .build();
  expect(Object.keys(flow.inputSchema()['properties'] as object)).toEqual([
    'alpha',
    'beta',
    'delta',
    'epsilon',
    'eta',
    'gamma',
    'zeta',
  ]);
});

test('1.10 a typed flow without a schema has the inputs that its steps read', async () => {
  const flow = new Flow<{ a: string; b: { c: number } }>('f');
  const step = flow.step('s', echo, { x: text`${flow.input.a}`, y: flow.input.b.c });
  const compiled = flow.output({ s: step.out });
  expect(Object.keys(compiled.inputSchema()['properties'] as object)).toEqual(['a', 'b']);
  expect((await compiled.complete({ a: 'x', b: { c: 1 } })).output).toEqual({
    s: { x: 'x', y: 1 },
  });
});

test('1.10 an input that a required param takes as it is has its schema, and is required', async () => {
  const flow = new FlowBuilder('f').addStep('a', number).setInput('a.n', 'count').build();
  expect(flow.inputSchema()).toEqual({
    type: 'object',
    properties: { count: { type: 'number' } },
    required: ['count'],
    additionalProperties: false,
  });
  expect((await rejected(flow.complete({}))).message).toBe(
    `The input of flow "f" is not valid: (invalid-input)
  - count: is missing, and "a.n" needs it`,
  );
  expect((await rejected(flow.complete({ count: 'x' }))).message).toBe(
    `The input of flow "f" is not valid: (invalid-input)
  - count: Invalid input: expected number, received string`,
  );
});

test('1.10 a name used by several params must satisfy all their schemas', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', number)
    .addStep('b', small)
    .setInput('a.n', 'n')
    .setInput('b.n', 'n')
    .setOutput('a', 'a.return')
    .build();
  expect(flow.inputSchema()['properties']).toEqual({
    n: { allOf: [{ type: 'number' }, { type: 'number', maximum: 10 }] },
  });
  expect((await flow.complete({ n: 5 })).output).toEqual({ a: 5 });
  expect((await rejected(flow.complete({ n: 50 }))).code).toBe('invalid-input');
  // What both say is said once.
  expect((await rejected(flow.complete({ n: 'x' }))).issues).toHaveLength(1);
});

test('1.10 an input of a subflow inside is an input like any other: its schema counts', async () => {
  const inner = new FlowBuilder('inner').addStep('a', small).setInput('a.n', 'n').build();
  const flow = new FlowBuilder('f').addStep('sub', inner).setInput('sub.n', 'size').build();
  expect(flow.inputSchema()).toMatchObject({
    properties: { size: { type: 'number', maximum: 10 } },
    required: ['size'],
  });
  const { code, message } = await rejected(flow.complete({ size: 50 }));
  expect(code).toBe('invalid-input');
  expect(message).toContain('The input of flow "f" is not valid');
});

test('1.10 an unknown input is refused, with what was meant', async () => {
  const flow = new FlowBuilder('f').addStep('a', number).setInput('a.n', 'count').build();
  const error = await rejected(flow.complete({ count: 1, cuont: 2 }));
  expect(error.code).toBe('invalid-input');
  expect(error.message).toBe(
    `The input of flow "f" is not valid: (invalid-input)
  - cuont: is no input of the flow. Did you mean "count"? It takes: count`,
  );
  expect(error.issues).toHaveLength(1);
});

test('1.10 an unknown input is refused by a declared schema too, where the schema would drop it', async () => {
  const flow = new Flow('f', { input: z.object({ url: z.string() }) });
  const compiled = flow.output({ url: flow.input.url });
  const { message } = await rejected(compiled.complete(untyped({ url: 'x', ulr: 'y' })));
  expect(message).toContain('ulr: is no input of the flow. Did you mean "url"? It takes: url');
});

test('1.10 a declared schema that takes anything takes anything', async () => {
  const flow = new Flow('f', { input: z.looseObject({ a: z.number() }) });
  const compiled = flow.output({ all: flow.input });
  expect((await compiled.complete({ a: 1, b: 2 })).output).toEqual({ all: { a: 1, b: 2 } });
});

test('1.10 a declared schema gives what it makes of the input: defaults, transforms', async () => {
  const flow = new Flow('f', {
    input: z.object({ n: z.string().transform(Number), tone: z.string().default('calm') }),
  });
  const compiled = flow.output({ n: flow.input.n, tone: flow.input.tone });
  expect((await compiled.complete({ n: '5' })).output).toEqual({ n: 5, tone: 'calm' });
});

test('1.10 a schema may change the names of the input', async () => {
  const input = z.object({ a: z.number() }).transform(({ a }) => ({ b: a + 1 }));
  const flow = new Flow('f', { input });
  const compiled = flow.output({ b: flow.input.b });
  expect((await compiled.complete({ a: 1 })).output).toEqual({ b: 2 });
  expect((await rejected(compiled.complete(untyped({ b: 1 })))).message).toContain(
    'b: is no input of the flow. It takes: a',
  );
});

test('1.10 a date in a declared schema hides nothing else', () => {
  const flow = new Flow('f', { input: z.object({ day: z.date(), name: z.string() }) });
  flow.step('a', echo, { x: untyped((flow.input as unknown as Record<string, unknown>)['nam']) });
  expect(thrown(() => flow.output({})).message).toContain(
    'reads "nam", but the flow has no input "nam". Did you mean "name"? It has: day, name',
  );
});

test('1.10 an input that is no object of inputs is refused by its type', async () => {
  const flow = new FlowBuilder('f').addStep('a', number).setInput('a.n', 'count').build();
  for (const [given, shown] of [
    [null, 'null'],
    ['x', '"x"'],
    [5, '5'],
    [[1], 'an array of 1'],
    [new Date(), 'an object of class Date'],
  ] as const) {
    expect((await rejected(flow.complete(given))).message).toBe(
      `The input of flow "f" is not valid: (invalid-input)
  - expected an object with the inputs (count), not ${shown}`,
    );
  }
});

test('1.10 a flow without inputs runs without an input', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', () => 1)
    .setOutput('a', 'a.return')
    .build();
  expect((await flow.complete(undefined)).output).toEqual({ a: 1 });
  expect((await rejected(flow.complete({ x: 1 }))).message).toContain(
    'x: is no input of the flow. It takes: none, as nothing in it reads one',
  );
});

test('1.10 a declared input need not be an object', async () => {
  const flow = new Flow('f', { input: z.string() });
  const a = flow.step('a', ({ s }: { s: string }) => s.length, { s: flow.input });
  expect((await flow.output({ a: a.out }).complete('four')).output).toEqual({ a: 4 });
});

test('1.10 a flow that reads its whole input takes what it is given', async () => {
  const whole = new Flow<{ a: number; b?: string }>('f');
  const a = whole.step('a', ({ all }: { all: { a: number } }) => all, { all: whole.input });
  const flow = whole.output({ a: a.out, b: whole.input.b });
  expect((await flow.complete({ a: 1, b: 'x' })).output).toEqual({ a: { a: 1, b: 'x' }, b: 'x' });
  expect(flow.inputSchema()).toMatchObject({ additionalProperties: true });
  const outer = new Flow('outer');
  const inner = outer.step('inner', flow, { a: 2 });
  expect((await outer.output({ a: inner.out.a }).complete({})).output).toEqual({ a: { a: 2 } });
  const list = new Flow<readonly number[]>('list');
  const sum = list.step('sum', ({ all }: { all: readonly number[] }) => all.length, {
    all: list.input,
  });
  expect((await list.output({ sum: sum.out }).complete([1, 2])).output).toEqual({ sum: 2 });
});

test('1.10 inputs named like members of objects are missing when they are not given', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', defineStep({ input: z.object({ n: z.number() }), run: ({ n }) => n }))
    .setInput('a.n', 'constructor')
    .build();
  expect((await rejected(flow.complete({}))).message).toContain('constructor: is missing');
});

test('1.10 an input can be given a default', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', echo)
    .setInput('a.tone', 'tone')
    .setDataValue('tone', 'calm')
    .setOutput('a', 'a.return')
    .build();
  expect((await flow.complete({})).output).toEqual({ a: { tone: 'calm' } });
  expect((await flow.complete({ tone: 'loud' })).output).toEqual({ a: { tone: 'loud' } });
  // `null` is a value.
  expect((await flow.complete({ tone: null })).output).toEqual({ a: { tone: null } });
});

test('1.10 an input can have another name, in whatever order the names are bound', async () => {
  const names: [string, string][] = [
    ['x', 'y'],
    ['y', 'z'],
  ];
  for (const order of [names, [...names].reverse()]) {
    const builder = new FlowBuilder('f').addStep('a', number).setInput('a.n', 'x');
    for (const [name, source] of order) builder.setDataMap(name, source);
    const flow = builder.setOutput('a', 'a.return').build();
    for (const given of [{ x: 1 }, { y: 1 }, { z: 1 }])
      expect((await flow.complete(given)).output).toEqual({ a: 1 });
    expect(flow.inputSchema()).toMatchObject({ properties: { z: { type: 'number' } } });
    expect((await rejected(flow.complete({}))).message).toContain(
      'x: is missing, and "a.n" needs it',
    );
    expect((await rejected(flow.complete({ z: 'x' }))).code).toBe('invalid-input');
  }
});

test('1.10 an input can be a part or a text of another one', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', echo, { city: '{{city}}', line: '{{line}}' })
    .setDataMap('city', '$input.user.city', { default: 'nowhere' })
    .setDataValue('line', '{{city}}, {{country}}')
    .setOutput('a', 'a.return')
    .build();
  const given = { user: { city: 'Ulm' }, country: 'DE' };
  expect((await flow.complete(given)).output).toEqual({ a: { city: 'Ulm', line: 'Ulm, DE' } });
  expect((await flow.complete({ country: 'DE' })).output).toEqual({
    a: { city: 'nowhere', line: 'nowhere, DE' },
  });
});

test('1.10 a name that stands for itself is refused', () => {
  const builder = new FlowBuilder('f')
    .addStep('a', echo, { x: '{{x}}' })
    .setDataMap('x', 'y')
    .setDataMap('y', 'x');
  expect(thrown(() => builder.build()).message).toBe(
    `The flow "f" has 2 problems: (invalid-definition)
  - input "x": stands for itself. Bind one of the names to a value, or to nothing
  - input "y": stands for itself. Bind one of the names to a value, or to nothing`,
  );
});

test('1.10 another name for a declared input works, though the schema does not know it', async () => {
  const input = z.strictObject({ url: z.string() });
  const flow = new FlowBuilder('f', { input })
    .addStep('a', echo, { x: '{{link}}' })
    .setDataMap('link', 'url')
    .setOutput('a', 'a.return')
    .build();
  expect((await flow.complete({ url: 'u' })).output).toEqual({ a: { x: 'u' } });
  expect((await flow.complete({ url: 'u', link: 'l' })).output).toEqual({ a: { x: 'l' } });
});

test('1.10 a default of a param makes its input optional', async () => {
  const flow = new Flow<{ n?: number }>('f');
  const a = flow.step('a', number, { n: orElse(flow.input.n, 7) });
  const compiled = flow.output({ a: a.out });
  expect(compiled.inputSchema()).not.toHaveProperty('required');
  expect((await compiled.complete({})).output).toEqual({ a: 7 });
});

test('1.10 an input that only a condition reads need not be there', async () => {
  const flow = new Flow<{ ok?: boolean }>('f');
  const a = flow.step('a', () => 'ran', {}, { when: eq(flow.input.ok, true) });
  const compiled = flow.output({ a: a.out });
  expect((await compiled.complete({})).output).toEqual({});
  expect((await compiled.complete({ ok: true })).output).toEqual({ a: 'ran' });
});

test('1.10 an asynchronous schema is waited for, declared or derived', async () => {
  const known = z.string().refine(async (s) => s === 'known', 'is not known');
  const flow = new Flow('f', { input: z.object({ id: known }) });
  const declared = flow.output({ id: flow.input.id });
  expect((await declared.complete({ id: 'known' })).output).toEqual({ id: 'known' });
  expect((await rejected(declared.complete({ id: 'x' }))).message).toContain('id: is not known');

  const derived = new FlowBuilder('g')
    .addStep('a', defineStep({ input: z.object({ id: known }), run: ({ id }) => id }))
    .setInput('a.id', 'id')
    .setOutput('a', 'a.return')
    .build();
  expect((await derived.complete({ id: 'known' })).output).toEqual({ a: 'known' });
  const error = await rejected(derived.complete({ id: 'x' }));
  expect([error.code, error.message]).toEqual([
    'invalid-input',
    `The input of flow "g" is not valid: (invalid-input)\n  - id: is not known`,
  ]);
});

/** A schema as other libraries make them: no JSON Schema, its parts in `entries`. */
function objectOf(entries: Record<string, Schema>, type = 'object') {
  const validate = (value: unknown) => {
    const given = value as Record<string, unknown>;
    const issues = Object.entries(entries).flatMap(([name, schema]) => {
      const result = schema['~standard'].validate(given[name]);
      if ('then' in result) throw new Error('not at once');
      return (result.issues ?? []).map(({ message }) => ({ message, path: [{ key: name }] }));
    });
    if (issues.length > 0) return { issues };
    // Like valibot's object(): what it does not know is dropped.
    const known = Object.keys(entries).map((name) => [name, given[name]]);
    return { value: type === 'object' ? Object.fromEntries(known) : given };
  };
  return {
    type,
    entries,
    '~standard': { version: 1, vendor: 'hand', validate },
  } as unknown as Schema<Record<string, unknown>>;
}

const valid = (test: (value: unknown) => boolean, message: string): Schema => ({
  '~standard': {
    version: 1,
    vendor: 'hand',
    validate: (value) => (test(value) ? { value } : { issues: [{ message }] }),
  },
});
const aString = valid((value) => typeof value === 'string', 'must be a string');
const maybe = valid(
  (value) => value === undefined || typeof value === 'string',
  'must be a string',
);

test('1.10 a schema without a JSON Schema is used as far as it shows its parts', async () => {
  const input = objectOf({ name: aString, tone: maybe });
  const flow = new Flow('f', { input });
  const a = flow.step('a', echo, { x: flow.input['name'] });
  const compiled = flow.output({ a: a.out });
  expect((await compiled.complete({ name: 'x' })).output).toEqual({ a: { x: 'x' } });
  expect((await rejected(compiled.complete({ name: 5 }))).message).toBe(
    `The input of flow "f" is not valid: (invalid-input)\n  - name: must be a string`,
  );
  expect((await rejected(compiled.complete({ name: 'x', nmae: 'y' }))).message).toContain(
    'nmae: is no input of the flow. Did you mean "name"? It takes: name, tone',
  );
  const loose = new Flow('g', { input: objectOf({ name: aString }, 'loose_object') });
  const all = loose.output({ all: loose.input });
  expect((await all.complete({ name: 'x', more: 1 })).output).toEqual({
    all: { name: 'x', more: 1 },
  });
});

test('1.10 params of a step with such a schema are checked as far as it shows its parts', async () => {
  const step = defineStep({
    input: objectOf({ name: aString, tone: maybe }),
    run: (params) => params,
  });
  const builder = () => new FlowBuilder('f').addStep('a', step);
  expect(thrown(() => builder().setDataValue('a.nmae', 'x').build()).message).toBe(
    `The flow "f" has 2 problems: (invalid-definition)
  - a.nmae: is no param of the step. Did you mean "name"? It takes: name, tone
  - a.name: is required, but bound to nothing. Bind it to a value, a reference, or an input`,
  );
  expect(thrown(() => builder().setDataValue('a.name', 5).build()).message).toContain(
    'a.name: is 5, which the step refuses: must be a string',
  );
  const flow = builder().setInput('a.name', 'who').build();
  expect(flow.inputSchema()).toMatchObject({ required: ['who'] });
  expect((await rejected(flow.complete({ who: 5 }))).message).toContain('who: must be a string');
});

test('1.10 a schema that shows nothing is asked when the flow runs', async () => {
  const input = valid((value) => typeof value === 'object', 'must be an object');
  const flow = new Flow('f', { input: input as Schema<{ a: number }> });
  const compiled = flow.output({ a: flow.input.a });
  expect(compiled.inputSchema()).toEqual({});
  expect((await compiled.complete({ a: 1 })).output).toEqual({ a: 1 });
  expect((await rejected(compiled.complete(untyped('x')))).message).toContain('must be an object');
});

test('1.10 a schema that throws, or rejects, is a violation that says so', async () => {
  const throwing = valid(() => {
    throw new Error('no schema today');
  }, '');
  const rejecting: Schema = {
    '~standard': {
      version: 1,
      vendor: 'hand',
      validate: () => Promise.reject(new Error('no schema today')),
    },
  };
  for (const input of [throwing, rejecting]) {
    const flow = new Flow('f', { input }).output({});
    expect((await rejected(flow.complete({}))).message).toBe(
      `The input of flow "f" is not valid: (invalid-input)\n  - the schema itself threw: no schema today`,
    );
  }
});

test('1.10 an input that cannot be read is refused as the input of the flow', async () => {
  const locked = {
    get url(): string {
      throw new Error('locked');
    },
  };
  const inner = new Flow<{ url: string }>('inner');
  const flow = inner.output({ url: inner.input.url });
  const outer = new Flow<{ part: { url: string } }>('outer');
  const step = outer.step('nested', flow, { url: outer.input.part.url });
  const nested = outer.output({ url: step.out.url });
  const told = (what: string) =>
    `The input of ${what} is not valid: (invalid-input)\n  - reading it threw: locked`;
  for (const options of [{}, { saver: new MemorySaver() }]) {
    expect((await rejected(flow.complete(locked, options))).message).toBe(told('flow "inner"'));
    expect((await rejected(flow.start(locked, options).result)).code).toBe('invalid-input');
    expect((await rejected(nested.complete({ part: locked }, options))).message).toBe(
      told('flow "outer"'),
    );
  }
});

test('1.10 what is no schema is refused where it is written', () => {
  expect(
    thrown(() => new Flow('f', { input: untyped<Schema>({ name: z.string() }) })).message,
  ).toBe(
    'The input of flow "f" is an object, which is no schema. Give any Standard Schema, such as z.object({ … }) of zod. (invalid-definition)',
  );
  const step = defineStep({ output: untyped<undefined>({ a: 1 }), run: () => 1 });
  expect(thrown(() => new FlowBuilder('f').addStep('a', step)).message).toContain(
    'The output of step "a" is an object, which is no schema',
  );
  const chunky = defineStep({ chunk: untyped<undefined>({ a: 1 }), run: () => 1 });
  expect(thrown(() => new Flow('f').step('a', chunky, {})).message).toContain(
    'The chunk of step "a" is an object, which is no schema',
  );
});

test('1.10 an input that the name of a step was meant by is told so', async () => {
  const flow = new FlowBuilder('f')
    .addStep('count', () => 1)
    .addStep('a', number)
    .setDataMap('a.n', 'count')
    .build();
  expect((await rejected(flow.complete({}))).message).toContain(
    'count: is missing, and "a.n" needs it. For the result of the step "count" write "count.return"',
  );
});

test('1.10 an input with a cycle in it is copied like any other', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', echo, { x: '{{x}}' })
    .setOutput('a', 'a.return')
    .build();
  const x: Record<string, unknown> = { n: 1 };
  x['self'] = x;
  const { output } = await flow.complete({ x });
  const got = (output['a'] as { x: Record<string, unknown> }).x;
  expect(got['self']).toBe(got);
  expect(got).not.toBe(x);
});

test('1.10 an input nested 20 000 deep is copied like any other', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', () => 1, { x: '{{x}}' })
    .setOutput('a', 'a.return')
    .build();
  let x: unknown = 1;
  for (let i = 0; i < 20_000; i++) x = [x];
  expect((await flow.complete({ x })).output).toEqual({ a: 1 });
});
