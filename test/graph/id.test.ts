import { Flow } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { thrown, untyped } from './thrown.ts';

const good = ['a', '_', 'A1', 'a-b', 'a_b', '_9', 'constructor', 'toString', 'x'.repeat(64)];
const bad = [
  '',
  ' ',
  '1a',
  '-a',
  'a.b',
  'a b',
  'ä',
  'a\n',
  'a->b',
  '__proto__',
  '$input',
  'x'.repeat(65),
  'x'.repeat(100_000),
];

test('1.2 a step id is a letter or "_", then letters, digits, "_" or "-", at most 64 characters', () => {
  for (const id of good) new FlowBuilder('f').addStep(id, () => 1);
  for (const id of bad) {
    const error = thrown(() => new FlowBuilder('f').addStep(id, () => 1));
    expect([id, error.code]).toEqual([id, 'invalid-definition']);
    expect(error.message.length).toBeLessThan(300);
  }
});

test('1.2 a flow id is made like a step id', () => {
  for (const id of good) new Flow(id);
  for (const id of bad) expect(thrown(() => new Flow(id)).code).toBe('invalid-definition');
});

test('1.2 a bad id is shown with what an id may be', () => {
  expect(thrown(() => new FlowBuilder('f').addStep('my step', () => 1)).message).toBe(
    'The step id "my step" is not allowed. An id has 1 to 64 letters, digits, "_" or "-", and starts with a letter or "_". (invalid-definition)',
  );
});

test('1.2 an id that is no text is refused, and shown', () => {
  expect(thrown(() => new Flow(untyped(undefined))).message).toContain('The flow id undefined');
  expect(thrown(() => new FlowBuilder('f').addStep(untyped(5), () => 1)).message).toContain(
    'The step id 5 is not allowed',
  );
});

test('1.2 the ends of a link are ids', () => {
  const builder = new FlowBuilder('f').addStep('a', () => 1);
  expect(thrown(() => builder.addLink('a', 'b.c')).code).toBe('invalid-definition');
  expect(thrown(() => builder.addLink('b.c', 'a')).code).toBe('invalid-definition');
  expect(thrown(() => builder.addLink('a', '__proto__')).code).toBe('invalid-definition');
  const flow = new Flow('f');
  const a = flow.step('a', () => 1, {});
  expect(thrown(() => flow.link(a, untyped(undefined))).message).toContain('The step id undefined');
});

test('1.2 an id is unique in its flow', () => {
  const builder = new FlowBuilder('f').addStep('a', () => 1);
  expect(thrown(() => builder.addStep('a', () => 2)).message).toBe(
    'The flow "f" has a step "a" already. Give this one another id, or remove the first. (invalid-definition)',
  );
});

test('1.2 steps that are named like members of objects work', async () => {
  const flow = new FlowBuilder('f')
    .addStep('constructor', ({ n }: { n: number }) => n + 1)
    .setInput('constructor.n', 'valueOf')
    .addStep('toString', ({ n }: { n: number }) => n * 2)
    .setDataMap('toString.n', 'constructor.return')
    .setOutput('hasOwnProperty', 'toString.return')
    .build();
  const { output } = await flow.complete({ valueOf: 3 });
  expect(output).toEqual({ hasOwnProperty: 8 });
});

test('1.2 the path of a step is the ids from the root, joined by dots', async () => {
  const inner = new FlowBuilder('inner').addStep('leaf', () => 1).build();
  const middle = new FlowBuilder('middle').addStep('inner', inner).build();
  const { snapshot } = await new FlowBuilder('f').addStep('middle', middle).build().complete({});
  expect(Object.keys(snapshot.steps).sort()).toEqual([
    'middle',
    'middle.inner',
    'middle.inner.leaf',
  ]);
});
