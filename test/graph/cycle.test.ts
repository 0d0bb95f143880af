import { eq, Flow, repeat } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { expect, test } from 'vitest';
import { thrown } from './thrown.ts';

const step = () => 1;
const chain = () =>
  new FlowBuilder('f')
    .addStep('a', step)
    .addStep('b', step)
    .addStep('c', step)
    .addLink('a', 'b')
    .setDataMap('c.x', 'b.return')
    .setOutput('c', 'c.return');

/** Says the cycle, and leaves the builder exactly as it was. */
function refuses(builder: FlowBuilder, work: () => unknown, cycle: string): void {
  const seen = () =>
    JSON.stringify([builder.build(), builder.steps, builder.links, builder.data, builder.outputs]);
  const before = seen();
  const { code, message } = thrown(work);
  expect(code).toBe('cycle');
  expect(message).toBe(
    `These steps of "${builder.id}" would wait for each other for ever: ${cycle}. Remove one of the links; a loop is written with repeat(). (cycle)`,
  );
  expect(seen()).toBe(before);
  // Nor is anything left behind that would refuse what is allowed.
  builder.addStep('d', step).addLink('c', 'd').build();
}

test('1.5 a link that would close a cycle is refused and changes nothing', () => {
  const builder = chain();
  refuses(builder, () => builder.addLink('c', 'a'), 'c → a → b → c');
});

test('1.5 a link from a step to itself is a cycle', () => {
  const builder = chain();
  refuses(builder, () => builder.addLink('b', 'b'), 'b → b');
});

test('1.5 a map that would close a cycle is refused and changes nothing', () => {
  const builder = chain().setDataValue('a.y', 1);
  refuses(builder, () => builder.setDataMap('a.y', 'c.return.x'), 'c → a → b → c');
  expect(builder.data['a.y']).toEqual({ value: 1 });
});

test('1.5 a template that would close a cycle is refused and changes nothing', () => {
  const builder = chain();
  refuses(builder, () => builder.setDataValue('a.y', { z: ['{{c.return}}!'] }), 'c → a → b → c');
});

test('1.5 a param that reads the result of its own step is a cycle', () => {
  const builder = chain();
  refuses(builder, () => builder.setDataMap('b.self', 'b.return'), 'b → b');
});

test('1.5 the condition of a link that would close a cycle is refused and changes nothing', () => {
  const builder = chain();
  const when = { op: 'eq', left: { key: 'c.return' }, right: 1 } as const;
  refuses(builder, () => builder.addLink('a', 'b', { when }), 'c → b → c');
});

test('1.5 the condition of a step that would close a cycle is refused and changes nothing', () => {
  const builder = new FlowBuilder('f').addStep('b', step).setDataMap('b.x', 'a.return');
  const when = { op: 'exists', left: { key: 'b.return' } } as const;
  const { code, message } = thrown(() => builder.addStep('a', step, {}, { when }));
  expect(code).toBe('cycle');
  expect(message).toContain(': b → a → b.');
  expect(Object.keys(builder.steps)).toEqual(['b']);
  expect(Object.keys(builder.addStep('a', step).build().links)).toEqual(['a->b']);
});

test('1.5 a step whose params would close a cycle is not added', () => {
  const builder = new FlowBuilder('f').addStep('b', step).setDataMap('b.x', 'a.return');
  expect(thrown(() => builder.addStep('a', step, { y: '{{b.return}}' })).code).toBe('cycle');
  expect(Object.keys(builder.steps)).toEqual(['b']);
  expect(Object.keys(builder.data)).toEqual(['b.x']);
});

test('1.5 a typed flow refuses a cycle of links', () => {
  const flow = new Flow('f');
  const a = flow.step('a', step, {});
  const b = flow.step('b', step, {}, { after: [a] });
  expect(thrown(() => flow.link(b, a)).message).toContain(': b → a → b.');
  expect(thrown(() => flow.link('a', 'a')).message).toContain(': a → a.');
  expect(thrown(() => flow.link(a, b, { when: eq(b.out, 1) })).message).toContain(': b → b.');
  expect(Object.keys(flow.output({}).links)).toEqual(['a->b']);
});

test('1.5 a link that was removed no longer counts for a cycle', () => {
  const builder = chain().removeLink('a->b').addLink('c', 'a');
  expect(Object.keys(builder.build().links).sort()).toEqual(['b->c', 'c->a']);
  expect(thrown(() => builder.addLink('a', 'b')).code).toBe('cycle');
});

test('1.5 data that was removed or bound anew no longer counts for a cycle', () => {
  const removed = chain().removeData('c.x').addLink('c', 'a');
  expect(Object.keys(removed.build().links).sort()).toEqual(['a->b', 'c->a']);
  const bound = chain().setDataValue('c.x', 1).addLink('c', 'a');
  expect(Object.keys(bound.build().links).sort()).toEqual(['a->b', 'c->a']);
});

test('1.5 a step that was removed no longer counts for a cycle, and counts again when it is back', () => {
  const builder = chain().removeStep('b').addLink('c', 'a').addStep('b', step);
  expect(thrown(() => builder.addLink('a', 'b')).message).toContain(': a → b → c → a.');
});

test('1.5 a map with autolink off closes no cycle by itself', () => {
  const builder = chain().setDataMap('a.y', 'c.return', { autolink: false });
  // It can never be there in time, so the flow does not compile.
  expect(thrown(() => builder.build()).message).toContain('reads "c.return" with autolink off');
});

test('1.5 a long cycle is shown by its ends', () => {
  const builder = new FlowBuilder('f');
  for (let i = 0; i < 1000; i++) builder.addStep(`s${i}`, step);
  for (let i = 1; i < 1000; i++) builder.addLink(`s${i - 1}`, `s${i}`);
  const { message } = thrown(() => builder.addLink('s999', 's0'));
  expect(message).toContain('s999 → s0 → s1 → s2');
  expect(message).toContain('s8 → s9 → … → s990 → s991');
  expect(message.length).toBeLessThan(400);
});

test('1.5 a loop is written with repeat', async () => {
  const flow = new Flow('f');
  const grow = flow.step(
    'grow',
    repeat(({ n }: { n: number }) => ({ n: n * 2 }), { while: ({ n }) => n < 50, max: 10 }),
    { n: 3 },
  );
  expect((await flow.output({ n: grow.out.n }).complete({})).output).toEqual({ n: 96 });
});

test('1.5 what a step reads no more closes no cycle: bound anew, by the step itself, or by another map', () => {
  const step = (params: unknown) => params;
  const builder = new FlowBuilder('f')
    .setDataMap('b.x', 'a.return')
    .addStep('b', step, { x: '{{c.return}}' })
    .addStep('a', step, { x: '{{b.return}}' })
    .addStep('c', step)
    .setDataMap('b.x', 'd.return')
    .addStep('d', step)
    .setDataMap('c.x', 'a.return');
  expect(Object.keys(builder.build().links)).toEqual(['d->b', 'b->a', 'a->c']);
});
