import { defineStep, each, eq, Flow, gt, or, predicate, text } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { of } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { thrown, untyped } from './thrown.ts';

const step = () => 1;
const echo = (params: Readonly<Record<string, unknown>>) => params;
const page = defineStep({
  input: z.object({ url: z.string(), depth: z.number().optional() }),
  output: z.object({ title: z.string(), tags: z.array(z.object({ name: z.string() })) }),
  run: ({ url }) => ({ title: url, tags: [{ name: 'x' }] }),
});

test('1.11 all problems of a flow are in one error, each with its place', () => {
  const builder = new FlowBuilder('digest')
    .addStep('page', page, { ulr: 'x', depth: 'deep' })
    .addStep('mail', echo, { title: '{{page.return.titel}}', by: '{{author.return}}' })
    .addStep('note', echo, {}, { when: { op: 'gt', left: { key: 'pag.return' }, right: 1 } })
    .addStep('never', echo, {}, { when: { op: 'eq', left: 1, right: 2 } })
    .addLink('mail', 'nowhere')
    .addLink('nobody', 'mail')
    .setDataValue('ghost.x', 1)
    .setOutput('title', 'page.return.tags[0].nam')
    .setOutput('stream', 'page.chunks');
  const error = thrown(() => builder.build());
  expect(error.code).toBe('invalid-definition');
  expect(error.message).toBe(
    `The flow "digest" has 12 problems: (invalid-definition)
  - link "mail->nowhere": ends at "nowhere", but the flow has no such step.
  - ghost: has params, but the flow has no step "ghost".
  - never: never runs: its condition "1 = 2" reads nothing and is false
  - condition of "note": reads "pag.return", but the flow has no step "pag". Did you mean "page"? It has: never, note, page, mail
  - page.depth: is "deep", which the step refuses: Invalid input: expected number, received string
  - page.ulr: is no param of the step. Did you mean "url"? It takes: url, depth
  - page.url: is required, but bound to nothing. Bind it to a value, a reference, or an input
  - mail.by: reads "author.return", but the flow has no step "author". It has: never, note, page, mail
  - mail.title: reads "page.return.titel", but the result of "page" has no "titel". Did you mean "title"? It has: title, tags
  - link "nobody->mail": starts at "nobody", but the flow has no such step.
  - output "title": reads "page.return.tags[0].nam", but the result of "page" has no "nam". Did you mean "name"? It has: name
  - output "stream": reads "page.chunks", a stream, which only a whole param of a step can be. For the result write "page.return"; to watch the chunks of a run use run.chunks$("page")`,
  );
  expect(error.issues).toHaveLength(12);
  expect(error.issues?.map(({ path }) => path)).toContain('mail.title');
});

/** The problems of a flow, one a line. */
const problems = (builder: FlowBuilder): readonly string[] =>
  thrown(() => builder.build()).issues?.map(({ path, message }) => `${path}: ${message}`) ?? [];

test('1.11 a key that cannot exist in a known result is refused wherever it stands', () => {
  const builder = new FlowBuilder('f')
    .addStep('a', page, { url: 'x' })
    .addStep('b', echo, { deep: [{ x: 'so {{a.return.title.x}}' }] })
    .setDataMap('b.tags', 'a.return.tags.name')
    .addLink('a', 'b', {
      when: { op: 'exists', left: { key: 'a.return.constructor.constructor' } },
    })
    .setOutput('x', 'a.return.__proto__');
  expect(problems(builder)).toEqual([
    'b.deep: reads "a.return.title.x", but the result of "a" has no "x".',
    'b.tags: reads "a.return.tags.name", but the result of "a" has no "name". It has: [0], length',
    'condition of link "a->b": reads "a.return.constructor.constructor", but the result of "a" has no "constructor". It has: title, tags',
    'output "x": reads "a.return.__proto__", but the result of "a" has no "__proto__". It has: title, tags',
  ]);
});

test('1.11 a key into the outputs of a subflow is checked', () => {
  const inner = new FlowBuilder('inner')
    .addStep('p', page, { url: 'x' })
    .setOutput('title', 'p.return.title')
    .build();
  const builder = new FlowBuilder('f').addStep('sub', inner).setOutput('x', 'sub.return.titel');
  expect(problems(builder)).toEqual([
    'output "x": reads "sub.return.titel", but the result of "sub" has no "titel". Did you mean "title"? It has: title',
  ]);
});

test('1.11 the params of a subflow are its inputs', () => {
  const inner = new FlowBuilder('inner').addStep('p', page).setInput('p.url', 'link').build();
  const builder = new FlowBuilder('f').addStep('sub', inner, { lnik: 'x' });
  expect(problems(builder)).toEqual([
    'sub.lnik: is no param of the step. Did you mean "link"? It takes: link',
    'sub.link: is required, but bound to nothing. Bind it to a value, a reference, or an input',
  ]);
});

test('1.11 what cannot be known before a run is no problem', () => {
  new FlowBuilder('f')
    .addStep('a', echo, { anything: 1 })
    .addStep('b', echo, {
      x: '{{a.return.whatever[3].deep}}',
      y: '{{a.anything.deep}}',
      z: '{{name}}',
    })
    .addStep('p', page, { url: '{{a.return.url}}', depth: '{{b.return}}' })
    .setOutput('x', 'b.return.more')
    .build();
});

test('1.11 a param of another step can be read where it is bound', () => {
  const builder = new FlowBuilder('f').addStep('a', echo, { x: 1 }).setOutput('out', 'a.out');
  expect(problems(builder)).toEqual([
    'output "out": reads "a.out", but "a" has no param "out". Its result is "a.return"',
  ]);
  builder.setOutput('out', 'a.x').build();
});

test('1.11 a key that looks for an input below a step says how inputs are read', () => {
  const builder = new FlowBuilder('f').addStep('a', echo, {
    x: '{{user.name}}',
    y: '{{input.name}}',
  });
  expect(problems(builder)).toEqual([
    'a.x: reads "user.name", but the flow has no step "user". It has: a. For an input of the flow write "$input.user.name"',
    'a.y: reads "input.name", but the flow has no step "input". It has: a. For an input of the flow write "name"',
  ]);
});

test('1.11 a key below a declared input is checked', () => {
  const flow = new Flow('f', { input: z.object({ user: z.object({ name: z.string() }) }) });
  const input = untyped<Record<string, Record<string, unknown>>>(flow.input);
  flow.step('a', echo, { x: input['user']?.['nmae'], y: input['usr'] });
  expect(thrown(() => flow.output({})).issues?.map(({ message }) => message)).toEqual([
    'reads "$input.user.nmae", but "user" has no "nmae". Did you mean "name"? It has: name',
    'reads "usr", but the flow has no input "usr". Did you mean "user"? It has: user',
  ]);
});

test('1.11 chunks can be a whole param of a step, and nothing else', () => {
  const flow = new Flow<{ n: number }>('f');
  const a = flow.step('a', step, {});
  flow.step('good', echo, { chunks: a.chunks });
  flow.step('b', echo, { x: text`${a.chunks}`, y: [a.chunks], z: { deep: a.chunks } });
  flow.step('c', echo, {}, { when: predicate([a.chunks], () => true) });
  flow.link('good', 'c', { when: eq(a.chunks, untyped(1)) });
  const error = thrown(() => flow.output({ out: a.chunks, text: text`${a.chunks}` }));
  expect(error.issues?.map(({ path }) => path)).toEqual([
    'b.x',
    'b.y',
    'b.z',
    'condition of "c"',
    'condition of link "good->c"',
    'output "out"',
    'output "text"',
  ]);
  for (const { message } of error.issues ?? [])
    expect(message).toBe(
      'reads "a.chunks", a stream, which only a whole param of a step can be. For the result write "a.return"; to watch the chunks of a run use run.chunks$("a")',
    );
});

test('1.11 a required param may be bound to nothing where a model fills it in', () => {
  const chat = defineStep({ run: () => '', isLlm: true });
  new FlowBuilder('f')
    .addStep('chat', chat)
    .addStep('page', page)
    .addLink('chat', 'page', { isTool: true })
    .build();
});

test('1.11 a step that can never run is unreachable', () => {
  const never = { op: 'eq', left: 1, right: 2 } as const;
  const builder = new FlowBuilder('f')
    .addStep('a', step)
    .addStep('b', step, {}, { when: { op: 'and', all: [never, never] } })
    .addStep('c', step)
    .addLink('a', 'c', { when: never });
  expect(problems(builder)).toEqual([
    'b: never runs: its condition "1 = 2 and 1 = 2" reads nothing and is false',
    'c: never runs: the condition "1 = 2" of the link "a->c" reads nothing and is false',
  ]);
  new FlowBuilder('f')
    .addStep('a', step)
    .addStep('c', step, {}, { join: 'settled' })
    .addLink('a', 'c', { when: never })
    .build();
});

test('1.11 no code of a condition runs before the flow does', () => {
  let calls = 0;
  const flow = new Flow<{ n: number }>('f');
  const when = predicate([], () => ++calls > 0);
  flow.step('a', step, {}, { when: or(when, gt(flow.input.n, 0)) });
  flow.step('b', step, {}, { when: or(when, when) });
  flow.output({});
  expect(calls).toBe(0);
});

test('1.11 the same key in one place is one problem', () => {
  const builder = new FlowBuilder('f').addStep('a', echo, { x: '{{zz.return}} {{zz.return}}' });
  expect(problems(builder)).toHaveLength(1);
});

test('1.11 compiling twice gives equal flows', () => {
  const builder = new FlowBuilder('f', { description: 'd', metadata: { a: 1 } })
    .addStep('a', page, { url: '{{link}}' }, { retry: { count: 2 } })
    .addStep('b', echo, { x: '{{a.return.title}}!' })
    .addLink('a', 'b', { on: 'settled' })
    .setOutput('b', 'b.return');
  const [first, second] = [builder.build(), builder.build()];
  expect(second.toJSON()).toEqual(first.toJSON());
  expect(second.hash).toBe(first.hash);
  const shape = (flow: typeof first) =>
    flow.plan().nodes.map(({ path, kind, targets, links }) => [path, kind, targets, links]);
  expect(JSON.stringify(shape(second))).toBe(JSON.stringify(shape(first)));
});

test('1.11 a flow that did not compile can be put right', () => {
  const builder = new FlowBuilder('f').addStep('a', step).setOutput('x', 'b.return');
  expect(thrown(() => builder.build()).code).toBe('invalid-definition');
  builder.addStep('b', step).build();
});

test('1.11 what a builder does later does not reach a compiled flow', async () => {
  const builder = new FlowBuilder('f')
    .addStep('a', echo, { x: 1 })
    .addStep('b', echo, { y: '{{a.return.x}}' })
    .addLink('a', 'b')
    .setOutput('b', 'b.return')
    .setDataValue('n', 1);
  const flow = builder.build();
  const before = JSON.stringify(flow);
  builder
    .setDataValue('a.x', 2)
    .setDataValue('n', 2)
    .removeData('b.y')
    .removeLink('a->b')
    .removeOutput('b')
    .setOutput('other', 'a.return')
    .removeStep('a')
    .addStep('a', () => 'another');
  expect(JSON.stringify(flow)).toBe(before);
  expect((await flow.complete({})).output).toEqual({ b: { y: 1 } });
});

test('1.11 what an author does later to the objects of a definition does not reach a compiled flow', async () => {
  const value = { list: [1] };
  const fallback = { list: [9] };
  const retry = { count: 0 };
  const metadata = { note: 'a' };
  const options = { metadata: { note: 'f' } };
  const link = { description: 'why', metadata: { note: 'l' } };
  const flow = new Flow<{ x?: unknown }>('f', options);
  const failing = flow.step(
    'failing',
    (): { list: number[] } => {
      throw new Error('no');
    },
    {},
    { retry, fallback, metadata },
  );
  const a = flow.step('a', echo, { value, failing: failing.out }, { after: [failing] });
  flow.link(failing, a, link);
  const compiled = flow.output({ a: a.out, literal: value });
  const { hash } = compiled;
  const json = JSON.stringify(compiled);
  value.list.push(2);
  fallback.list.push(2);
  retry.count = 5;
  for (const { metadata: each } of [{ metadata }, options, link]) each.note = 'changed';
  link.description = 'changed';
  expect(JSON.stringify(compiled)).toBe(json);
  expect(compiled.hash).toBe(hash);
  const { output, snapshot } = await compiled.complete({});
  expect(output).toEqual({
    a: { value: { list: [1] }, failing: { list: [9] } },
    literal: { list: [1] },
  });
  expect(snapshot.steps['failing']?.attempts).toBe(1);
});

test('1.11 what a compiled flow shows of itself cannot be changed', () => {
  const compiled = new FlowBuilder('f')
    .addStep('a', echo, { x: { y: 1 }, t: 'n {{n}}' })
    .addStep('b', echo, { x: '{{a.return}}' })
    .addLink('a', 'b')
    .setOutput('b', 'b.return')
    .build();
  const json = JSON.stringify(compiled);
  const change = (work: () => unknown) => expect(work).toThrow(TypeError);
  change(() => Object.assign(compiled.links['a->b'] as object, { on: 'failure' }));
  change(() => Object.assign(compiled.data['a.x'] as object, { value: 2 }));
  change(() => Object.assign((compiled.data['a.x'] as { value: object }).value, { y: 2 }));
  change(() => (compiled.data['a.t'] as unknown as { text: unknown[] }).text.push('x'));
  change(() => Object.assign(compiled.outputs['b'] as object, { key: 'a.return' }));
  expect(JSON.stringify(compiled)).toBe(json);
});

test('1.11 a step is not added twice, whatever the order', () => {
  const flow = new Flow('f');
  flow.step('a', step, {});
  expect(thrown(() => flow.step('a', echo, {})).message).toContain(
    'The flow "f" has a step "a" already',
  );
});

test('1.11 what is no code is refused where it is written', () => {
  const add = (code: unknown) =>
    thrown(() => new FlowBuilder('f').addStep('a', untyped(code))).message;
  expect(add(undefined)).toBe(
    'The code of step "a" is undefined. Give a function, a step made by defineStep() or defineOperator(), or a flow that output() or build() gives. (invalid-definition)',
  );
  expect(add(new Flow('inner'))).toContain('The code of step "a" is Flow. Give');
  expect(add(Promise.resolve(1))).toContain('The code of step "a" is Promise. Give');
});

test('1.11 params that bind nothing by name are refused where they are written', () => {
  const flow = new Flow<{ x: number }>('f');
  const a = flow.step('a', () => ({ x: 1 }), {});
  const add = (params: unknown) => thrown(() => flow.step('b', echo, untyped(params))).message;
  expect(add(undefined)).toBe(
    'The params of step "b" are undefined. Write step(id, code, params): an object that binds each param, or {}. (invalid-definition)',
  );
  expect(add([1])).toContain('The params of step "b" are an array of 1.');
  expect(add(echo)).toContain('The params of step "b" are a function.');
  expect(add(a.out)).toBe(
    '"a.return" is a reference to a value that does not exist yet. Pass it to a step as a param, or put it into a text with text`…`. (ref-misuse)',
  );
  expect(add({ x: a })).toBe(
    '"a" is a step, not a value. Write `.out` behind it for its result: `a.out`. (ref-misuse)',
  );
  expect(add({ x: [{ y: a }] })).toContain('"a" is a step, not a value.');
  flow.step('b', echo, { x: a.out }, { after: [a] });
});

test('1.11 outputs that are not named are refused, and change nothing', async () => {
  const flow = new Flow<{ x: number }>('f');
  const a = flow.step('a', () => 1, {});
  const outputs = (value: unknown) =>
    thrown(() => flow.output(untyped<Record<string, never>>(value)));
  expect(outputs(a.out).code).toBe('ref-misuse');
  expect(outputs(undefined).message).toBe(
    'The outputs of "f" are undefined. Name each of them: output({ title: page.out.title }). (invalid-definition)',
  );
  expect(outputs([a.out]).message).toContain('are an array of 1.');
  // As `a.x` is, where `a.out.x` is meant.
  expect(outputs({ a: undefined, b: a.out }).message).toBe(
    'The flow "f" has a problem: (invalid-definition)\n  - output "a": is undefined. Give a reference such as page.out.title, or a value',
  );
  expect(outputs({ a }).message).toContain('"a" is a step, not a value.');
  expect(outputs({ '': a.out }).message).toContain('An output needs a name of 1 to 128 characters');
  expect((await flow.output({ a: a.out }).complete(untyped({}))).output).toEqual({ a: 1 });
});

test('1.11 the option "after" takes steps, or their ids', () => {
  const flow = new Flow('f');
  const a = flow.step('a', step, {});
  expect(thrown(() => flow.step('b', step, {}, { after: untyped(a) })).message).toBe(
    'The option "after" of step "b" is an object. It takes a list of steps: after: [page]. (invalid-option)',
  );
  expect(thrown(() => flow.step('b', step, {}, untyped<object>({ afters: [a] }))).message).toBe(
    'There is no option "afters" of step "b". Did you mean "after"? It takes: join, policy, concurrency, maxPending, equals, retry, timeout, cache, metadata, fallback, when, after. (invalid-option)',
  );
  flow.step('b', step, {}, { after: untyped(['a']) });
  expect(Object.keys(flow.output({}).links)).toEqual(['a->b']);
});

test('1.11 an option of a step that cannot be is refused where it is written', () => {
  const add = (options: unknown) =>
    thrown(() => new FlowBuilder('f').addStep('a', step, {}, untyped(options))).message;
  expect(add({ retires: 1 })).toBe(
    'There is no option "retires" of step "a". It takes: join, policy, concurrency, maxPending, equals, retry, timeout, cache, metadata, fallback, when. (invalid-option)',
  );
  expect(add({ rety: 1 })).toContain('Did you mean "retry"?');
  expect(add({ retry: 3 })).toBe(
    'The option "retry" of step "a" is 3. It takes an object with count, delay, backoff, maxDelay, jitter, when. (invalid-option)',
  );
  expect(add({ retry: { count: -1 } })).toBe(
    'The option "count" of option "retry" of step "a" is -1. It takes a whole number, 0 or more. (invalid-option)',
  );
  expect(add({ retry: { count: 1, backof: 'fixed' } })).toContain('Did you mean "backoff"?');
  expect(add({ timeout: 5 })).toContain('It takes an object with attempt, total, idle');
  expect(add({ join: 'every' })).toContain('is "every". It takes "any", "all", "settled"');
  expect(add({ toString: 1 })).toContain('no option "toString"');
});

test('1.14 the order in which things are added does not change the compiled flow', () => {
  const one = new FlowBuilder('f')
    .addStep('a', step)
    .addStep('b', echo, { x: '{{a.return}}', y: 1 })
    .addLink('a', 'b')
    .setOutput('o', 'b.return')
    .setOutput('p', 'a.return')
    .build();
  const two = new FlowBuilder('f')
    .setOutput('p', 'a.return')
    .setDataValue('b.y', 1)
    .addLink('a', 'b')
    .setOutput('o', 'b.return')
    .setDataMap('b.x', 'a.return')
    .addStep('b', echo)
    .addStep('a', step)
    .build();
  expect(two.toJSON()).toEqual(one.toJSON());
  expect(Object.keys(two.steps)).toEqual(Object.keys(one.steps));
  expect(Object.keys(two.links)).toEqual(Object.keys(one.links));
});

test('1.11 a fallback that the output schema of its step refuses is told before a run', async () => {
  const flow = (fallback: unknown, output: unknown = z.object({ title: z.string() })) => {
    const step = defineStep({ output: untyped<z.ZodType>(output), run: () => ({ title: 'x' }) });
    return new FlowBuilder('f').addStep('a', step, {}, { fallback });
  };
  expect(problems(flow({ titel: 'x' }))).toEqual([
    'fallback of "a": is an object, which the step refuses: Invalid input: expected string, received undefined',
  ]);
  expect(problems(flow(5))).toEqual([
    'fallback of "a": is 5, which the step refuses: Invalid input: expected object, received number',
  ]);
  expect(problems(flow(null))).toHaveLength(1);
  // What it comes to is known in the run only.
  const later = [
    () => 5,
    Promise.resolve({ title: 'y' }),
    of({ title: 'y' }),
    undefined,
    { title: 'y' },
  ];
  for (const fallback of later) flow(fallback).build();
  const slow = z.object({ title: z.string() }).refine(async () => false);
  flow({ title: 'y' }, slow).build();
  const tool = each(defineStep({ output: z.string(), run: () => 'x' }));
  new FlowBuilder('f').addStep('all', tool, { items: [1] }, { fallback: [] }).build();
});

test('1.10 a JSON Schema whose words are none is no obstacle', async () => {
  for (const input of [
    { type: 'object', properties: { n: {} }, required: 5 },
    { type: 'object', properties: { n: {} }, required: { n: true } },
    { type: 'object', properties: 5 },
    { type: 7, required: 'n' },
  ]) {
    const inner = { v: 1, id: 'inner', input, steps: {}, outputs: { n: { value: 1 } } };
    const steps = { a: { flow: inner } };
    const outputs = { n: { key: 'a.return.n' } };
    const flow = Flow.fromJSON(untyped({ v: 1, id: 'f', steps, outputs }), { steps: {} });
    expect((await flow.complete({})).output).toEqual({ n: 1 });
  }
});

test('5.8 a name of the memory that is an input of the flow, too, is refused: both would read the input', () => {
  const written = (write: (flow: Flow<{ h: string }>) => void) => {
    const flow = new Flow('f', { input: z.object({ h: z.string() }) });
    write(flow);
    return thrown(() => flow.output({})).issues;
  };
  const message = 'is an input of the flow, too. Rename one of them';
  expect(written((flow) => flow.step('a', echo, { x: flow.memory('h', '') }))).toEqual([
    { path: 'memory "h"', message },
  ]);
  const remembered = written((flow) => flow.remember('h', flow.step('a', echo, {}).out));
  expect(remembered).toEqual([{ path: 'memory "h"', message }]);
});
