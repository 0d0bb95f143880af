/** What users get wrong, each with the whole message that they read: the culprit in quotes, the fact, the remedy. */
import { inspect } from 'node:util';
import {
  defineOperator,
  defineStep,
  each,
  eq,
  Flow,
  gt,
  predicate,
  question,
  type RefOf,
  repeat,
  text,
} from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { EMPTY, filter, from, type identity, type Observable } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { rejected, thrown, untyped } from './thrown.ts';

const step = () => 1;
const echo = (params: Readonly<Record<string, unknown>>) => params;
const page = defineStep({
  input: z.object({ url: z.string(), depth: z.number().optional() }),
  output: z.object({ title: z.string(), words: z.number() }),
  run: ({ url }) => ({ title: url, words: 3 }),
});

/** The message of the only step that failed in a run. */
async function failureOf(flow: Flow<object>, input: object = {}): Promise<string> {
  const { snapshot } = await flow.output({}).complete(input);
  const failed = Object.values(snapshot.steps).filter(({ status }) => status === 'failure');
  expect(failed).toHaveLength(1);
  return failed[0]?.error?.message ?? '';
}

test('1.5 a cycle', () => {
  const flow = new Flow('digest');
  const a = flow.step('a', step, {});
  const b = flow.step('b', echo, { x: a.out });
  const c = flow.step('c', echo, { x: b.out });
  expect(thrown(() => flow.link(c, a)).message).toBe(
    'These steps of "digest" would wait for each other for ever: c → a → b → c. Remove one of the links; a loop is written with repeat(). (cycle)',
  );
});

test('1.11 an unknown step', () => {
  const builder = new FlowBuilder('digest')
    .addStep('page', page, { url: 'x' })
    .setOutput('title', 'pgae.return.title');
  expect(thrown(() => builder.build()).message).toBe(
    `The flow "digest" has a problem: (invalid-definition)
  - output "title": reads "pgae.return.title", but the flow has no step "pgae". Did you mean "page"? It has: page`,
  );
});

test('1.11 an unknown step at the end of a link', () => {
  const flow = new Flow('digest');
  flow.step('page', page, { url: 'x' });
  flow.link('page', 'mial').link('pag', 'page');
  expect(thrown(() => flow.output({})).message).toBe(
    `The flow "digest" has 2 problems: (invalid-definition)
  - link "page->mial": ends at "mial", but the flow has no such step.
  - link "pag->page": starts at "pag", but the flow has no such step. Did you mean "page"?`,
  );
});

test('1.11 an unknown param', () => {
  const builder = new FlowBuilder('digest').addStep('page', page, { url: 'x', dpeth: 1 });
  expect(thrown(() => builder.build()).message).toBe(
    `The flow "digest" has a problem: (invalid-definition)
  - page.dpeth: is no param of the step. Did you mean "depth"? It takes: url, depth`,
  );
});

test('1.11 a literal of the wrong type', () => {
  const builder = new FlowBuilder('digest').addStep('page', page, { url: 'x', depth: '3' });
  expect(thrown(() => builder.build()).message).toBe(
    `The flow "digest" has a problem: (invalid-definition)
  - page.depth: is "3", which the step refuses: Invalid input: expected number, received string`,
  );
});

test('1.11 a required param that is bound to nothing', () => {
  const builder = new FlowBuilder('digest').addStep('page', page);
  expect(thrown(() => builder.build()).message).toBe(
    `The flow "digest" has a problem: (invalid-definition)
  - page.url: is required, but bound to nothing. Bind it to a value, a reference, or an input`,
  );
});

test('1.10 an unknown input', async () => {
  const flow = new Flow('digest', { input: z.object({ url: z.string() }) });
  const compiled = flow.output({ url: flow.input.url });
  expect((await rejected(compiled.complete(untyped({ url: 'x', lang: 'de' })))).message).toBe(
    `The input of flow "digest" is not valid: (invalid-input)
  - lang: is no input of the flow. It takes: url`,
  );
});

test('1.10 a missing input, and one of the wrong type', async () => {
  const flow = new Flow('digest', { input: z.object({ url: z.string(), n: z.number() }) });
  const compiled = flow.output({ url: flow.input.url });
  expect((await rejected(compiled.complete(untyped({ n: 'x' })))).message).toBe(
    `The input of flow "digest" is not valid: (invalid-input)
  - url: Invalid input: expected string, received undefined
  - n: Invalid input: expected number, received string`,
  );
});

test('1.2 a bad id', () => {
  expect(thrown(() => new Flow('my digest')).message).toBe(
    'The flow id "my digest" is not allowed. An id has 1 to 64 letters, digits, "_" or "-", and starts with a letter or "_". (invalid-definition)',
  );
  expect(thrown(() => new Flow('digest').step('page.title', step, {})).message).toBe(
    'The step id "page.title" is not allowed. An id has 1 to 64 letters, digits, "_" or "-", and starts with a letter or "_". (invalid-definition)',
  );
});

test('1.6 a path into a prototype: refused where the result is known, missing where it is not', async () => {
  const known = new FlowBuilder('digest')
    .addStep('a', page, { url: 'x' })
    .setOutput('evil', 'a.return.constructor.constructor');
  expect(thrown(() => known.build()).message).toBe(
    `The flow "digest" has a problem: (invalid-definition)
  - output "evil": reads "a.return.constructor.constructor", but the result of "a" has no "constructor". It has: title, words`,
  );
  const unknown = new FlowBuilder('digest')
    .addStep('a', () => ({ title: 'x' }))
    .addStep('b', echo, {
      evil: '{{a.return.constructor.constructor}}',
      also: 'x{{a.return.__proto__}}',
    })
    .setOutput('evil', 'a.return.constructor.constructor')
    .setOutput('b', 'b.return')
    .build();
  expect((await unknown.complete({})).output).toEqual({ b: {} });
});

test('1.6 a required param that is bound to a path into a prototype: the step is skipped', async () => {
  const flow = new FlowBuilder('digest')
    .addStep('a', () => ({ title: 'x' }))
    .addStep('page', page)
    .setDataMap('page.url', 'a.return.constructor.name')
    .build();
  const run = flow.start({});
  await run.result;
  expect(run.explain('page')).toBe(
    '"page" was skipped: its param "url" has no value: a.return.constructor.name is missing.',
  );
});

test('1.8 a template hole that never closes', () => {
  const builder = new FlowBuilder('digest').addStep('a', step);
  expect(
    thrown(() => builder.addStep('mail', echo, { body: `Dear {{a.return ${'x'.repeat(100_000)}` }))
      .message,
  ).toBe(
    `The template of "mail.body" opens a hole at character 6 that never closes: "{{a.return ${'x'.repeat(66)}...". Close it with "}}". For two braces write "\\{{". (invalid-key)`,
  );
});

test('1.8 a template hole that holds no key', () => {
  const builder = new FlowBuilder('digest').addStep('a', step);
  expect(thrown(() => builder.addStep('mail', echo, { body: 'So {{a.return + 1}}' })).message).toBe(
    'The hole "{{a.return + 1}}" in the template of "mail.body" holds no key. The key "a.return + 1" cannot be read: "." or "[" is missing at character 9. Write "step.return.part", "step.chunks", "step.error", "step.param", or the name of an input. For two braces write "\\{{". (invalid-key)',
  );
});

test('1.7 text that contains {{secret.return}} stays text', async () => {
  const flow = new FlowBuilder('digest')
    .addStep('secret', () => 'the secret')
    .addStep('a', echo, { x: '{{question}}', y: 'You asked: {{question}}' })
    .addLink('secret', 'a')
    .setOutput('a', 'a.return')
    .build();
  expect((await flow.complete({ question: '{{secret.return}}' })).output).toEqual({
    a: { x: '{{secret.return}}', y: 'You asked: {{secret.return}}' },
  });
});

test('2.4 a condition that throws', async () => {
  const flow = new Flow<{ user?: { age: number } }>('digest');
  const when = predicate([flow.input.user], (user) => untyped<{ age: number }>(user).age > 17);
  flow.step('mail', step, {}, { when });
  expect(await failureOf(flow)).toBe(
    `The condition of step "mail" threw: Cannot read properties of undefined (reading 'age'). It must answer true or false for every value. (step-failed)`,
  );
});

test('2.4 the condition of a link that throws', async () => {
  const flow = new Flow<{ user?: { age: number } }>('digest');
  const a = flow.step('a', step, {});
  const b = flow.step('b', step, {});
  flow.link(a, b, {
    when: predicate([flow.input.user], () => {
      throw new Error('no user');
    }),
  });
  expect(await failureOf(flow)).toBe(
    'The condition of step "b" threw: no user. It must answer true or false for every value. (step-failed)',
  );
});

test('3.1 a handler that throws a string, and other things that are no errors', async () => {
  const thrownBy = async (value: unknown) => {
    const flow = new Flow<object>('digest');
    flow.step(
      'page',
      () => {
        throw value;
      },
      {},
    );
    return failureOf(flow);
  };
  expect(await thrownBy('not found')).toBe(
    'Step "page" failed: it threw "not found", which is no Error. An Error tells where it came from. (step-failed)',
  );
  expect(await thrownBy(undefined)).toContain('it threw undefined, which is no Error');
  expect(await thrownBy(null)).toContain('it threw null, which is no Error');
  expect(await thrownBy({ status: 404 })).toContain('it threw an object, which is no Error');
});

test('3.1 a handler that rejects with a string', async () => {
  const flow = new Flow<object>('digest');
  flow.step('page', () => Promise.reject('not found'), {});
  expect(await failureOf(flow)).toBe(
    'Step "page" failed: it threw "not found", which is no Error. An Error tells where it came from. (step-failed)',
  );
});

test('3.1 the error of a run names every step that failed', async () => {
  const flow = new Flow('digest');
  const page = flow.step('page', () => Promise.reject(new Error('404')), {});
  flow.step('note', () => Promise.reject('no'), {});
  const mail = flow.step('mail', echo, { x: page.out });
  expect((await rejected(flow.output({ mail: mail.out }).complete({}))).message).toBe(
    `The run of "digest" failed: its output "mail" needs "mail". (run-failed)
  - note: Step "note" failed: it threw "no", which is no Error. An Error tells where it came from. (step-failed)
  - page: Step "page" failed: 404 (step-failed)`,
  );
});

test('2.9 a handler that returns the wrong type', async () => {
  const flow = new Flow<object>('digest');
  const run = () => untyped<{ title: string; words: number }>({ title: 5 });
  flow.step(
    'page',
    defineStep({ output: z.object({ title: z.string(), words: z.number() }), run }),
    {},
  );
  expect(await failureOf(flow)).toBe(
    `Step "page" gave an object, a result that its schema refuses: (invalid-result)
  - title: Invalid input: expected string, received number
  - words: Invalid input: expected number, received undefined`,
  );
});

test('2.9 a handler that returns nothing where a result is due', async () => {
  const flow = new Flow<object>('digest');
  flow.step('page', defineStep({ output: z.string(), run: () => untyped<string>(undefined) }), {});
  expect(await failureOf(flow)).toBe(
    `Step "page" gave undefined, a result that its schema refuses: (invalid-result)
  - Invalid input: expected string, received undefined`,
  );
});

test('2.9 params that the schema refuses', async () => {
  const flow = new Flow<object>('digest');
  const a = flow.step('a', () => ({ n: untyped<string>(5) }), {});
  flow.step('page', page, { url: a.out.n, depth: untyped<RefOf<number>>(a.out) });
  expect(await failureOf(flow)).toBe(
    `The params of step "page" are not valid: (invalid-params)
  - url: Invalid input: expected string, received number
  - depth: Invalid input: expected number, received object`,
  );
});

test('2.9 a chunk that its schema refuses, or cannot judge at once', async () => {
  const stream = (chunk: z.ZodType) => {
    const flow = new Flow<object>('digest');
    flow.step('page', defineStep({ chunk, run: () => from(['a', 5]) }), {});
    return failureOf(flow);
  };
  expect(await stream(z.string())).toBe(
    `Step "page" gave 5, a chunk that its schema refuses: (invalid-result)
  - Invalid input: expected string, received number`,
  );
  expect(await stream(z.string().refine(async () => true))).toBe(
    'A chunk of step "page" is a promise, or its schema answers in one, which would hold the stream up. Take what answers at once. (invalid-result)',
  );
  const promises = new Flow<object>('digest');
  promises.step('page', () => [Promise.resolve('a')].values(), {});
  expect(await failureOf(promises)).toMatch(/^A chunk of step "page" is a promise/);
});

test('2.11 an operator that completes without a value', async () => {
  const none = (source: Observable<object>) => source.pipe(filter(() => false));
  for (const code of [defineOperator({ operator: none }), () => EMPTY]) {
    const flow = new Flow<object>('digest');
    flow.step('page', code, {});
    expect(await failureOf(flow)).toBe(
      `Step "page" has no result: the stream completed without a value. End it with defaultIfEmpty(null), or give the step reduce: 'collect'. (invalid-result)`,
    );
  }
});

test('2.11 an operator that is no operator', () => {
  expect(
    thrown(() => defineOperator({ operator: untyped<typeof identity>(undefined) })).message,
  ).toBe(
    'defineOperator() needs an RxJS operator in "operator", not undefined. (invalid-definition)',
  );
  expect(thrown(() => defineStep({ run: untyped<() => 1>('x') })).message).toBe(
    'defineStep() needs a function in "run", not string. Write run: (params, context) => result. (invalid-definition)',
  );
});

test('descriptions and options that are not there', () => {
  const nothing = undefined as never;
  const none = null as never;
  const messages: readonly (readonly [make: () => unknown, message: string])[] = [
    [() => question(nothing), 'question() needs a schema in "answer"'],
    [
      () => defineStep(nothing),
      'defineStep() needs a function in "run", not undefined. Write run:',
    ],
    [
      () => defineOperator(none),
      'defineOperator() needs an RxJS operator in "operator", not undefined.',
    ],
    [() => each(step, none), 'each() takes an object with concurrency, onError, as, not null.'],
    [() => repeat(step, nothing), 'repeat() takes an object with max, while, next, not undefined.'],
    [
      () => new Flow('digest', none),
      'flow "digest" takes an object with input, description, metadata, not null.',
    ],
    [
      () => new Flow('digest', 5 as never),
      'flow "digest" takes an object with input, description, metadata, not 5.',
    ],
  ];
  for (const [make, message] of messages) expect(thrown(make).message).toContain(message);
});

// The first ten minutes.

test('1.4 a step where its result is meant', () => {
  const flow = new Flow('digest');
  const page = flow.step('page', () => 'x', {});
  const message =
    '"page" is a step, not a value. Write `.out` behind it for its result: `page.out`. (ref-misuse)';
  expect(thrown(() => flow.step('mail', echo, { body: page })).message).toBe(message);
  expect(thrown(() => flow.output(untyped<Record<string, never>>({ page }))).message).toBe(message);
  expect(thrown(() => text`So: ${page}`).message).toBe(message);
  expect(thrown(() => gt(untyped<RefOf<number>>(page), 1)).message).toBe(message);
});

test('1.4 a reference where params are meant, and one that is spread', () => {
  const flow = new Flow<{ url: string }>('digest');
  const page = flow.step('page', () => ({ title: 'x' }), {});
  const message = (key: string) =>
    `"${key}" is a reference to a value that does not exist yet. Pass it to a step as a param, or put it into a text with text\`…\`. (ref-misuse)`;
  expect(thrown(() => flow.step('mail', echo, untyped(page.out))).message).toBe(
    message('page.return'),
  );
  expect(thrown(() => flow.step('mail', echo, { ...untyped<object>(page.out) })).message).toBe(
    message('page.return'),
  );
  expect(thrown(() => `So: ${page.out.title}`).message).toBe(message('page.return.title'));
  expect(thrown(() => `So: ${flow.input.url}`).message).toBe(message('url'));
});

test('1.6 a condition that is a function, a reference, or a value', () => {
  const flow = new Flow<{ ok: boolean }>('digest');
  const add = (when: unknown) =>
    thrown(() => flow.step('a', step, {}, { when: untyped(when) })).message;
  const remedy =
    'Write one such as gt(page.out.score, 0.5); code goes into predicate([page.out], (page) => …). (invalid-definition)';
  expect(add(() => true)).toBe(
    `The condition of step "a" is a function, which is no condition. ${remedy}`,
  );
  expect(add(flow.input.ok)).toBe(
    `The condition of step "a" is "ok", which is no condition. ${remedy}`,
  );
  expect(add(true)).toBe(`The condition of step "a" is true, which is no condition. ${remedy}`);
});

test('1.11 a flow that was not compiled where a step is meant', () => {
  expect(
    thrown(() => new Flow('digest').step('sub', untyped<() => 1>(new Flow('inner')), {})).message,
  ).toBe(
    'The code of step "sub" is Flow. Give a function, a step made by defineStep() or defineOperator(), or a flow that output() or build() gives. (invalid-definition)',
  );
});

test('1.6 an output that names a step, not its result', () => {
  const builder = new FlowBuilder('digest')
    .addStep('page', page, { url: 'x' })
    .setOutput('page', 'page');
  expect(thrown(() => builder.build()).message).toBe(
    `The flow "digest" has a problem: (invalid-definition)
  - output "page": reads "page", which is a step. For its result write "page.return"; for an input of that name declare the inputs of the flow`,
  );
});

test('1.6 a result that is read as in other libraries', () => {
  const builder = new FlowBuilder('digest')
    .addStep('page', page, { url: 'x' })
    .addStep('mail', echo, { a: '{{page.output.title}}', b: '{{input.url}}', c: '{{page}}' });
  expect(thrown(() => builder.build()).message).toBe(
    `The flow "digest" has 2 problems: (invalid-definition)
  - mail.a: reads "page.output.title", but "page" has no param "output". Its result is "page.return", a part of it "page.return.title"
  - mail.b: reads "input.url", but the flow has no step "input". It has: page, mail. For an input of the flow write "url"`,
  );
});

test('2.15 an output that is wanted and does not exist', async () => {
  const flow = new FlowBuilder('digest')
    .addStep('page', page, { url: 'x' })
    .setOutput('title', 'page.return.title')
    .build();
  expect((await rejected(flow.complete({}, { outputs: ['titel'] }))).message).toBe(
    'The option "outputs" of a run of "digest" is "titel". Did you mean "title"? It takes names of outputs: title. (invalid-option)',
  );
});

test('1.5 a repeat without an end', () => {
  expect(thrown(() => repeat(step, { while: () => true, max: untyped(undefined) })).message).toBe(
    'The option "max" of repeat() is undefined. It takes a whole number, 1 or more. (invalid-option)',
  );
});

test('1.8 a text of a value that JSON cannot carry', async () => {
  const round: Record<string, unknown> = {};
  round['self'] = round;
  const flow = new Flow<object>('digest');
  const a = flow.step('a', () => round, {});
  flow.step('mail', echo, { body: text`So: ${a.out}` });
  const message = await failureOf(flow);
  expect(message).toContain('The param "body" of step "mail" cannot be made of So: {{a.return}}:');
  expect(message).toContain('(step-failed)');
});

test('1.8 an output that is such a text fails the run', async () => {
  const round: Record<string, unknown> = {};
  round['self'] = round;
  const flow = new Flow('digest');
  const a = flow.step('a', () => round, {});
  const error = await rejected(flow.output({ line: text`So: ${a.out}` }).complete({}));
  expect(error.code).toBe('run-failed');
  expect(error.message).toContain('"line"');
});

test('2.4 a condition on something that is not there is false, and says what it read', async () => {
  const flow = new Flow<{ user?: { name: string } }>('digest');
  flow.step(
    'mail',
    step,
    {},
    { when: eq(flow.input.user?.name as unknown as RefOf<string>, 'Ada') },
  );
  const run = flow.output({}).start({});
  await run.result;
  expect(run.explain('mail')).toBe(
    '"mail" was skipped: the condition "$input.user.name = "Ada"" was false: $input.user.name was missing.',
  );
});

test('1.6 the keys of a map the wrong way round', () => {
  const builder = new FlowBuilder('digest')
    .addStep('page', page, { url: 'x' })
    .addStep('mail', echo);
  expect(thrown(() => builder.setDataMap('page.return', 'mail.body')).message).toBe(
    '"page.return" is what a step gives, so it cannot be bound. To hand it on write setDataMap("step.param", "page.return"). (invalid-key)',
  );
  expect(thrown(() => builder.setDataValue('page.chunks', 1)).code).toBe('invalid-key');
});

test('1.10 setInput without a param, or without an input', () => {
  const builder = new FlowBuilder('digest').addStep('page', page);
  expect(thrown(() => builder.setInput('page', 'url')).message).toBe(
    'setInput("page", "url") binds a param to an input: setInput("step.param", "input"). For anything else use setDataMap() or setDataValue(). (invalid-key)',
  );
  expect(thrown(() => builder.setInput('page.url', 'mail.return')).code).toBe('invalid-key');
  builder.setInput('page.url', '$input.page.url').build();
});

test('1.4 a reference that is printed tells what it refers to', () => {
  const flow = new Flow<{ name: string }>('printed');
  const page = flow.step('page', () => ({ tags: ['a'] }), {});
  expect(inspect(page.out.tags[0])).toBe('Ref(page.return.tags[0])');
  expect(inspect({ name: flow.input.name })).toBe('{ name: Ref(name) }');
  expect(inspect(text`Dear ${flow.input.name}!`)).toBe('Ref(text`…`)');
  expect(Object.getPrototypeOf(page.out)).toBe(null);
});

test('1.4 a reference cannot be frozen, nor given a prototype', () => {
  const { input } = new Flow<{ name: string }>('kept');
  for (const change of [Object.freeze, Object.preventExtensions, Object.seal])
    expect(thrown(() => change(input)).code).toBe('ref-misuse');
  expect(thrown(() => Object.setPrototypeOf(input, {})).code).toBe('ref-misuse');
  expect(Object.isExtensible(input)).toBe(true);
});

test('1.4 a step in the place of all params, or of all outputs, is told', () => {
  const flow = new Flow('f');
  const a = flow.step('a', echo, {});
  const told =
    '"a" is a step, not a value. Write `.out` behind it for its result: `a.out`. (ref-misuse)';
  expect(thrown(() => flow.step('b', echo, a as never)).message).toBe(told);
  expect(thrown(() => flow.output(a as never)).message).toBe(told);
  expect(Object.keys(flow.output({}).steps)).toEqual(['a']);
});

test('1.11 a step that comes after nothing is told', () => {
  const flow = new Flow('f');
  expect(thrown(() => flow.step('b', step, {}, { after: untyped([undefined]) })).message).toBe(
    'The step id undefined is not allowed. An id has 1 to 64 letters, digits, "_" or "-", and starts with a letter or "_". (invalid-definition)',
  );
});

test('1.11 a registry of thousands is told by its first ones', () => {
  const steps = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`s${i}`, step]));
  const json = { v: 1, id: 'f', steps: { tt: {} }, links: [], data: {}, outputs: {} } as const;
  expect(thrown(() => Flow.fromJSON(json, { steps })).message).toMatch(
    /It has: s0, .*, s19 and 4980 more\. Add it/,
  );
});

test('2.9 a question without a schema for its answer is told when it is made', () => {
  expect(thrown(() => question({} as never)).message).toBe(
    'question() needs a schema in "answer": what an answer must satisfy, such as z.object({ ok: z.boolean() }). (invalid-definition)',
  );
  expect(thrown(() => question({ answer: untyped({ ok: 'boolean' }) } as never)).message).toBe(
    'The answer of a question() is an object, which is no schema. Give any Standard Schema, such as z.object({ … }) of zod. (invalid-definition)',
  );
});

test.each([
  [null, 'null'],
  ['url', '"url"'],
  [['url'], 'an array of 1'],
])('1.11 params of a builder that are no object are told: %j', (params, shown) => {
  const builder = new FlowBuilder('b');
  expect(thrown(() => builder.addStep('a', step, untyped(params))).message).toBe(
    `The params of step "a" are ${shown}. Write addStep(id, code, params): an object that binds each param, or {}. (invalid-definition)`,
  );
  expect(builder.steps).toEqual({});
});

test('5.8 what is remembered is the result of a step: an input would be read in the same run', () => {
  const flow = new Flow<{ say: string }>('chat');
  const { say } = flow.input;
  for (const source of [say, text`<${say}>`, untyped<RefOf<string>>('x')])
    expect(thrown(() => flow.remember('last', source)).message).toBe(
      'remember("last") takes the result of a step. An input must be given back by one first. (ref-misuse)',
    );
  const a = flow.step('a', echo, { say });
  flow.remember('last', text`${say} ${a.out}`);
});
