import { type CompiledFlow, each, Flow, repeat, type StepNode } from 'millrace';
import { map, of, timer } from 'rxjs';
import { expect, test } from 'vitest';
import {
  atOnce,
  endings,
  errorOf,
  explained,
  failing,
  outputOf,
  stateOf,
  type Told,
  virtually,
} from './told.ts';

const many = 100_000;
type N = { n: number };
const add = ({ n }: N) => n + 1;

// To write a flow of 100 000 steps down takes longer than to run it: tests share them, and change what the steps do.
let code: (params: N) => unknown = add;
const chains = new Map<string, CompiledFlow<N, { n: number }>>();
let fan: CompiledFlow<N, { join: unknown }> | undefined;

/** s0 → s1 → … ; s0 only where n is at least 0. */
function chain(length = many, options: object = {}): CompiledFlow<N, { n: number }> {
  const name = `${length} ${JSON.stringify(options)}`;
  const known = chains.get(name);
  if (known) return known;
  const flow = new Flow<N>('chain');
  const when = { op: 'gte', left: { key: 'n' }, right: 0 };
  let last = flow.step('s0', (params: N) => code(params), { n: flow.input.n }, {
    ...options,
    when,
  } as object) as StepNode<number>;
  for (let i = 1; i < length; i++)
    last = flow.step(
      `s${i}`,
      (params: N) => code(params),
      { n: last.out },
      options,
    ) as StepNode<number>;
  const made = flow.output({ n: last.out });
  chains.set(name, made);
  return made;
}

/** source → leaf0, leaf1, … → join */
function fanOut(): NonNullable<typeof fan> {
  if (fan) return fan;
  const flow = new Flow<N>('fan');
  const source = flow.step('source', add, { n: flow.input.n });
  const leaves = Array.from({ length: many }, (_, i) =>
    flow.step(`leaf${i}`, (params: N) => code(params), { n: source.out }),
  );
  const join = flow.step('join', () => 'joined', {}, { after: leaves, join: 'settled' });
  fan = flow.output({ join: join.out });
  return fan;
}

/** A flow in a flow in a flow … */
function nested(depth: number) {
  const leaf = new Flow<N>('leaf');
  const step = leaf.step('step', (params: N) => code(params), {
    n: leaf.input.n,
  }) as StepNode<number>;
  let compiled = leaf.output({ n: step.out });
  for (let i = 0; i < depth; i++) {
    const flow = new Flow<N>(`f${i}`);
    const sub = flow.step('sub', compiled, { n: flow.input.n }) as StepNode<{ n: number }>;
    compiled = flow.output({ n: sub.out.n });
  }
  return compiled;
}

function running<T>(how: (params: N) => unknown, run: () => T): T {
  code = how;
  try {
    return run();
  } finally {
    code = add;
  }
}

const count = (told: Told) => {
  const counts: Record<string, number> = {};
  for (const end of Object.values(endings(told))) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
};

test('3.7 a chain of 100 000 synchronous steps, heard and unheard', () => {
  const told = atOnce(chain(), { n: 0 });
  expect(outputOf(told)).toEqual({ n: many });
  expect(count(told)).toEqual({ success: many });
  expect(Object.keys(stateOf(told).steps)).toHaveLength(many);
  let output: unknown;
  of({ n: 0 })
    .pipe(chain().operator())
    .subscribe((value) => {
      output = value;
    });
  expect(output).toEqual({ n: many });
}, 120_000);

test('3.7 a chain of 100 000 steps that are Observables', () => {
  expect(
    outputOf(
      running(
        ({ n }) => of(n + 1),
        () => atOnce(chain(), { n: 0 }),
      ),
    ),
  ).toEqual({ n: many });
}, 120_000);

test('3.7 a chain of 100 000 asynchronous steps', async () => {
  code = async ({ n }) => n + 1;
  const { output } = await chain().complete({ n: 0 });
  code = add;
  expect(output).toEqual({ n: many });
}, 120_000);

test('3.7 a chain of 20 000 steps with settings', () => {
  const settings = {
    retry: { count: 1 },
    timeout: { attempt: 1000, idle: 1000, total: 1000 },
    concurrency: 1,
  };
  expect(outputOf(atOnce(chain(20_000, settings), { n: 0 }))).toEqual({ n: 20_000 });
}, 120_000);

test('3.7 a chain of 20 000 steps that take a frame each', () => {
  const told = running(
    ({ n }) => timer(1).pipe(map(() => n + 1)),
    () => virtually(chain(20_000), { n: 0 }),
  );
  expect(outputOf(told)).toEqual({ n: 20_000 });
  expect(told.events.at(-1)?.t).toBe(20_000);
}, 120_000);

test('3.7 a chain of 100 000 skips, explained to its root cause', () => {
  const told = atOnce(chain(), { n: -1 });
  expect(count(told)).toEqual({ 'condition-false': 1, 'upstream-skipped': many - 1 });
  expect(outputOf(told)).toEqual({});
  expect(explained(told, `s${many - 1}`)).toContain('the condition "n ≥ 0" was false: n was -1.');
}, 120_000);

test('3.7 a failure at the head of a chain of 100 000', () => {
  const told = running(failing('head'), () => atOnce(chain(), { n: 0 }));
  expect(count(told)).toEqual({ failure: 1, 'upstream-failed': many - 1 });
  expect(errorOf(told).errors).toHaveLength(1);
}, 120_000);

test('3.7 a fan-out of 100 000, and its join', () => {
  const told = atOnce(fanOut(), { n: 0 });
  expect(outputOf(told)).toEqual({ join: 'joined' });
  expect(count(told)).toEqual({ success: many + 2 });
}, 120_000);

test('3.7 a fan-out of 100 000 that waits in the queue of a limiter', () => {
  expect(count(atOnce(fanOut(), { n: 0 }, { concurrency: 1 }))).toEqual({ success: many + 2 });
}, 120_000);

test('3.7 a fan-out of 100 000 at work is cancelled', () => {
  const run = running(
    () => timer(60_000),
    () => fanOut().start({ n: 0 }),
  );
  run.cancel();
  expect(run.getSnapshot().status).toBe('cancelled');
  const statuses = Object.values(run.getSnapshot().steps).map(({ status }) => status);
  expect(statuses.filter((status) => status === 'cancelled')).toHaveLength(many);
}, 120_000);

test('3.7 10 000 failures side by side', () => {
  const flow = new Flow('fails');
  for (let i = 0; i < 10_000; i++) flow.step(`s${i}`, failing(), {});
  const ok = flow.step('ok', () => 1, {});
  const told = atOnce(flow.output({ ok: ok.out }), {});
  expect(count(told)).toEqual({ failure: 10_000, success: 1 });
  expect(outputOf(told)).toEqual({ ok: 1 });
}, 120_000);

test('3.7 a subflow nested 500 deep', () => {
  const told = atOnce(nested(500), { n: 0 });
  expect(outputOf(told)).toEqual({ n: 1 });
  expect(Object.keys(endings(told))).toHaveLength(501);
});

test('3.7 a failure 500 flows deep is one failure, listed once', () => {
  const error = errorOf(running(failing('deep'), () => atOnce(nested(500), { n: 0 })));
  expect(error.errors).toHaveLength(1);
  expect(error.errors[0]?.path).toBe(`${'sub.'.repeat(500)}step`);
});

test('3.7 100 000 retries without a delay', () => {
  let calls = 0;
  const flow = new Flow('retries');
  const a = flow.step(
    'a',
    () => {
      if (++calls < many) throw 'again';
      return calls;
    },
    {},
    { retry: { count: many } },
  );
  expect(outputOf(atOnce(flow.output({ a: a.out }), {}))).toEqual({ a: many });
}, 120_000);

test('3.7 each over 100 000 items, at once and one by one', () => {
  for (const concurrency of [undefined, 1]) {
    const flow = new Flow('each');
    const list = flow.step('list', each(add, concurrency === undefined ? {} : { concurrency }), {
      items: Array.from({ length: many }, (_, n) => ({ n })),
    });
    const told = atOnce(flow.output({ length: list.out.length }), {});
    expect(outputOf(told)).toEqual({ length: many });
  }
}, 120_000);

test('3.7 repeat runs 100 000 rounds', () => {
  const flow = new Flow('repeat');
  const step = repeat(({ n }: N) => ({ n: n + 1 }), { while: ({ n }) => n < many, max: many });
  const loop = flow.step('loop', step, { n: 0 });
  expect(outputOf(atOnce(flow.output({ n: loop.out.n }), {}))).toEqual({ n: many });
}, 120_000);
