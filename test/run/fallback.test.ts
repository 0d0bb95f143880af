import {
  defineStep,
  Flow,
  type FlowError,
  MemorySaver,
  question,
  runStep,
  type StepOptions,
} from 'millrace';
import { merge, NEVER, of } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  after,
  atOnce,
  chunksOf,
  endings,
  errorOf,
  failing,
  inVirtualTime,
  lines,
  listen,
  outputOf,
  virtually,
} from './told.ts';

function flowOf(options: StepOptions<unknown>, handler: () => unknown = failing('boom')) {
  const flow = new Flow('fallback');
  const a = flow.step('a', handler, { x: 1 } as never, options);
  return flow.output({ a: a.out as never });
}

test.each([['text'], [0], [null], [false], [undefined], [[1]], [{ a: 1 }]])(
  '3.3 fallback: %j stands in when the step has failed',
  (fallback) => {
    expect((outputOf(atOnce(flowOf({ fallback }), {})) as { a: unknown }).a).toEqual(fallback);
  },
);

test('3.3 fallback: a function gets the error that was thrown, and the params', () => {
  const seen: unknown[] = [];
  const told = atOnce(
    flowOf({
      fallback: (error: unknown, params: unknown) => {
        seen.push((error as Error).message, params);
        return 'plan B';
      },
    }),
    {},
  );
  expect(outputOf(told)).toEqual({ a: 'plan B' });
  expect(seen).toEqual(['boom', { x: 1 }]);
  expect(endings(told)).toEqual({ a: 'success' });
});

test('3.3 fallback: a function may take its time, and may stream', async () => {
  expect(await flowOf({ fallback: async () => 'later' }).complete({})).toMatchObject({
    output: { a: 'later' },
  });
  const told = atOnce(flowOf({ fallback: () => of('x', 'y') }), {});
  expect(outputOf(told)).toEqual({ a: 'y' });
  expect(chunksOf(told, 'a')).toEqual(['x', 'y']);
});

test('3.3 fallback: a step that had no place in time starts before its fallback tells anything', () => {
  const flow = new Flow('crowded');
  flow.step('a', after(50, 'a'), {});
  const b = flow.step(
    'b',
    after(50, 'b'),
    {},
    { timeout: { total: 10 }, fallback: () => of('x', 'y') },
  );
  flow.step('c', ({ words }) => words, { words: b.chunks });
  const told = virtually(flow.output({}), {}, { concurrency: 1 });
  expect(lines(told).filter((line) => !line.endsWith(' a'))).toEqual([
    'FLOW_START',
    'STEP_START b',
    'STEP_START c',
    'STEP_CHUNK b',
    'STEP_CHUNK c',
    'STEP_CHUNK b',
    'STEP_CHUNK c',
    'STEP_OUTPUT b',
    'STEP_OUTPUT c',
    'FLOW_OUTPUT',
  ]);
});

test('3.3 fallback: a function that throws fails the step with its own error', () => {
  const told = atOnce(
    flowOf({
      fallback: () => {
        throw new Error('no plan B');
      },
    }),
    {},
  );
  expect(errorOf(told).errors[0]?.message).toContain('no plan B');
});

test('3.3 fallback: only when all attempts have failed', () => {
  let attempt = 0;
  const flow = flowOf({ fallback: 'B', retry: { count: 3 } }, () => {
    if (++attempt < 3) throw new Error('again');
    return 'A';
  });
  expect(outputOf(atOnce(flow, {}))).toEqual({ a: 'A' });
  attempt = -10;
  expect(outputOf(atOnce(flow, {}))).toEqual({ a: 'B' });
});

test('3.3 fallback: after a timeout it gets the timeout', () => {
  const flow = flowOf(
    { timeout: { total: 10 }, fallback: (error: unknown) => (error as FlowError).code },
    () => NEVER,
  );
  const told = virtually(flow, {});
  expect(outputOf(told)).toEqual({ a: 'step-timeout' });
  expect(told.events.at(-1)?.t).toBe(10);
});

test('3.3 fallback: its result must satisfy the output schema, too', () => {
  const flow = new Flow('checked');
  const step = defineStep({
    output: z.number(),
    run: (): number => {
      throw new Error('x');
    },
  });
  const good = flow.step('good', step, {}, { fallback: 7 });
  flow.step('bad', step, {}, { fallback: () => 'text' });
  const told = atOnce(flow.output({ good: good.out }), {});
  expect(outputOf(told)).toEqual({ good: 7 });
  expect(endings(told)).toEqual({ good: 'success', bad: 'failure' });
});

test('3.3 fallback: the value of the author is not touched, and what others get is frozen', () => {
  const fallback = { list: [1] };
  const output = outputOf(atOnce(flowOf({ fallback }), {})) as { a: typeof fallback };
  expect(Object.isFrozen(output.a.list)).toBe(true);
});

test('3.3 fallback: a step that succeeds does not call it', () => {
  let calls = 0;
  const told = virtually(flowOf({ fallback: () => ++calls }, after(5, 'A')), {});
  expect(outputOf(told)).toEqual({ a: 'A' });
  expect(calls).toBe(0);
});

test('5.11 a fallback that takes its time goes on beside a question that its step had put, and the run is not suspended', async () => {
  const ask = question({ answer: z.number() });
  const down = defineStep({ run: () => Promise.reject(new Error('down')) });
  const flow = new Flow('both');
  const both = flow.step(
    'both',
    (_, context) => merge(runStep(ask, {}, context, 'ask'), runStep(down, {}, context, 'down')),
    {},
    { fallback: () => new Promise<unknown>((resolve) => setTimeout(() => resolve('later'), 10)) },
  );
  const run = flow.output({ both: both.out }).complete({}, { saver: new MemorySaver() });
  expect((await run).output).toEqual({ both: 'later' });
});

test('3.3, 3.5 a fallback is not asked for when the run has ended, as the step gave up its place', () => {
  const flow = new Flow('places');
  let asked = 0;
  const fallback = () => ++asked;
  flow.step('a', () => NEVER, {}, { timeout: { attempt: 5 }, fallback });
  flow.step('b', failing('bad'), {});
  const run = inVirtualTime(() => flow.output({}).start({}, { concurrency: 1, onError: 'stop' }));
  expect(asked).toBe(0);
  const told = listen(run.events$);
  expect(told.isComplete).toBe(true);
  expect(lines(told)).toEqual([
    'FLOW_START',
    'STEP_START a',
    'STEP_START b',
    'STEP_OUTPUT b',
    'FLOW_ERROR',
  ]);
});
