import { defineStep, each, Flow, orElse } from 'millrace';
import { of } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { atOnce, endings, errorOf, listen, outputOf } from './told.ts';

type Data = { list: number[]; deep: { n: number } };
const data = (): Data => ({ list: [1], deep: { n: 1 } });

test('2.13 a step that changes its params gets an error; its siblings, the caller and the events see nothing of it', () => {
  const flow = new Flow<{ data: Data }>('params');
  const source = flow.step('source', ({ data }: { data: Data }) => data, { data: flow.input.data });
  const bad = flow.step(
    'bad',
    ({ data }: { data: Data }) => {
      data.list.push(2);
    },
    { data: source.out },
  );
  const good = flow.step('good', ({ data }: { data: Data }) => data.list.length, {
    data: source.out,
  });
  const mine = data();
  const told = atOnce(flow.output({ bad: orElse(bad.out, 'failed'), good: good.out }), {
    data: mine,
  });
  expect(endings(told)).toEqual({ source: 'success', bad: 'failure', good: 'success' });
  expect(mine).toEqual(data());
  expect(outputOf(told)).toEqual({ bad: 'failed', good: 1 });
  const failed = told.events.find(({ type, path }) => type === 'STEP_OUTPUT' && path === 'bad');
  expect(failed).toMatchObject({
    input: { data: data() },
    error: { cause: { name: 'TypeError' } },
  });
});

test('2.13 the input of a run stays as it was when it began, whatever its owner does; the owner may go on changing it', () => {
  const flow = new Flow<{ data: Data }>('input');
  const a = flow.step('a', ({ data }: { data: Data }) => data.deep.n, { data: flow.input.data });
  const mine = data();
  const run = flow.output({ a: a.out, data: flow.input.data }).start({ data: mine });
  mine.deep.n = 77;
  mine.list.push(77);
  expect(run.getSnapshot().output).toEqual({ a: 1, data: data() });
  expect(Object.isFrozen(mine.deep)).toBe(false);
});

test('2.13 a literal of the author is copied: what becomes of it later does not reach the flow', () => {
  const literal = data();
  const flow = new Flow('literal');
  const a = flow.step('a', ({ data }: { data: Data }) => data.deep.n, { data: literal });
  literal.deep.n = 77;
  const compiled = flow.output({ a: a.out });
  literal.deep.n = 78;
  expect(outputOf(atOnce(compiled, {}))).toEqual({ a: 1 });
});

test('2.13 what a step returned, emitted or threw cannot be changed by itself afterwards', () => {
  const mine = data();
  const flow = new Flow('result');
  const a = flow.step('a', () => mine, {});
  const b = flow.step('b', () => of(mine), {});
  outputOf(atOnce(flow.output({ a: a.out, b: b.out }), {}));
  expect(() => mine.list.push(2)).toThrow(TypeError);
});

test('2.13 steps inside each and flows are isolated, too', () => {
  const push = ({ data }: { data: Data }) => data.list.push(1);
  const inner = new Flow<{ data: Data }>('inner');
  inner.step('push', push, { data: inner.input.data });
  const flow = new Flow<{ data: Data }>('below');
  flow.step('sub', inner.output({}), { data: flow.input.data });
  flow.step('apart', inner.output({}), { data: flow.input.data }, { timeout: { total: 1000 } });
  flow.step('list', each(push, { onError: 'null' }), { items: [{ data: data() }] });
  flow.step('next', ({ data }: { data: Data }) => data.list.length, { data: flow.input.data });
  const mine = data();
  const told = atOnce(flow.output({}), { data: mine });
  expect(endings(told)).toMatchObject({
    'sub.push': 'failure',
    'apart.push': 'failure',
    'list[0]': 'failure',
    next: 'success',
  });
  expect(mine).toEqual(data());
});

test('2.13 what a schema makes is frozen, too', () => {
  const step = defineStep({
    input: z.object({ list: z.array(z.number()).default([1]) }),
    run: ({ list }) => list.push(2),
  });
  const flow = new Flow('made');
  const a = flow.step('a', step, {});
  expect(errorOf(atOnce(flow.output({ a: a.out }), {})).errors[0]?.cause).toBeInstanceOf(TypeError);
});

test('2.13 the state cannot be changed', () => {
  const flow = new Flow('state');
  flow.step('a', () => data(), {});
  const run = flow.output({}).start({});
  const state = run.getSnapshot() as unknown as { status: string; steps: { a: { output: Data } } };
  expect(() => {
    state.status = 'mine';
  }).toThrow(TypeError);
  expect(() => state.steps.a.output.list.push(2)).toThrow(TypeError);
  expect(listen(run.events$).events.every((event) => Object.isFrozen(event))).toBe(true);
});

test('2.13 class instances, Maps and typed arrays are passed by reference', () => {
  const map = new Map([[1, 2]]);
  const bytes = new Uint8Array([1]);
  const flow = new Flow('references');
  const a = flow.step('a', () => ({ map, bytes }), {});
  const b = flow.step(
    'b',
    (params: { map: Map<number, number>; bytes: Uint8Array }) =>
      params.map === map && params.bytes === bytes,
    {
      map: a.out.map as never,
      bytes: a.out.bytes as never,
    },
  );
  expect(outputOf(atOnce(flow.output({ b: b.out }), {}))).toEqual({ b: true });
});
