import { each, Flow, FlowError, MemorySaver, question, type Restart } from 'millrace';
import {
  concat,
  interval,
  map,
  type Observable,
  of,
  Subject,
  take,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  chunksOf,
  endings,
  errorOf,
  inVirtualTime,
  outputOf,
  rejection,
  starts,
  virtually,
} from '../run/told.ts';

const slow = ({ ms }: { ms: number }) => timer(ms).pipe(map(() => ms));
const waits = (...times: number[]) => times.map((ms) => ({ ms }));

/** `a` tells an item every 10 ms, and `b` runs a step for each. */
function flowOf<B>(step: B, list: readonly unknown[], settings = {}) {
  const flow = new Flow('streamed');
  const a = flow.step(
    'a',
    () =>
      interval(10).pipe(
        take(list.length),
        map((i) => list[i]),
      ),
    {},
    settings,
  );
  const b = flow.step('b', step as never, { items: a.chunks } as never);
  return flow.output({ b: b.out });
}

test('2.12 each over a stream takes an item up as soon as it comes', () => {
  const told = virtually(flowOf(each(slow), waits(5, 5, 5)), {});
  expect(starts(told)).toEqual({ a: 0, b: 0, 'b[0]': 10, 'b[1]': 20, 'b[2]': 30 });
  expect(outputOf(told)).toEqual({ b: [5, 5, 5] });
  expect(told.events.at(-1)?.t).toBe(35);
});

test('2.12 each over a stream gives the results in the order of the items, as chunks too', () => {
  const told = virtually(flowOf(each(slow), waits(50, 5, 20)), {});
  expect(outputOf(told)).toEqual({ b: [50, 5, 20] });
  expect(
    told.events.flatMap((event) =>
      event.type === 'STEP_CHUNK' && event.path === 'b' ? [[event.t, event.chunk]] : [],
    ),
  ).toEqual([
    [60, 50],
    [60, 5],
    [60, 20],
  ]);
});

test('each over a stream has at most `concurrency` items at work; the others wait', () => {
  const told = virtually(flowOf(each(slow, { concurrency: 1 }), waits(25, 25, 25)), {});
  expect(starts(told)).toMatchObject({ 'b[0]': 10, 'b[1]': 35, 'b[2]': 60 });
  expect(outputOf(told)).toEqual({ b: [25, 25, 25] });
});

test('each over a stream without items is an empty list', () => {
  const flow = new Flow('nothing');
  const a = flow.step('a', async function* () {}, {});
  const b = flow.step('b', each(slow), { items: a.chunks as never });
  return expect(flow.output({ b: b.out }).complete({})).resolves.toMatchObject({
    output: { b: [] },
  });
});

test('2.12 each over a stream whose source fails, fails, and cancels what is at work', () => {
  const flow = new Flow('broken');
  const a = flow.step(
    'a',
    () => concat(of({ ms: 5 }), timer(10).pipe(map(() => ({ ms: 50 }))), failing(10)),
    {},
  );
  flow.step('b', each(slow), { items: a.chunks });
  const told = virtually(flow.output({}), {});
  expect(endings(told)).toEqual({ 'b[0]': 'success', a: 'failure', b: 'failure' });
  expect(told.events.at(-1)?.t).toBe(20);
});

const failing = (ms: number) =>
  concat(
    timer(ms).pipe(map((): never => undefined as never)),
    throwError(() => new Error('gone')),
  ).pipe(
    map((): { ms: number } => {
      throw new Error('gone');
    }),
  );

test('each over a stream: an item that fails fails the step, is left out, or is null', () => {
  const odd = ({ ms }: { ms: number }) =>
    timer(ms).pipe(
      map(() => {
        if (ms === 7) throw new Error('no seven');
        return ms;
      }),
    );
  const list = waits(3, 7, 5);
  const failed = virtually(flowOf(each(odd), list), {});
  expect(errorOf(failed).errors.map(({ path }) => path)).toEqual(['b[1]']);
  expect(failed.events.find(({ type, path }) => type === 'STEP_OUTPUT' && path === 'b')?.t).toBe(
    27,
  );
  expect(outputOf(virtually(flowOf(each(odd, { onError: 'skip' }), list), {}))).toEqual({
    b: [3, 5],
  });
  expect(outputOf(virtually(flowOf(each(odd, { onError: 'null' }), list), {}))).toEqual({
    b: [3, null, 5],
  });
});

test('2.12 where the source is tried again each begins anew with it, and its readers are told so', () => {
  let attempt = 0;
  const flow = new Flow('again');
  const a = flow.step(
    'a',
    () =>
      ++attempt === 1 ? concat(of({ ms: 1 }, { ms: 100 }), failing(20)) : of({ ms: 2 }, { ms: 3 }),
    {},
    { retry: { count: 1, delay: 5 } },
  );
  const b = flow.step('b', each(slow), { items: a.chunks });
  const c = flow.step(
    'c',
    ({ results }: { results: Observable<number | Restart> }) =>
      results.pipe(
        map((result) => (typeof result === 'number' ? result : 'anew')),
        toArray(),
      ),
    { results: b.chunks as never },
  );
  const told = virtually(flow.output({ b: b.out, c: c.out }), {});
  expect(outputOf(told)).toEqual({ b: [2, 3], c: [1, 'anew', 2, 3] });
  expect(chunksOf(told, 'b')).toEqual([1, 2, 3]);
});

test('5.11 an item that was given up with its attempt is not taken for one at work: the run suspends when only questions are left', async () => {
  let attempt = 0;
  const inner = new Flow<{ n: number }>('inner');
  const p = inner.step(
    'p',
    async ({ n }: { n: number }) => (n === 1 ? new Promise<number>(() => undefined) : n),
    { n: inner.input.n },
  );
  const ask = inner.step('ask', question({ answer: z.boolean() }), { n: p.out });
  const flow = new Flow('asks');
  const a = flow.step(
    'a',
    () =>
      (++attempt === 1 ? concat(of({ n: 1 }), failing(1)) : of({ n: 2 })) as Observable<{
        n: number;
      }>,
    {},
    { retry: { count: 1 } },
  );
  const b = flow.step('b', each(inner.output({ ask: ask.out })), { items: a.chunks });
  const compiled = flow.output({ b: b.out }).with({ saver: new MemorySaver() });
  const error = await rejection(compiled.complete({}));
  expect(FlowError.is(error, 'suspended')).toBe(true);
});

test('each over a stream gives an item as one param, the others being the same for all', async () => {
  const flow = new Flow<{ word: string }>('words');
  const names = flow.step(
    'names',
    function* () {
      yield 'Ada';
      yield 'Bob';
    },
    {},
  );
  const greet = ({ name, word }: { name: string; word: string }) => `${word} ${name}`;
  const all = flow.step('all', each(greet, { as: 'name' }), {
    items: names.chunks,
    word: flow.input.word,
  });
  const { output } = await flow.output({ all: all.out }).complete({ word: 'Hello' });
  expect(output).toEqual({ all: ['Hello Ada', 'Hello Bob'] });
});

test('3.5 cancelling a run stops the items at work, and the stream they come from', () => {
  inVirtualTime(() => {
    const stopped: number[] = [];
    const flow = new Flow('cancelled');
    const items$ = new Subject<{ n: number }>();
    const a = flow.step('a', () => items$, {});
    const step = ({ n }: { n: number }, { signal }: { signal: AbortSignal }) =>
      new Promise<number>(() => signal.addEventListener('abort', () => stopped.push(n)));
    flow.step('b', each(step), { items: a.chunks });
    const subscription = flow.output({}).run({}).subscribe();
    items$.next({ n: 1 });
    items$.next({ n: 2 });
    subscription.unsubscribe();
    expect(stopped).toEqual([1, 2]);
    expect(items$.observed).toBe(false);
  });
});

test('5.9 resumed, each over a stream runs no item again that had ended, and none in the place of another one', async () => {
  let broken = true;
  let list = [1, 2];
  const calls: number[] = [];
  const flow = new Flow('resumed');
  const a = flow.step(
    'a',
    async function* () {
      for (const n of list) yield { n };
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (broken) throw new Error('down');
    },
    {},
  );
  const b = flow.step(
    'b',
    each(({ n }: { n: number }) => calls.push(n) && n * 10),
    { items: a.chunks },
  );
  const compiled = flow.output({ b: b.out }).with({ saver: new MemorySaver() });
  const run = compiled.start({});
  await rejection(run.result);
  expect(calls).toEqual([1, 2]);
  broken = false;
  list = [1, 3];
  expect(await compiled.resume(run.id).result).toEqual({ b: [10, 30] });
  expect(calls).toEqual([1, 2, 3]);
});
