import { defineOperator, defineStep, each, Flow, type FlowEvent, orElse, repeat } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { map, type Observable, of } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';

type Any = Record<string, unknown>;

/** Runs a flow to its end and gives its events as they were when they were told, and as they are now. */
function runOf(flow: { run(input: never): Observable<FlowEvent> }, input: unknown) {
  const events: FlowEvent[] = [];
  const told: string[] = [];
  return new Promise<{ events: FlowEvent[]; told: string[]; now: string[] }>((resolve) => {
    const end = () => resolve({ events, told, now: events.map((event) => JSON.stringify(event)) });
    flow.run(input as never).subscribe({
      next: (event) => {
        events.push(event);
        told.push(JSON.stringify(event));
      },
      error: end,
      complete: end,
    });
  });
}

const mutations: [name: string, mutate: (params: Any) => void][] = [
  [
    'sets a param',
    (params) => {
      params['x'] = 1;
    },
  ],
  [
    'adds a param',
    (params) => {
      params['more'] = 1;
    },
  ],
  [
    'deletes a param',
    (params) => {
      delete params['x'];
    },
  ],
  [
    'sets a part of a param',
    (params) => {
      (params['x'] as Any)['deep'] = 1;
    },
  ],
  [
    'sets a part deep in a param',
    (params) => {
      ((params['x'] as Any)['deep'] as Any)['er'] = 1;
    },
  ],
  [
    'pushes to a list',
    (params) => {
      ((params['x'] as Any)['list'] as unknown[]).push(1);
    },
  ],
  [
    'sorts a list',
    (params) => {
      ((params['x'] as Any)['list'] as unknown[]).sort();
    },
  ],
];

for (const [name, mutate] of mutations) {
  test(`2.13 a step that ${name} gets an error; siblings, the caller's object and the events do not change`, async () => {
    const given = { x: { deep: { er: 0 }, list: [3, 1, 2] } };
    const before = JSON.stringify(given);
    const spy: string[] = [];
    const flow = new Flow<{ x: Any }>('f');
    const source = flow.step('source', ({ x }: { x: Any }) => ({ x }), { x: flow.input.x });
    flow.step('bad', (params: { x: Any }) => mutate(params), { x: flow.input.x });
    flow.step('worse', (params: { x: Any }) => mutate(params), { x: source.out.x });
    const look = (params: { x: Any }) => spy.push(JSON.stringify(params.x));
    const s1 = flow.step('s1', look, { x: flow.input.x });
    const s2 = flow.step('s2', look, { x: source.out.x });
    const { events, told, now } = await runOf(
      flow.output({ s1: s1.out, s2: s2.out, x: flow.input.x }),
      given,
    );
    const failed = events.filter((event) => event.type === 'STEP_OUTPUT' && event.error);
    expect(failed.map(({ path }) => path).sort()).toEqual(['bad', 'worse']);
    for (const event of failed)
      expect((event as { error?: { cause?: { name: string } } }).error?.cause?.name).toBe(
        'TypeError',
      );
    expect(spy).toEqual([JSON.stringify(given.x), JSON.stringify(given.x)]);
    expect(JSON.stringify(given)).toBe(before);
    expect(Object.isFrozen(given)).toBe(false);
    expect(Object.isFrozen(given.x.list)).toBe(false);
    expect(now).toEqual(told);
    expect(events.at(-1)).toMatchObject({ type: 'FLOW_OUTPUT', output: { x: given.x } });
  });
}

test('2.13 the caller may change the input while the run works, and the run does not see it', async () => {
  const given = { x: { n: 1 } };
  const flow = new Flow<{ x: { n: number } }>('f');
  const a = flow.step('a', async () => 1, {});
  const b = flow.step(
    'b',
    ({ x }: { x: { n: number } }) => x.n,
    { x: flow.input.x },
    { after: [a] },
  );
  const run = flow.output({ n: b.out }).start(given);
  given.x.n = 2;
  expect(await run.result).toEqual({ n: 1 });
});

test('2.13 a literal, a default and a fallback are frozen copies', async () => {
  const literal = { list: [1] };
  const byDefault = { list: [2] };
  const fallback = { list: [3] };
  const push = ({ x }: { x: { list: number[] } }) => x.list.push(9);
  const flow = new Flow<{ none?: { list: number[] } }>('f');
  const failing = flow.step(
    'failing',
    (): { list: number[] } => {
      throw new Error('no');
    },
    {},
    { fallback },
  );
  flow.step('a', push, { x: literal });
  flow.step('b', push, { x: orElse(flow.input.none, byDefault) });
  flow.step('c', push, { x: failing.out });
  const compiled = flow.output({});
  for (let i = 0; i < 2; i++) {
    const { snapshot } = await compiled.complete({});
    for (const path of ['a', 'b', 'c']) expect(snapshot.steps[path]?.status).toBe('failure');
  }
  expect([literal, byDefault, fallback]).toEqual([{ list: [1] }, { list: [2] }, { list: [3] }]);
  for (const each of [literal, byDefault, fallback]) expect(Object.isFrozen(each)).toBe(false);
});

test('2.13 the default of an input and of a map is frozen for every run', async () => {
  const flow = new FlowBuilder('f')
    .addStep('a', ({ x, y }: { x: number[]; y: number[] }) => [
      Object.isFrozen(x),
      Object.isFrozen(y),
    ])
    .setInput('a.x', 'list')
    .setDataValue('list', [1])
    .setDataMap('a.y', 'other', { default: [2] })
    .setOutput('a', 'a.return')
    .build();
  expect((await flow.complete({})).output).toEqual({ a: [true, true] });
});

test('2.13 a result is frozen before anyone sees it, whatever it came as', async () => {
  const flow = new Flow('f');
  const results = {
    value: () => ({ l: [1] }),
    promise: async () => ({ l: [1] }),
    observable: () => of({ l: [1] }),
    generator: function* () {
      yield { l: [1] };
      return { l: [1] };
    },
    checked: defineStep({ output: z.object({ l: z.array(z.number()) }), run: () => ({ l: [1] }) }),
    operator: defineOperator({
      operator: (source: Observable<object>) => source.pipe(map(() => ({ l: [1] }))),
    }),
    repeated: repeat(() => ({ l: [1] }), { while: () => false, max: 1 }),
  };
  const outs = Object.entries(results).map(
    ([id, code]) => [id, flow.step(id, code as () => { l: number[] }, {}).out] as const,
  );
  const { output, snapshot } = await flow.output(Object.fromEntries(outs)).complete({});
  expect(Object.isFrozen(output)).toBe(true);
  for (const [id, result] of Object.entries(output as Record<string, { l: number[] }>)) {
    expect([id, Object.isFrozen(result), Object.isFrozen(result.l)]).toEqual([id, true, true]);
    expect(Object.isFrozen(snapshot.steps[id]?.output)).toBe(true);
  }
});

test('2.13 the items of each() and its shared params are frozen', async () => {
  const flow = new Flow<{ items: { n: number[] }[] }>('f');
  const touch = ({ item, shared }: { item: { n: number[] }; shared: { s: number[] } }) =>
    [item, item.n, shared, shared.s].map((part) => Object.isFrozen(part));
  const all = flow.step('all', each(touch, { as: 'item' }), {
    items: flow.input.items,
    shared: { s: [1] },
  });
  const { output } = await flow
    .output({ all: all.out })
    .complete({ items: [{ n: [1] }, { n: [2] }] });
  expect(output.all).toEqual([
    [true, true, true, true],
    [true, true, true, true],
  ]);
});

test('2.13 the params of the next round of repeat() are frozen, made by the author or not', async () => {
  const seen: boolean[] = [];
  const look = (params: { n: number; list: number[] }) => {
    seen.push(Object.isFrozen(params), Object.isFrozen(params.list));
    return { n: params.n + 1 };
  };
  const flow = new Flow('f');
  flow.step('a', repeat(look, { while: ({ n }) => n < 3, max: 5 }), { n: 0, list: [1] });
  flow.step(
    'b',
    repeat(look, { while: ({ n }) => n < 3, max: 5, next: ({ n }) => ({ n, list: [n] }) }),
    { n: 0, list: [1] },
  );
  await flow.output({}).complete({});
  expect(seen).toHaveLength(12);
  expect(seen.every(Boolean)).toBe(true);
});

test('2.13 a subflow gets frozen params and gives a frozen result', async () => {
  const inner = new FlowBuilder('inner')
    .addStep('look', ({ x }: { x: { l: number[] } }) => [Object.isFrozen(x), Object.isFrozen(x.l)])
    .setInput('look.x', 'x')
    .setOutput('seen', 'look.return')
    .build();
  for (const options of [{}, { retry: { count: 1 } }]) {
    const flow = new FlowBuilder('f')
      .addStep('sub', inner, { x: { l: [1] } }, options)
      .setOutput('sub', 'sub.return')
      .build();
    const { output } = await flow.complete({});
    expect(output).toEqual({ sub: { seen: [true, true] } });
    expect(Object.isFrozen(output['sub'])).toBe(true);
  }
});

test('2.13 events and errors in them are frozen as far as they are data', async () => {
  const flow = new Flow<{ x: { n: number } }>('f');
  const a = flow.step(
    'a',
    function* ({ x }: { x: { n: number } }) {
      yield { chunk: x.n };
      return { n: 1 };
    },
    { x: flow.input.x },
  );
  flow.step('b', () => Promise.reject(new Error('no')), {});
  const { events } = await runOf(flow.output({ a: a.out }), { x: { n: 1 } });
  for (const event of events) {
    expect(Object.isFrozen(event)).toBe(true);
    const parts = event as unknown as Any;
    for (const name of ['input', 'output', 'chunk', 'detail'])
      if (name in parts)
        expect([event.type, name, Object.isFrozen(parts[name])]).toEqual([event.type, name, true]);
  }
});

test('2.13 class instances, maps and typed arrays are passed by reference, unfrozen', async () => {
  class Counter {
    n = 0;
  }
  const values = {
    counter: new Counter(),
    map: new Map([['a', 1]]),
    bytes: new Uint8Array([1, 2]),
    day: new Date(0),
  };
  const flow = new Flow<{ values: typeof values }>('f');
  const a = flow.step('a', ({ x }: { x: typeof values }) => x, { x: flow.input.values });
  const { output } = await flow.output({ a: a.out }).complete({ values });
  expect(output.a.counter).toBe(values.counter);
  expect(output.a.map).toBe(values.map);
  expect(output.a.bytes).toBe(values.bytes);
  expect(output.a.day).toBe(values.day);
  expect(Object.isFrozen(output.a.counter)).toBe(false);
});

test('2.13 a step that returns a reference gets an error that says so, not a hang', async () => {
  const flow = new Flow('f');
  const a = flow.step('a', () => ({ x: 1 }), {});
  for (const [id, result] of [
    ['b', () => a.out.x],
    ['c', async () => ({ deep: a.out.x })],
    ['d', () => of(a.out.x)],
    [
      'e',
      function* () {
        yield a.out.x;
      },
    ],
  ] as const)
    flow.step(id, result as () => unknown, {});
  const { snapshot } = await flow.output({}).complete({});
  for (const id of ['b', 'c', 'd', 'e']) {
    expect(snapshot.steps[id]?.status).toBe('failure');
    expect(snapshot.steps[id]?.error?.message).toContain(
      '"a.return.x" is a reference to a value that does not exist yet',
    );
  }
});

test('2.13 results with cycles, and deep ones, are frozen all the way', async () => {
  const round: Any = { list: [{}] };
  round['self'] = round;
  let deep: unknown = [];
  for (let i = 0; i < 20_000; i++) deep = { deep };
  const flow = new Flow('f');
  const a = flow.step('a', () => round, {});
  const b = flow.step('b', () => deep as { deep: Any }, {});
  const compiled = flow.output({ a: a.out, b: b.out });
  const events: FlowEvent[] = [];
  compiled.run({}).subscribe((event) => events.push(event));
  expect(events.at(-1)?.type).toBe('FLOW_OUTPUT');
  expect(Object.isFrozen((round['list'] as object[])[0])).toBe(true);
});
