import { each, Flow } from 'millrace';
import { finalize, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { atOnce, inVirtualTime, listen, outputOf, starts, type Told, virtually } from './told.ts';

test('3.3 concurrency: so many attempts of a step at once, over all runs of the process', () => {
  let atWork = 0;
  let most = 0;
  const flow = new Flow('limited');
  flow.step(
    'a',
    () => {
      most = Math.max(most, ++atWork);
      return timer(10).pipe(finalize(() => atWork--));
    },
    {},
    { concurrency: 2 },
  );
  const compiled = flow.output({});
  const told: Told[] = inVirtualTime(() =>
    Array.from({ length: 6 }, () => listen(compiled.run({}))),
  );
  expect(most).toBe(2);
  expect(told.map((each) => starts(each)['a'])).toEqual([0, 0, 10, 10, 20, 20]);
  expect(told.every(({ isComplete }) => isComplete)).toBe(true);
});

test('3.3 concurrency: a flow that is compiled twice, or used twice as a step, has one limit', () => {
  const inner = new Flow('inner');
  inner.step('a', () => timer(10), {}, { concurrency: 1 });
  const compiled = inner.output({});
  const flow = new Flow('outer');
  flow.step('s1', compiled, {});
  flow.step('s2', compiled, {});
  expect(starts(virtually(flow.output({}), {}))).toMatchObject({ 's1.a': 0, 's2.a': 10 });
});

test('3.3 concurrency: a cancelled run gives its place back, and its place in the queue', () => {
  const flow = new Flow('cancelled');
  flow.step('a', () => timer(100), {}, { concurrency: 1 });
  const compiled = flow.output({});
  inVirtualTime(() => {
    const first = compiled.start({});
    const second = compiled.start({});
    const third = listen(compiled.run({}));
    second.cancel();
    timer(10).subscribe(() => first.cancel());
    timer(10).subscribe(() => expect(starts(third)).toEqual({ a: 10 }));
  });
});

test('3.4 a step that waits for its retry holds no place', () => {
  let count = 0;
  const flow = new Flow<{ id: string }>('waiting');
  flow.step(
    'a',
    ({ id }: { id: string }) => {
      if (id === 'first' && ++count === 1) throw new Error('again');
      return timer(10);
    },
    { id: flow.input.id },
    { concurrency: 1, retry: { count: 1, delay: 100 } },
  );
  const compiled = flow.output({});
  const [first, second] = inVirtualTime(() => [
    listen(compiled.run({ id: 'first' })),
    listen(compiled.run({ id: 'second' })),
  ]);
  expect(starts(second as Told)).toEqual({ a: 0 });
  expect(first?.events.at(-1)?.t).toBe(110);
});

test('3.3 concurrency: a step that fails, times out or is skipped gives its place back', () => {
  let count = 0;
  const flow = new Flow('failing');
  const a = flow.step(
    'a',
    () => {
      if (++count === 1) throw new Error('sync');
      return timer(count === 2 ? 1000 : 5);
    },
    {},
    { concurrency: 1, timeout: { attempt: 50 }, fallback: 'B' },
  );
  const compiled = flow.output({ a: a.out });
  const told = inVirtualTime(() => [1, 2, 3].map(() => listen(compiled.run({}))));
  expect(told.map((each) => outputOf(each))).toEqual([{ a: 'B' }, { a: 'B' }, { a: 0 }]);
  expect(told.map((each) => starts(each)['a'])).toEqual([0, 0, 50]);
});

test('3.3 concurrency of a step and of its run hold together', () => {
  const flow = new Flow('both');
  for (const id of ['a', 'b', 'c', 'd'])
    flow.step(id, () => timer(10), {}, id < 'c' ? { concurrency: 1 } : {});
  expect(starts(virtually(flow.output({}), {}, { concurrency: 3 }))).toEqual({
    a: 0,
    b: 0,
    c: 0,
    d: 10,
  });
});

test('3.3 concurrency: synchronous steps pass one after the other, any number', () => {
  const flow = new Flow('sync');
  const a = flow.step('a', () => 1, {}, { concurrency: 1 });
  const compiled = flow.output({ a: a.out });
  const all = new Flow('all');
  const list = all.step('list', each(compiled), {
    items: Array.from({ length: 5000 }, () => ({})),
  });
  expect(
    (outputOf(atOnce(all.output({ list: list.out.length }), {})) as { list: number }).list,
  ).toBe(5000);
});
