import { defineStep, each, Flow, type FlowError, type StepContext } from 'millrace';
import { map, Observable, of, type Observable as Stream, timer, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  atOnce,
  chunksOf,
  endings,
  errorOf,
  lines,
  outputOf,
  rejection,
  starts,
  stateOf,
  virtually,
} from '../run/told.ts';

type Item = { ms: number };
const wait = ({ ms }: Item) => timer(ms).pipe(map(() => ms));
const items = (...times: number[]) => times.map((ms) => ({ ms }));

function flowOf<T>(step: T, list: readonly unknown[], settings = {}) {
  const flow = new Flow('list');
  const a = flow.step('a', step as never, { items: list } as never, settings);
  return flow.output({ a: a.out });
}

test('each gives the results in the order of the items, whatever their latency', () => {
  const told = virtually(flowOf(each(wait), items(30, 10, 20)), {});
  expect(outputOf(told)).toEqual({ a: [30, 10, 20] });
  expect(told.events.at(-1)?.t).toBe(30);
});

test('each tells a result as a chunk as soon as those before it are there', () => {
  const told = virtually(flowOf(each(wait), items(20, 10, 30)), {});
  expect(
    told.events.flatMap((event) =>
      event.type === 'STEP_CHUNK' && event.path === 'a' ? [[event.t, event.chunk]] : [],
    ),
  ).toEqual([
    [20, 20],
    [20, 10],
    [30, 30],
  ]);
});

test('each runs all items at once, or as many as its concurrency says, in their order', () => {
  const list = items(10, 10, 10, 10, 10);
  expect(starts(virtually(flowOf(each(wait), list), {}))).toMatchObject({ 'a[0]': 0, 'a[4]': 0 });
  expect(starts(virtually(flowOf(each(wait, { concurrency: 2 }), list), {}))).toEqual({
    a: 0,
    'a[0]': 0,
    'a[1]': 0,
    'a[2]': 10,
    'a[3]': 10,
    'a[4]': 20,
  });
});

test('each of an empty list is an empty list', () => {
  expect(outputOf(atOnce(flowOf(each(wait), []), {}))).toEqual({ a: [] });
});

test('each tells every item at the path of the step with its index', () => {
  const told = atOnce(
    flowOf(
      each(({ ms }: Item) => of(ms, ms + 1)),
      items(1, 2),
    ),
    {},
  );
  expect(lines(told)).toEqual([
    'FLOW_START',
    'STEP_START a',
    'STEP_START a[0]',
    'STEP_CHUNK a[0]',
    'STEP_CHUNK a[0]',
    'STEP_OUTPUT a[0]',
    'STEP_CHUNK a',
    'STEP_START a[1]',
    'STEP_CHUNK a[1]',
    'STEP_CHUNK a[1]',
    'STEP_OUTPUT a[1]',
    'STEP_CHUNK a',
    'STEP_OUTPUT a',
    'FLOW_OUTPUT',
  ]);
  expect(
    told.events.find(({ path, type }) => path === 'a[1]' && type === 'STEP_START'),
  ).toMatchObject({
    stepId: 'a[1]',
    input: { ms: 2 },
  });
  expect(stateOf(told).steps['a[1]']).toMatchObject({ status: 'success', output: 3 });
});

test('each gives an item as one param, the others being the same for all', () => {
  const flow = new Flow<{ names: string[] }>('greet');
  const greet = ({ name, word }: { name: string; word: string }) => `${word} ${name}`;
  const a = flow.step('a', each(greet, { as: 'name' }), { items: flow.input.names, word: 'Hello' });
  expect(outputOf(atOnce(flow.output({ a: a.out }), { names: ['Ada', 'Bob'] }))).toEqual({
    a: ['Hello Ada', 'Hello Bob'],
  });
});

const sometimes = ({ ms }: Item) =>
  timer(ms).pipe(
    map(() => {
      if (ms === 20) throw new Error('no twenty');
      return ms;
    }),
  );

test('each fails with the first failed item, by default, and cancels the others', () => {
  const stopped: number[] = [];
  const step = ({ ms }: Item, { signal }: StepContext) =>
    new Observable<number>((out) => {
      signal.addEventListener('abort', () => stopped.push(ms));
      out.add(sometimes({ ms }).subscribe(out));
    });
  const told = virtually(flowOf(each(step), items(10, 20, 30)), {});
  expect(told.events.at(-1)?.t).toBe(20);
  expect(errorOf(told).errors[0]?.message).toBe('Step "a[1]" failed: no twenty (step-failed)');
  expect(endings(told)).toEqual({ 'a[0]': 'success', 'a[1]': 'failure', a: 'failure' });
  expect(stopped).toContain(30);
  expect(stateOf(told).steps['a[2]']?.status).toBe('cancelled');
});

test('2.2 an item that was cancelled because of another one is told as cancelled when the run succeeds, too', () => {
  const flow = new Flow('side');
  flow.step('a', each(sometimes), { items: items(10, 20, 30) });
  const state = stateOf(virtually(flow.output({}), {}));
  expect(state.status).toBe('success');
  expect(state.steps['a[2]']?.status).toBe('cancelled');
});

test('each with onError skip leaves failed items out, with null it puts null in their place', () => {
  expect(
    outputOf(virtually(flowOf(each(sometimes, { onError: 'skip' }), items(30, 20, 10)), {})),
  ).toEqual({ a: [30, 10] });
  const told = virtually(flowOf(each(sometimes, { onError: 'null' }), items(30, 20, 10)), {});
  expect(outputOf(told)).toEqual({ a: [30, null, 10] });
  expect(endings(told)).toEqual({
    'a[0]': 'success',
    'a[1]': 'failure',
    'a[2]': 'success',
    a: 'success',
  });
});

test('each of a flow runs the flow for every item, its steps under the path of the item', () => {
  const inner = new Flow<{ x: number }>('inner');
  const p = inner.step('p', ({ x }: { x: number }) => timer(x).pipe(map(() => x * 2)), {
    x: inner.input.x,
  });
  const told = virtually(flowOf(each(inner.output({ p: p.out }), { as: 'x' }), [20, 10]), {});
  expect(outputOf(told)).toEqual({ a: [{ p: 40 }, { p: 20 }] });
  expect(endings(told)).toEqual({
    'a[0].p': 'success',
    'a[0]': 'success',
    'a[1].p': 'success',
    'a[1]': 'success',
    a: 'success',
  });
  expect(told.events.find(({ path }) => path === 'a[1].p')?.stepId).toBe('p');
});

test('each in each in a flow', () => {
  const inner = new Flow<{ row: number[] }>('row');
  const cells = inner.step(
    'cells',
    each(({ n }: { n: number }) => n + 1, { as: 'n' }),
    { items: inner.input.row },
  );
  const told = atOnce(
    flowOf(each(inner.output({ cells: cells.out }), { as: 'row' }), [[1, 2], [3]]),
    {},
  );
  expect(outputOf(told)).toEqual({ a: [{ cells: [2, 3] }, { cells: [4] }] });
  expect(endings(told)).toHaveProperty('a[0].cells[1]', 'success');
});

test('each checks what every item gets and gives, and names the item', () => {
  const step = defineStep({
    input: z.object({ n: z.number() }),
    output: z.number().max(5),
    run: ({ n }) => n,
  });
  const params = errorOf(atOnce(flowOf(each(step), [{ n: 1 }, { n: 'x' }]), {})).errors[0];
  expect(params).toMatchObject({ code: 'invalid-params', path: 'a[1]', issues: [{ path: 'n' }] });
  const result = errorOf(atOnce(flowOf(each(step), [{ n: 9 }]), {})).errors[0];
  expect(result).toMatchObject({ code: 'invalid-result', path: 'a[0]' });
});

test('each of something that is neither an array nor a stream fails with the fact', () => {
  const flow = new Flow<{ list: never[] }>('no-list');
  const a = flow.step('a', each(wait), { items: flow.input.list });
  expect(
    errorOf(atOnce(flow.output({ a: a.out }), { list: 'text' as never })).errors[0]?.message,
  ).toContain('must be an array or a stream, not string');
});

test('each with a retry of its own runs all items again; a retry of the item is a flow', () => {
  let calls = 0;
  const step = ({ n }: { n: number }) => {
    calls++;
    if (calls === 2) throw new Error('once');
    return n;
  };
  const told = atOnce(
    flowOf(each(step, { concurrency: 1 }), [{ n: 1 }, { n: 2 }], { retry: { count: 1 } }),
    {},
  );
  expect(outputOf(told)).toEqual({ a: [1, 2] });
  expect(calls).toBe(4);
});

test('each may be read as a stream', () => {
  const flow = new Flow('stream');
  const a = flow.step('a', each(wait), { items: items(20, 10) });
  const b = flow.step('b', ({ source }: { source: Stream<number> }) => source.pipe(toArray()), {
    source: a.chunks as never,
  });
  const told = virtually(flow.output({ b: b.out }), {});
  expect(outputOf(told)).toEqual({ b: [20, 10] });
  expect(chunksOf(told, 'a')).toEqual([20, 10]);
});

test('each of asynchronous steps', async () => {
  const { output } = await flowOf(
    each(async ({ n }: { n: number }) => n * 2, { concurrency: 2 }),
    [{ n: 1 }, { n: 2 }, { n: 3 }],
  ).complete({});
  expect(output).toEqual({ a: [2, 4, 6] });
  const error = (await rejection(
    flowOf(
      each(async ({ n }: { n: number }) => Promise.reject(new Error(`no ${n}`))),
      [{ n: 1 }, { n: 2 }],
    ).complete({}),
  )) as FlowError;
  expect(error.errors.map(({ path }) => path)).toEqual(['a[0]']);
});

test('each refuses options that cannot be', () => {
  for (const concurrency of [0, -1, Number.NaN, 1.5]) {
    expect(() => each(wait, { concurrency })).toThrow('The option "concurrency" of each()');
  }
  expect(() => each(wait, { onError: 'ignore' as never })).toThrow('"onError"');
});
