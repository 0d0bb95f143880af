import { defineOperator, defineStep, Flow, FlowError, orElse, type Schema } from 'millrace';
import { map, type Observable } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { atOnce, chunksOf, endings, errorOf, lines, outputOf, rejection } from './told.ts';

const failureOf = (told: ReturnType<typeof atOnce>, path: string) => {
  const end = told.events.find((event) => event.type === 'STEP_OUTPUT' && event.path === path);
  return end?.type === 'STEP_OUTPUT' ? end.error : undefined;
};

test('2.9 params that violate the schema fail the step before its handler runs, every issue on a line', () => {
  let calls = 0;
  const step = defineStep({
    input: z.object({ age: z.number().min(18), name: z.string().min(3) }),
    run: () => ++calls,
  });
  const flow = new Flow('params');
  const source = flow.step('source', () => ({ age: 3, name: 'A' }), {});
  flow.step('check', step, { age: source.out.age, name: source.out.name });
  const told = atOnce(flow.output({}), {});
  expect(calls).toBe(0);
  expect(failureOf(told, 'check')).toMatchObject({
    code: 'invalid-params',
    path: 'check',
    issues: [{ path: 'age' }, { path: 'name' }],
  });
  const message = failureOf(told, 'check')?.message.split('\n');
  expect(message).toHaveLength(3);
  expect(message?.[0]).toBe('The params of step "check" are not valid: (invalid-params)');
  expect(message?.[1]).toMatch(/^ {2}- age: /);
  expect(lines(told)).toContain('STEP_START check');
});

test('2.9 the handler gets what the schema made of the params, others get what it made of the result', () => {
  const step = defineStep({
    input: z.object({ n: z.string().transform(Number), more: z.number().default(2) }),
    output: z.number().transform((sum) => `sum ${sum}`),
    run: ({ n, more }) => n + more,
  });
  const flow = new Flow('transformed');
  const a = flow.step('a', step, { n: '40' } as never);
  const b = flow.step('b', ({ x }: { x: string }) => x.length, { x: a.out });
  const told = atOnce(flow.output({ a: a.out, b: b.out }), {});
  expect(outputOf(told)).toEqual({ a: 'sum 42', b: 6 });
  expect(told.events.find(({ type, path }) => type === 'STEP_START' && path === 'a')).toMatchObject(
    {
      input: { n: 40, more: 2 },
    },
  );
});

test('2.9 a result that violates the schema fails the step before anyone sees it', () => {
  const flow = new Flow('result');
  const a = flow.step(
    'a',
    defineStep({ output: z.object({ n: z.number() }), run: () => ({ n: 'x' }) as never }),
    {},
  );
  let calls = 0;
  flow.step('b', () => ++calls, { x: a.out } as never);
  const told = atOnce(flow.output({}), {});
  expect(endings(told)).toEqual({ a: 'failure', b: 'upstream-failed' });
  expect(calls).toBe(0);
  expect(failureOf(told, 'a')).toMatchObject({
    code: 'invalid-result',
    path: 'a',
    issues: [{ path: 'n' }],
  });
  expect(failureOf(told, 'a')?.message).toMatch(
    /^Step "a" gave an object, a result that its schema refuses: \(invalid-result\)\n {2}- n: /,
  );
});

test('2.9 an operator step is checked like any other', () => {
  const step = defineOperator({
    input: z.object({ n: z.number() }),
    output: z.number(),
    operator: (source: Observable<{ n: number }>) =>
      source.pipe(map(({ n }) => (n > 1 ? 'big' : n) as number)),
  });
  const flow = new Flow<{ n: number }>('operator');
  const a = flow.step('a', step, { n: flow.input.n });
  const compiled = flow.output({ a: a.out });
  expect(outputOf(atOnce(compiled, { n: 1 }))).toEqual({ a: 1 });
  expect(errorOf(atOnce(compiled, { n: 2 })).errors[0]).toMatchObject({ code: 'invalid-result' });
});

test('2.9 a chunk that violates the chunk schema fails the step; those before it stand', () => {
  const step = defineStep({
    chunk: z.number(),
    run: function* () {
      yield 1;
      yield 'two' as never;
      yield 3;
    },
  });
  const flow = new Flow('chunks');
  flow.step('a', step, {});
  const told = atOnce(flow.output({}), {});
  expect(chunksOf(told, 'a')).toEqual([1]);
  expect(failureOf(told, 'a')).toMatchObject({ code: 'invalid-result', path: 'a' });
  expect(failureOf(told, 'a')?.message).toContain('gave "two", a chunk that its schema refuses');
});

test('2.9 an input that violates the schema of the flow fails the run before any step: invalid-input', async () => {
  let calls = 0;
  const flow = new Flow('input', { input: z.object({ url: z.url(), n: z.number() }) });
  flow.step('a', () => ++calls, {});
  const compiled = flow.output({});
  const error = errorOf(atOnce(compiled, { url: 'no', n: 'x' as never }), 'invalid-input');
  expect(error.issues?.map(({ path }) => path)).toEqual(['url', 'n']);
  expect(error.message.split('\n')).toHaveLength(3);
  expect(error.message.split('\n')[0]).toBe(
    'The input of flow "input" is not valid: (invalid-input)',
  );
  expect(calls).toBe(0);
  const told = atOnce(compiled, { url: 'no', n: 1 });
  expect(lines(told)).toEqual(['FLOW_START', 'FLOW_ERROR']);
  expect(
    FlowError.is(await rejection(compiled.complete({ url: 'no', n: 1 })), 'invalid-input'),
  ).toBe(true);
});

test('2.9 an input for a flow used as a step is checked, and fails that step with its path', () => {
  const inner = new Flow('inner', { input: z.object({ x: z.number() }) });
  const p = inner.step('p', ({ x }: { x: number }) => x, { x: inner.input.x });
  const compiled = inner.output({ p: p.out });
  const flow = new Flow('outer');
  const a = flow.step('a', () => 'text' as unknown as number, {});
  const sub = flow.step('sub', compiled, { x: a.out });
  const apart = flow.step(
    'apart',
    compiled,
    { x: a.out },
    { retry: { count: 1, when: () => false } },
  );
  const told = atOnce(flow.output({ sub: orElse(sub.out, 0), apart: orElse(apart.out, 0) }), {});
  expect(failureOf(told, 'sub')).toMatchObject({
    code: 'invalid-input',
    path: 'sub',
    issues: [{ path: 'x' }],
  });
  expect(failureOf(told, 'apart')).toMatchObject({ code: 'invalid-input', path: 'apart' });
  expect(failureOf(told, 'sub')?.message).toMatch(
    /^The input of step "sub" is not valid: \(invalid-input\)\n {2}- x: /,
  );
  expect(endings(told)).toEqual({
    a: 'success',
    'sub.p': 'upstream-failed',
    sub: 'failure',
    apart: 'failure',
  });
});

const slow = <S extends z.ZodType>(schema: S) => schema.refine(async () => true);

test('2.9 asynchronous schemas of params, results and inputs are waited for', async () => {
  const flow = new Flow('slow', { input: slow(z.object({ n: z.number() })) });
  const step = defineStep({
    input: slow(z.object({ n: z.number() })),
    output: slow(z.number()),
    run: ({ n }) => n + 1,
  });
  const a = flow.step('a', step, { n: flow.input.n });
  const b = flow.step('b', step, { n: a.out });
  expect((await flow.output({ b: b.out }).complete({ n: 1 })).output).toEqual({ b: 3 });
});

test('2.9 an asynchronous schema that refuses fails the step', async () => {
  const never = z.object({ n: z.number() }).refine(async () => false, 'not today');
  const flow = new Flow('refused');
  const a = flow.step('a', defineStep({ input: never, run: () => 1 }), { n: 1 });
  const b = flow.step('b', defineStep({ output: never, run: () => ({ n: 1 }) }), {});
  const error = await rejection(flow.output({ a: a.out, b: b.out }).complete({}));
  expect((error as FlowError).errors.map(({ code }) => code).sort()).toEqual([
    'invalid-params',
    'invalid-result',
  ]);
  expect((error as FlowError).message).toContain('not today');
});

test('2.9 a step with an asynchronous schema may be read as a stream', async () => {
  const flow = new Flow('slow-stream');
  const a = flow.step(
    'a',
    defineStep({
      input: slow(z.object({ n: z.number() })),
      run: function* ({ n }) {
        for (let i = 0; i < n; i++) yield i;
      },
    }),
    { n: 3 },
  );
  const b = flow.step('b', ({ all }: { all: Observable<number> }) => all.pipe(map((n) => n * 2)), {
    all: a.chunks,
  });
  expect((await flow.output({ a: a.out, b: b.out }).complete({})).output).toEqual({
    a: [0, 1, 2],
    b: 4,
  });
});

/** A schema that throws: against its contract, but it happens. */
const broken: Schema<{ n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: () => {
      throw new Error('schema bug');
    },
  },
};

test('2.9 a schema that throws fails the step, not the run', () => {
  const flow = new Flow('broken-schema');
  const a = flow.step('a', defineStep({ input: broken, run: () => 1 }), { n: 1 });
  const b = flow.step('b', defineStep({ output: broken, run: () => ({ n: 1 }) }), {});
  const told = atOnce(flow.output({ a: orElse(a.out, 0), b: orElse(b.out, 0) }), {});
  expect(endings(told)).toEqual({ a: 'failure', b: 'failure' });
  expect(failureOf(told, 'a')?.message).toContain('schema bug');
  expect(failureOf(told, 'b')?.message).toContain('schema bug');
});

test('2.9 an asynchronous schema that rejects fails the step', async () => {
  const flow = new Flow('rejecting-schema');
  const rejecting = z.object({ n: z.number() }).transform((): { n: number } => {
    throw new Error('schema bug'); // zod answers with a promise that rejects
  });
  const a = flow.step('a', defineStep({ input: rejecting, run: () => 1 }), { n: 1 });
  const b = flow.step('b', defineStep({ output: rejecting, run: () => ({ n: 1 }) }), {});
  const error = (await rejection(flow.output({ a: a.out, b: b.out }).complete({}))) as FlowError;
  expect(error.errors.map(({ path }) => path).sort()).toEqual(['a', 'b']);
});

test('2.9 what a schema makes of the params of a flow is made once, also where the flow runs apart', () => {
  const inner = new Flow('inner', { input: z.object({ x: z.string().transform(Number) }) });
  const p = inner.step('p', ({ x }: { x: number }) => x + 1, { x: inner.input.x });
  const compiled = inner.output({ p: p.out });
  const flow = new Flow('outer');
  const inlined = flow.step('inlined', compiled, { x: '1' });
  const apart = flow.step('apart', compiled, { x: '1' }, { retry: { count: 1 } });
  const told = atOnce(flow.output({ inlined: inlined.out.p, apart: apart.out.p }), {});
  expect(outputOf(told)).toEqual({ inlined: 2, apart: 2 });
});
