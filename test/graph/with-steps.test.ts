/** A flow with other settings for its steps is the flow that one would have written with them. */
import { defineStep, each, Flow, repeat } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { thrown } from './thrown.ts';

const late = () => new Promise<number>((resolve) => setTimeout(resolve, 1, 7));
const key = (key: string) => ({ op: 'gt', left: { key }, right: 5 }) as const;

/** `b` runs on a condition, or on none. */
const written = (when?: ReturnType<typeof key>) =>
  new FlowBuilder('f')
    .addStep('a', late)
    .addStep('b', () => 'ran', {}, { ...(when && { when }) })
    .addStep('c', () => 8)
    .setOutput('b', 'b.return')
    .build();

type Written = ReturnType<typeof written>;
const changed = (flow: Written, when?: ReturnType<typeof key>) =>
  flow.withSteps((entry) =>
    entry.id === 'b' ? { ...entry, settings: { ...(when && { when }) } } : entry,
  );

test('1.4 another condition links its step to what it reads, and no longer to what the first one read', async () => {
  const conditions = [undefined, key('a.return'), key('c.return'), key('n')];
  for (const before of conditions) {
    for (const after of conditions) {
      const [flow, wanted] = [changed(written(before), after), written(after)];
      expect(flow.links).toEqual(wanted.links);
      expect(flow.toJSON()).toEqual(wanted.toJSON());
      expect(flow.hash).toBe(wanted.hash);
      const input = after?.left.key === 'n' ? { n: 9 } : {};
      expect((await flow.complete(input)).output).toEqual({ b: 'ran' });
    }
  }
});

test('1.3 links that were stated stay, as they were stated', () => {
  const flow = new Flow('f');
  const a = flow.step(
    'a',
    (): number => {
      throw new Error('no');
    },
    {},
  );
  const b = flow.step('b', () => 1, {});
  const compiled = flow.link(a, b, { description: 'why' }).output({ b: b.out });
  const when = { op: 'exists', left: { key: 'a.error' } } as const;
  const other = compiled.withSteps((entry) =>
    entry.id === 'b' ? { ...entry, settings: { when } } : entry,
  );
  expect(other.links['a->b']).toMatchObject({ description: 'why', on: 'failure', derived: false });
  const again = other.withSteps((entry) => ({ ...entry, settings: {} }));
  expect(again.links).toEqual(compiled.links);
});

test('1.5 another condition that would close a cycle is refused', () => {
  const flow = new FlowBuilder('f')
    .addStep('a', () => 1)
    .addStep('b', () => 2, { x: '{{a.return}}' })
    .build();
  const error = thrown(() =>
    flow.withSteps((entry) =>
      entry.id === 'a' ? { ...entry, settings: { when: key('b.return') } } : entry,
    ),
  );
  expect(error.message).toBe(
    'These steps of "f" would wait for each other for ever: a → b → a. Remove one of the links; a loop is written with repeat(). (cycle)',
  );
});

test('1.11 so is one that reads what is not there', () => {
  expect(thrown(() => changed(written(), key('d.return'))).message).toBe(
    `The flow "f" has a problem: (invalid-definition)
  - condition of "b": reads "d.return", but the flow has no step "d". It has: a, b, c`,
  );
});

test('1.4 the condition of a step of a subflow is another one, too', async () => {
  const outer = new FlowBuilder('outer')
    .addStep('f', written())
    .setOutput('b', 'f.return.b')
    .build();
  const flow = outer.withSteps((entry, path) =>
    path === 'f.b' ? { ...entry, settings: { when: key('a.return') } } : entry,
  );
  expect((await flow.complete({})).output).toEqual({ b: 'ran' });
});

test('3.3 what each() and repeat() run has no settings of its own: they are refused', () => {
  const flow = new Flow<{ items: readonly number[] }>('f');
  const { items } = flow.input;
  flow.step(
    'all',
    each((n: number) => n),
    { items },
  );
  flow.step(
    'again',
    repeat(({ n }: { n: number }) => ({ n }), { while: () => false, max: 1 }),
    { n: 1 },
  );
  flow.step('inner', each(written()), { items: [{}] });
  const compiled = flow.output({});
  const withSettings = (at: string) => () =>
    compiled.withSteps((entry, path) =>
      path === at ? { ...entry, settings: { retry: { count: 1 } } } : entry,
    );
  expect(thrown(withSettings('all[]')).message).toBe(
    'What step "all" runs has no settings of its own. Give "retry" to the step, or let it run a flow. (invalid-option)',
  );
  expect(thrown(withSettings('again[]')).code).toBe('invalid-option');
  expect(thrown(withSettings('inner[]')).code).toBe('invalid-option');
  // The steps of a flow have settings, wherever it runs.
  withSettings('inner[].b')();
  withSettings('all')();
});

test('8 what withSteps() gets back that is no step is refused, and named', () => {
  const flow = new Flow('digest');
  const page = flow.step('page', () => 1, {});
  const made = flow.output({ page: page.out });
  const forgotten = (() => undefined) as never;
  expect(() => made.withSteps(forgotten)).toThrow(
    'The code of step "page" is undefined. Give a function,',
  );
  const wrong = ((entry: object) => ({ ...entry, step: 5 })) as never;
  expect(() => made.withSteps(wrong)).toThrow(
    'The code of step "page" is number. Give a function,',
  );
});

test('1.11 a step keeps its id, whatever the id of what withSteps() gets back', async () => {
  const flow = new Flow('digest');
  const page = flow.step('page', () => 1, {});
  const made = flow.output({ page: page.out });
  const other = made.withSteps((entry) => ({
    ...entry,
    id: 'other',
    step: defineStep({ run: () => 2 }),
  }));
  expect((await other.complete({})).output).toEqual({ page: 2 });
});

const cached = (calls: string[], name: string) => (params: { readonly n: number }) => {
  calls.push(name);
  return `${name}${params.n}`;
};

test('3.3 other code has a cache and a limit of its own, and so has what it is a step of; a step that stays keeps them', async () => {
  const calls: string[] = [];
  const settings = { cache: {}, concurrency: 1 };
  const within = new FlowBuilder('within')
    .addStep('leaf', cached(calls, 'first'), { n: '{{n}}' }, settings)
    .addStep('kept', cached(calls, 'kept'), { n: '{{n}}' }, settings)
    .setOutput('leaf', 'leaf.return')
    .setOutput('kept', 'kept.return')
    .build();
  const flow = new FlowBuilder('f')
    .addStep('within', within, { n: '{{n}}' }, settings)
    .setOutput('within', 'within.return')
    .build();
  const run = async (each: typeof flow) => (await each.complete({ n: 1 })).output['within'];
  expect(await run(flow)).toEqual({ leaf: 'first1', kept: 'kept1' });
  expect(await run(flow.withSteps((entry) => entry))).toEqual({ leaf: 'first1', kept: 'kept1' });
  expect(calls.toSorted()).toEqual(['first', 'kept']);
  const other = flow.withSteps((entry, path) =>
    path === 'within.leaf'
      ? { ...entry, step: defineStep({ run: cached(calls, 'other') }) }
      : entry,
  );
  expect(await run(other)).toEqual({ leaf: 'other1', kept: 'kept1' });
  expect(await run(flow)).toEqual({ leaf: 'first1', kept: 'kept1' });
  expect(calls.toSorted()).toEqual(['first', 'kept', 'other']);
});
