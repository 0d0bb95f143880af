import { defineStep, Flow, FlowError, MemorySaver } from 'millrace';
import { BehaviorSubject, concat, from, NEVER, of, Subject, throwError } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { kept, short } from './flows.ts';

type Pair = { a: number; b: number };

function sums() {
  const flow = new Flow<Pair>('sums');
  const sum = flow.step('sum', ({ a, b }: Pair) => a + b, {
    a: flow.input.a,
    b: flow.input.b,
  });
  return flow.output({ sum: sum.out });
}
const sumsOf = (values: readonly { sum: number }[]) => values.map(({ sum }) => sum);

test('6.1 an Observable for each input: a version when all have a value, then for each change', () => {
  const [a, b] = [new Subject<number>(), new Subject<number>()];
  const { values, ended } = kept(sums().live({ a, b }).output$);
  a.next(1);
  a.next(2);
  expect(values).toEqual([]);
  b.next(10);
  a.next(3);
  expect(sumsOf(values)).toEqual([12, 13]);
  a.complete();
  expect(ended).toEqual({});
  b.complete();
  expect(ended).toEqual({ complete: true });
});

test('6.1 values beside Observables stay as they are', () => {
  expect(sumsOf(kept(sums().live({ a: of(1, 2), b: 10 }).output$).values)).toEqual([11, 12]);
});

test('6.1 values alone never end: they wait for next()', () => {
  const live = sums().live({ a: 1, b: 10 });
  const { values, ended } = kept(live.output$);
  live.next({ a: 2 });
  expect(sumsOf(values)).toEqual([11, 12]);
  expect(ended).toEqual({});
});

test('6.1 one Observable of inputs: each is an input of its own, and what it lacks is gone', () => {
  const flow = new Flow<{ a: number; b?: number }>('optional');
  const shown = flow.step(
    'shown',
    ({ a, b }: { a: number; b?: number }) => (b === undefined ? { a } : { a, b }),
    {
      a: flow.input.a,
      b: flow.input.b,
    },
  );
  const inputs = from([{ a: 1, b: 2 }, { a: 1 }]);
  expect(kept(flow.output({ shown: shown.out }).live(inputs as never).output$).values).toEqual([
    { shown: { a: 1, b: 2 } },
    { shown: { a: 1 } },
  ]);
});

test('6.1 next() sets several inputs together: one version', () => {
  const live = sums().live({ a: 1, b: 10 });
  const outputs = kept(live.output$);
  const events = kept(live.events$);
  live.next({ a: 2, b: 20 });
  expect(sumsOf(outputs.values)).toEqual([11, 22]);
  expect(events.values.map(short).filter((text) => text.includes('FLOW'))).toEqual([
    '2 FLOW_START ',
    '2 FLOW_OUTPUT ',
  ]);
});

test('6.1 next() before anyone subscribes is kept, and wins over values', () => {
  const live = sums().live({ a: 1, b: 10 });
  live.next({ a: 5 });
  expect(sumsOf(kept(live.output$).values)).toEqual([15]);
});

test('6.1 next() stands in for an Observable that has no value yet, until it has one', () => {
  const a = new Subject<number>();
  const live = sums().live({ a, b: 10 });
  const { values } = kept(live.output$);
  live.next({ a: 1 });
  a.next(2);
  expect(sumsOf(values)).toEqual([11, 12]);
});

test('6.1 what next() has set stays, when another input changes', () => {
  const [a, b] = [new BehaviorSubject(1), new BehaviorSubject(10)];
  const live = sums().live({ a, b });
  const { values } = kept(live.output$);
  live.next({ a: 5 });
  b.next(20);
  expect(sumsOf(values)).toEqual([11, 15, 25]);
});

test('6.1 an input that fails fails the streams, and stops the work', () => {
  const live = sums().live({
    a: concat(
      of(1),
      throwError(() => new Error('gone')),
    ),
    b: 1,
  });
  const { values, ended } = kept(live.output$);
  expect(sumsOf(values)).toEqual([2]);
  expect((ended.error as Error).message).toBe('gone');
});

test('6.6 an input that is not valid is the failure of its version', () => {
  const flow = new Flow<{ n: number }>('typed', { input: z.object({ n: z.number().max(9) }) });
  const twice = flow.step('twice', ({ n }: { n: number }) => n * 2, { n: flow.input.n });
  const n = new Subject<number>();
  const live = flow.output({ twice: twice.out }).live({ n });
  const outputs = kept(live.output$);
  const states = kept(live.state$);
  n.next(1);
  n.next(10);
  expect(states.values.at(-1)?.status).toBe('failure');
  expect(states.values.at(-1)?.error?.code).toBe('invalid-input');
  n.next(2);
  expect(outputs.values).toEqual([{ twice: 2 }, { twice: 4 }]);
  expect(states.values.at(-1)?.status).toBe('success');
});

test('6.1 anything with a subscribe method is an input: a store, a signal, a platform Observable', () => {
  const listeners = new Set<(value: number) => void>();
  const store = {
    subscribe(listener: { next(value: number): void }) {
      const hear = (value: number) => listener.next(value);
      listeners.add(hear);
      hear(1);
      return () => listeners.delete(hear);
    },
  };
  const live = sums().live({ a: store as never, b: 10 });
  const { values, stop } = kept(live.output$);
  for (const hear of listeners) hear(2);
  expect(sumsOf(values)).toEqual([11, 12]);
  stop();
  expect(listeners.size).toBe(0);
});

test('6.1 an asynchronous input schema is refused', () => {
  const later = z.object({ n: z.number().refine(async () => true) });
  const flow = new Flow<{ n: number }>('later', { input: later });
  const step = flow.step('step', ({ n }: { n: number }) => n, { n: flow.input.n });
  const { ended } = kept(flow.output({ n: step.out }).live({ n: 1 }).output$);
  expect(FlowError.is(ended.error, 'invalid-option')).toBe(true);
  expect((ended.error as Error).message).toContain('asynchronous');
});

test('6.1 what is no input is refused at once', () => {
  expect(() => sums().live(3 as never)).toThrow(
    'live() takes an Observable of inputs, or for each input an Observable or a value, not number.',
  );
});

test.each([
  ['saver', new MemorySaver()],
  ['durability', 'sync'],
  ['parentId', 'r1'],
  ['outputs', ['sum']],
  ['onError', 'stop'],
])('6.1 the option "%s" of runs is refused', (name, value) => {
  const flow = sums();
  const refusal = `The option "${name}" is not for the live flow of`;
  expect(() => flow.live({ a: 1, b: 2 }, { [name]: value })).toThrow(refusal);
  expect(() => flow.with({ [name]: value }).live({ a: 1, b: 2 })).toThrow(refusal);
});

test('6.1 options that cannot be are refused as those of runs', () => {
  expect(() => sums().live({ a: 1, b: 2 }, { concurrency: 0 })).toThrow('"concurrency"');
});

test('6.1 the option "signal" ends it as stop() does', () => {
  const stop = new AbortController();
  const live = sums().live({ a: NEVER, b: 1 }, { signal: stop.signal });
  const { ended } = kept(live.output$);
  stop.abort();
  expect(ended).toEqual({ complete: true });
  expect(kept(live.output$).ended).toEqual({ complete: true });
});

test('6.1 a name that is no input is refused where it is written, and nothing is set', () => {
  const message =
    'The input of flow "sums" is not valid: (invalid-input)\n  - c: is no input of the flow. It takes: a, b';
  expect(() => sums().live({ a: 1, c: of(2) } as never)).toThrow(message);
  const live = sums().live({ a: 1, b: 10 });
  const { values } = kept(live.output$);
  expect(() => live.next({ a: 2, c: 3 } as never)).toThrow(message);
  expect(() => live.next(5 as never)).toThrow('expected an object with the inputs (a, b), not 5');
  live.next({ b: 20 });
  expect(sumsOf(values)).toEqual([11, 21]);
});

test('6.1 of a flow with thousands of inputs a message names some', () => {
  const flow = new Flow<Record<string, number>>('wide');
  const steps = Array.from({ length: 1000 }, (_, i) =>
    flow.step(`s${i}`, ({ x }: { x: number }) => x, { x: flow.input[`x${i}`] as never }),
  );
  const wide = flow.output({ last: steps.at(-1)?.out });
  expect(() => wide.live({ y: 1 } as never)).toThrow(/It takes: x0, x1, .* and 980 more/);
});

test('6.1 a schema of one input that refuses a value by and by leaves no rejection that nobody catches', async () => {
  const small = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) =>
        Number(value) < 5 ? { value } : Promise.resolve({ issues: [{ message: 'too large' }] }),
    },
  } as const;
  const input = {
    shape: { n: small },
    '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
  } as const;
  const flow = new Flow<{ n: number }>('late');
  const same = defineStep({ input, run: (params: unknown) => params });
  flow.step('same', same, { n: flow.input.n });
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.on('unhandledRejection', note);
  const n$ = new Subject<number>();
  const subscription = flow
    .output({})
    .live({ n: n$ })
    .events$.subscribe({ error: () => {} });
  for (const n of [1, 2, 9]) n$.next(n);
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off('unhandledRejection', note);
  subscription.unsubscribe();
  expect(uncaught).toEqual([]);
});
