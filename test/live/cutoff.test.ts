import { Flow } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { of, Subject } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { kept } from './flows.ts';

type Page = { title: string; body: string };

test('6.3 only what depends on the change runs', () => {
  const calls: string[] = [];
  const flow = new Flow<{ x: number; y: number }>('branches');
  const called = <T>(name: string, value: T) => {
    calls.push(name);
    return value;
  };
  const a = flow.step('a', ({ x }: { x: number }) => called('a', x), { x: flow.input.x });
  const b = flow.step('b', ({ y }: { y: number }) => called('b', y), { y: flow.input.y });
  const c = flow.step('c', ({ a, b }: { a: number; b: number }) => called('c', a + b), {
    a: a.out,
    b: b.out,
  });
  const live = flow.output({ c: c.out }).live({ x: 1, y: 1 });
  const { values } = kept(live.output$);
  calls.length = 0;
  live.next({ y: 2 });
  expect(calls).toEqual(['b', 'c']);
  live.next({ y: 2 });
  expect(calls).toEqual(['b', 'c']);
  expect(values).toEqual([{ c: 2 }, { c: 3 }]);
});

test('6.3 of an input that is no object nobody knows what has changed: steps run whose params have', () => {
  const flow = new Flow('texts', { input: z.string() });
  const calls: string[] = [];
  const a = flow.step('a', ({ text }: { text: string }) => text.length, { text: flow.input });
  const b = flow.step('b', ({ n }: { n: number }) => calls.push(`b ${n}`), { n: a.out });
  const c = flow.step('c', ({ n }: { n: number }) => calls.push(`c ${n}`), { n: b.out });
  const { values } = kept(flow.output({ c: c.out }).live(of('one', 'two', 'three')).output$);
  expect(calls).toEqual(['b 3', 'c 1', 'b 5', 'c 3']);
  expect(values).toEqual([{ c: 2 }, { c: 4 }]);
});

test('6.3 of 1 000 steps exactly those run that a change leads to', () => {
  const calls: number[] = [];
  const flow = new Flow<Record<string, number>>('wide');
  const sums = Array.from({ length: 100 }, (_, i) => {
    let ref = (flow.input as unknown as Record<string, never>)[`i${i}`];
    for (let j = 0; j < 10; j++) {
      const id = i * 10 + j;
      ref = flow.step(
        `s${id}`,
        ({ n }: { n: number }) => {
          calls.push(id);
          return n + 1;
        },
        { n: ref as never },
      ).out as never;
    }
    return ref;
  });
  const inputs = Object.fromEntries(sums.map((_, i) => [`i${i}`, 0]));
  const live = flow.output(Object.fromEntries(sums.map((ref, i) => [`o${i}`, ref])) as never);
  const running = live.live(inputs);
  const { values } = kept(running.output$);
  expect(calls.length).toBe(1000);
  calls.length = 0;
  running.next({ i7: 5 });
  expect(calls).toEqual([70, 71, 72, 73, 74, 75, 76, 77, 78, 79]);
  expect(values.at(-1)).toMatchObject({ o7: 15, o8: 10 });
});

test('6.3 a part of an object that stays the same changes nothing for who reads it', () => {
  const titles: string[] = [];
  const flow = new Flow<{ page: Page }>('parts');
  const page = flow.step('page', ({ page }: { page: Page }) => ({ ...page }), {
    page: flow.input.page,
  });
  const title = flow.step(
    'title',
    ({ title }: { title: string }) => {
      titles.push(title);
      return title.toUpperCase();
    },
    { title: page.out.title },
  );
  const live = flow.output({ title: title.out }).live({ page: { title: 'a', body: 'x' } });
  const { values } = kept(live.output$);
  live.next({ page: { title: 'a', body: 'y' } });
  live.next({ page: { title: 'b', body: 'y' } });
  expect(titles).toEqual(['a', 'b']);
  expect(values).toEqual([{ title: 'A' }, { title: 'B' }]);
});

test('6.3 an input of equal parts is the same, also where a schema makes it anew', () => {
  let calls = 0;
  const called = <T>(value: T): T => {
    calls++;
    return value;
  };
  const input = z.object({ page: z.object({ title: z.string(), body: z.string() }) });
  const flow = new Flow<{ page: Page }>('schema', { input });
  const step = flow.step('step', ({ page }: { page: Page }) => called(page.title), {
    page: flow.input.page,
  });
  const inputs = of({ page: { title: 'a', body: '' } }, { page: { title: 'a', body: '' } });
  kept(flow.output({ title: step.out }).live(inputs).output$);
  expect(calls).toBe(1);
});

test('6.3 the option "equals" of a live flow says which inputs are the same', () => {
  let calls = 0;
  const called = <T>(value: T): T => {
    calls++;
    return value;
  };
  const flow = new Flow<{ n: number }>('near');
  const step = flow.step('step', ({ n }: { n: number }) => called(n), { n: flow.input.n });
  const equals = (a: unknown, b: unknown) => Math.abs((a as number) - (b as number)) < 1;
  const live = flow.output({ n: step.out }).live({ n: of(1, 1.5, 2.2, 2.4) }, { equals });
  // What is the same stays: 2.2 is compared with 1.
  expect(kept(live.output$).values).toEqual([{ n: 1 }, { n: 2.2 }]);
  expect(calls).toBe(2);
});

test('6.3 the option "equals" of a step says which results are the same', () => {
  const read: unknown[] = [];
  const flow = new Flow<{ n: number }>('rounded');
  const rounded = flow.step(
    'rounded',
    ({ n }: { n: number }) => ({ about: Math.round(n) }),
    { n: flow.input.n },
    { equals: (a, b) => a.about === b.about },
  );
  const reader = flow.step(
    'reader',
    ({ value }: { value: { about: number } }) => {
      read.push(value);
      return value.about;
    },
    { value: rounded.out },
  );
  kept(flow.output({ n: reader.out }).live({ n: of(1, 1.2, 2) }).output$);
  expect(read).toEqual([{ about: 1 }, { about: 2 }]);
});

test('6.6 an "equals" that throws is a failure of the step', () => {
  const flow = new Flow<{ n: number }>('broken');
  const step = flow.step(
    'step',
    ({ n }: { n: number }) => n,
    { n: flow.input.n },
    {
      equals: () => {
        throw new Error('no');
      },
    },
  );
  const n = new Subject<number>();
  const live = flow.output({ n: step.out }).live({ n });
  const { values } = kept(live.state$);
  n.next(1);
  n.next(2);
  expect(values.at(-1)?.steps['step']).toMatchObject({ status: 'failure' });
  expect(values.at(-1)?.steps['step']?.error?.message).toContain('"equals" of step "step" threw');
});

test('6.3 params put together of several values are compared by their parts', () => {
  let calls = 0;
  const called = <T>(value: T): T => {
    calls++;
    return value;
  };
  const flow = new Flow<{ a: number; b: number; c: number }>('composed');
  const step = flow.step(
    'step',
    ({ all }: { all: readonly number[] }) => called(all.length),
    { all: [flow.input.a, flow.input.b] },
    { when: { op: 'exists', left: { key: 'c' } } },
  );
  const live = flow.output({ n: step.out }).live({ a: 1, b: 2, c: 3 });
  kept(live.output$);
  live.next({ c: 4 });
  expect(calls).toBe(1);
});

test('6.3 a step that reads a param of another one runs when that is another one', () => {
  const flow = new FlowBuilder('params');
  flow.addStep('a', ({ n: _ }: { n: number }) => 'same', {});
  flow.setDataMap('a.n', 'n');
  flow.addStep('b', ({ n, a }: { n: number; a: string }) => `${a} ${n}`, {});
  flow.setDataMap('b.n', 'a.n');
  flow.setDataMap('b.a', 'a.return');
  flow.setOutput('b', 'b.return');
  const live = flow.build().live({ n: of(1, 2) } as never);
  expect(kept(live.output$).values).toEqual([{ b: 'same 1' }, { b: 'same 2' }]);
});

type Ring = { n: number; next?: Ring };

const ring = (...numbers: readonly number[]): Ring => {
  const rings = numbers.map((n): Ring => ({ n }));
  for (const [i, each] of rings.entries()) each.next = rings[(i + 1) % rings.length] as Ring;
  return rings[0] as Ring;
};

function deep(depth: number, n: number): Ring {
  let made: Ring = { n };
  for (let i = 0; i < depth; i++) made = { n: 0, next: made };
  return made;
}

test.each([
  ['goes round in a circle', ring(1, 2), ring(1, 2), ring(1, 3)],
  ['goes round in circles of different lengths', ring(1, 1), ring(1, 1, 1), ring(1, 1, 2)],
  ['is deep', deep(50_000, 1), deep(50_000, 1), deep(50_000, 2)],
])('6.3 an input that %s is compared by its parts', (_, first, same, other) => {
  const flow = new Flow<{ data: Ring }>('rings');
  let calls = 0;
  const count = flow.step('count', () => ++calls, { data: flow.input.data });
  const live = flow.output({ count: count.out }).live({ data: first });
  const { ended } = kept(live.output$);
  live.next({ data: same });
  expect(calls).toBe(1);
  live.next({ data: other });
  expect(calls).toBe(2);
  expect(ended).toEqual({});
});
