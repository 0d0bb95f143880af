import {
  type CompiledFlow,
  type EachOptions,
  each,
  eq,
  Flow,
  MemorySaver,
  question,
  repeat,
  type Saver,
} from 'millrace';
import { firstValueFrom, map, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';

const yesOrNo = z.object({ ok: z.boolean() });

/** Three questions open at once, each on a branch of its own. */
function threeQuestions(saver?: Saver) {
  const flow = new Flow<{ text: string }>('three');
  const ask = question({ answer: yesOrNo });
  const [a, b, c] = ['a', 'b', 'c'].map((id) => flow.step(id, ask, { text: flow.input.text }));
  const sum = flow.step(
    'sum',
    ({ a, b, c }: { a: boolean; b: boolean; c: boolean }) => [a, b, c].filter(Boolean).length,
    { a: a?.out.ok as never, b: b?.out.ok as never, c: c?.out.ok as never },
  );
  return flow.output({ sum: sum.out }).with(saver ? { saver } : {}) as CompiledFlow<
    { text: string },
    { sum: number }
  >;
}

const orders = [
  ['a', 'b', 'c'],
  ['c', 'b', 'a'],
  ['b', 'c', 'a'],
];

for (const order of orders) {
  test(`5.11 three questions open at once are answered in the order ${order.join(', ')}`, async () => {
    const run = threeQuestions().start({ text: 'ship it?' });
    expect(Object.values(run.getSnapshot().steps).map(({ status }) => status)).toEqual([
      'waiting',
      'waiting',
      'waiting',
    ]);
    for (const path of order) await run.answer(path, { ok: path !== 'b' });
    expect(await run.result).toEqual({ sum: 2 });
  });

  test(`5.11 each of them by a resume of its own, in the order ${order.join(', ')}`, async () => {
    const flow = threeQuestions(new MemorySaver());
    const { id } = flow.start({ text: 'ship it?' });
    for (const path of order.slice(0, -1)) {
      await expect(
        flow.resume(id, { answers: { [path]: { ok: true } } }).result,
      ).rejects.toMatchObject({ code: 'suspended' });
    }
    const last = flow.resume(id, { answers: { [order.at(-1) as string]: { ok: true } } });
    expect(await last.result).toEqual({ sum: 3 });
  });
}

test('5.11 a question is answered once: a second answer is refused, and changes nothing', async () => {
  const run = threeQuestions().start({ text: '?' });
  await run.answer('a', { ok: true });
  await expect(run.answer('a', { ok: false })).rejects.toMatchObject({
    code: 'invalid-answer',
    message: '"a" has been answered already. Open are: b, c. (invalid-answer)',
  });
  expect(run.getSnapshot().steps['a']).toMatchObject({ status: 'success', output: { ok: true } });
});

test('5.11 a second answer from another process is refused, too', async () => {
  const flow = threeQuestions(new MemorySaver());
  const { id } = flow.start({ text: '?' });
  await flow.resume(id, { answers: { a: { ok: true } } }).result.catch(() => undefined);
  await expect(flow.resume(id, { answers: { a: { ok: false } } }).result).rejects.toMatchObject({
    code: 'invalid-answer',
    message: '"a" has been answered already. Open are: b, c. (invalid-answer)',
  });
});

test('5.11 a wrong answer is refused with every issue, and the question stays open', async () => {
  const flow = threeQuestions(new MemorySaver());
  const { id } = flow.start({ text: '?' });
  const wrong = flow.resume(id, { answers: { a: { ok: 'yes' } } });
  await expect(wrong.result).rejects.toMatchObject({
    code: 'invalid-answer',
    issues: [{ path: 'ok', message: expect.stringContaining('boolean') as string }],
  });
  expect(wrong.getSnapshot().status).not.toBe('failure');
  await expect(flow.resume(id, { answers: { a: { ok: true } } }).result).rejects.toMatchObject({
    code: 'suspended',
    issues: [{ path: 'b' }, { path: 'c' }],
  });
});

test('5.11 complete() rejects with the run id and the open questions', async () => {
  const flow = threeQuestions(new MemorySaver());
  await expect(flow.complete({ text: '?' }, { id: 'r1' })).rejects.toMatchObject({
    code: 'suspended',
    message:
      'The run "r1" of "three" waits for answers to: a, b, c. Give them with flow.resume("r1", { answers: { [path]: value } }) (suspended)',
  });
});

test('5.11 FLOW_SUSPEND is the last event, and the Observable completes', () => {
  const types: string[] = [];
  let completed = false;
  threeQuestions(new MemorySaver())
    .run({ text: '?' })
    .subscribe({ next: ({ type }) => types.push(type), complete: () => (completed = true) });
  expect(types.slice(-4)).toEqual(['STEP_WAIT', 'STEP_START', 'STEP_WAIT', 'FLOW_SUSPEND']);
  expect(completed).toBe(true);
});

test('5.11 other branches go on while a question is open; only then is the run suspended', async () => {
  const flow = new Flow<{ n: number }>('side');
  const asked = flow.step('ask', question({ answer: yesOrNo }), {});
  const slow = flow.step('slow', async ({ n }: { n: number }) => n + 1, { n: flow.input.n });
  const compiled = flow
    .output({ ok: asked.out.ok, slow: slow.out })
    .with({ saver: new MemorySaver() });
  const run = compiled.start({ n: 1 });
  await run.result.catch(() => undefined);
  expect(run.getSnapshot()).toMatchObject({
    status: 'suspended',
    steps: { ask: { status: 'waiting' }, slow: { status: 'success', output: 2 } },
  });
});

test('5.11 questions of the items of each() are asked and answered by their paths', async () => {
  const flow = new Flow<{ names: string[] }>('items');
  const asked = flow.step('ask', each(question({ answer: yesOrNo }), { as: 'name' }), {
    items: flow.input.names,
  });
  const compiled = flow.output({ answers: asked.out }).with({ saver: new MemorySaver() });
  const run = compiled.start({ names: ['x', 'y'] });
  await run.result.catch(() => undefined);
  expect(run.getSnapshot().steps).toMatchObject({
    'ask[0]': { status: 'waiting', question: { name: 'x' } },
    'ask[1]': { status: 'waiting', question: { name: 'y' } },
  });
  const one = compiled.resume(run.id, { answers: { 'ask[1]': { ok: false } } });
  await expect(one.result).rejects.toMatchObject({
    code: 'suspended',
    issues: [{ path: 'ask[0]' }],
  });
  const two = compiled.resume(run.id, { answers: { 'ask[0]': { ok: true } } });
  expect(await two.result).toEqual({ answers: [{ ok: true }, { ok: false }] });
});

test('5.11 a question inside a subflow suspends the whole run', async () => {
  const inner = new Flow<{ text: string }>('inner');
  const ok = inner.step('approve', question({ answer: yesOrNo }), { text: inner.input.text });
  const review = inner.output({ ok: ok.out.ok });
  for (const options of [{}, { timeout: { total: 60_000 } }]) {
    const flow = new Flow<{ text: string }>('outer');
    const reviewed = flow.step('review', review, { text: flow.input.text }, options);
    const compiled = flow.output({ ok: reviewed.out.ok }).with({ saver: new MemorySaver() });
    const run = compiled.start({ text: 'hi' });
    await expect(run.result).rejects.toMatchObject({ code: 'suspended' });
    const again = compiled.resume(run.id, { answers: { 'review.approve': { ok: true } } });
    expect(await again.result).toEqual({ ok: true });
  }
});

/** Items of which the first one asks, and each takes longer than the one before it. */
function asking(options: EachOptions<undefined>, settings: object, late: (n: number) => unknown) {
  const item = new Flow<{ n: number }>('item');
  const work = item.step('work', ({ n }) => timer(n).pipe(map(() => late(n) as number)), {
    n: item.input.n,
  });
  const ok = item.step('ask', question({ answer: yesOrNo }), {}, { when: eq(item.input.n, 1) });
  const flow = new Flow('asking');
  const list = flow.step(
    'list',
    each(item.output({ work: work.out, ok: ok.out }), options),
    { items: [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }] },
    settings,
  );
  return flow.output({ list: list.out }).with({ saver: new MemorySaver() });
}

test('5.11 a run is suspended only when the items that waited for their turn have ended, too', async () => {
  const run = asking({ concurrency: 2 }, {}, (n) => n).start({});
  await expect(run.result).rejects.toMatchObject({ code: 'suspended' });
  const { steps } = run.getSnapshot();
  expect(['list[0]', 'list[1]', 'list[2]', 'list[3]'].map((path) => steps[path]?.status)).toEqual([
    'running',
    'success',
    'success',
    'success',
  ]);
});

test('5.11 a run whose step fails beside a question of it fails', async () => {
  const failing = (n: number) => {
    if (n === 4) throw new Error('down');
    return n;
  };
  const run = asking({}, {}, failing).start({});
  await expect(run.result).rejects.toMatchObject({ code: 'run-failed' });
  const saved = asking({}, { fallback: [] }, failing).start({});
  expect(await saved.result).toEqual({ list: [] });
});

test.each([0, 20])(
  '5.11, 3.4 a step that asks and is to be tried again after %i ms is not suspended',
  async (delay) => {
    let fails = 1;
    const flow = asking({}, { retry: { count: 1, delay } }, (n) => {
      if (n === 4 && fails-- > 0) throw new Error('down');
      return n;
    });
    const run = flow.start({});
    await expect(run.result).rejects.toMatchObject({ code: 'suspended' });
    expect(run.getSnapshot().steps['list[3]']).toMatchObject({ status: 'success' });
    const again = flow.resume(run.id, { answers: { 'list[0].ask': { ok: true } } });
    expect(await again.result).toMatchObject({ list: [{ work: 1, ok: { ok: true } }, {}, {}, {}] });
  },
);

test('5.11, 3.4 where a tool is tried again, what asked in it before asks no more', async () => {
  let fails = 1;
  const item = new Flow<{ n: number }>('item');
  const work = item.step('work', ({ n }) => timer(n).pipe(map(() => n)), { n: item.input.n });
  const ok = item.step('ask', question({ answer: yesOrNo }), {}, { when: eq(item.input.n, 1) });
  const late = item.step(
    'late',
    ({ n }) => {
      if (n === 3 && fails-- > 0) throw new Error('down');
      return timer(30).pipe(map(() => n));
    },
    { n: work.out },
  );
  const both = new Flow('both');
  const list = both.step(
    'list',
    each(item.output({ late: late.out, ok: ok.out })),
    { items: [{ n: 1 }, { n: 3 }] },
    { retry: { count: 1 } },
  );
  const flow = new Flow('outer');
  const outer = flow.step('outer', each(both.output({ list: list.out })), { items: [{}] });
  const saved = flow.output({ list: outer.out }).with({ saver: new MemorySaver() });
  const run = saved.start({});
  await expect(run.result).rejects.toMatchObject({ code: 'suspended' });
  expect(run.getSnapshot().steps['outer[0].list[1]']).toMatchObject({ status: 'success' });
});

const ask = question({ answer: z.number() });
type Ask = typeof ask;
const items = (code: Ask, as: string): Ask => each(code, { as } as object) as unknown as Ask;
const rounds = (code: Ask): Ask =>
  repeat(code, { max: 2, while: () => true, next: (_, params) => params }) as unknown as Ask;
test.each([
  ['items of items', items(items(ask, 'v'), 'items'), 1, [[7]]],
  ['rounds of items', rounds(items(ask, 'v')), 2, [7]],
  ['items of rounds', items(rounds(ask), 'v'), 2, [7]],
  ['rounds of rounds', rounds(rounds(ask)), 4, 7],
])('5.11 a question in %s suspends the run as any other does', async (_, code, count, all) => {
  const flow = new Flow<{ items: number[][] }>('deep');
  const step = flow.step('step', code, { items: flow.input.items });
  const saver = new MemorySaver();
  const compiled = flow.output({ all: step.out }).with({ saver });
  let run = compiled.start({ items: [[1]] });
  for (let i = 0; i < count; i++) {
    const { code, issues } = await run.result.catch((reason) => reason);
    expect([code, issues.length]).toEqual(['suspended', 1]);
    run = compiled.resume(run.id, { answers: { [issues[0].path]: 7 } });
  }
  expect(await run.result).toEqual({ all });
});

test('5.11 a run is suspended, too, where what is left to run waits for the place of a step that asks', async () => {
  const flow = new Flow('places');
  const first = flow.step('first', question({ answer: z.number() }), {});
  const next = flow.step('next', () => 'ran', {});
  const slow = flow.step('slow', () => timer(1).pipe(map(() => 'slow')), {});
  const compiled = flow.output({ first: first.out, next: next.out, slow: slow.out });
  const options = { concurrency: 1, saver: new MemorySaver() };
  const run = compiled.start({}, options);
  await expect(run.result).rejects.toThrow('waits for answers to: first');
  const resumed = compiled.resume(run.id, { ...options, answers: { first: 1 } });
  expect(await resumed.result).toEqual({ first: 1, next: 'ran', slow: 'slow' });
});

test('5.11, 5.1 what asked below a step that has ended asks no more, while the run waits for another answer', async () => {
  const item = new Flow<{ n: number }>('item');
  const ok = item.step('ask', question({ answer: yesOrNo }), {}, { when: eq(item.input.n, 1) });
  const work = item.step(
    'work',
    async ({ n }: { n: number }) => {
      if (n === 2) throw new Error('down');
      return n;
    },
    { n: item.input.n },
  );
  const list = each(item.output({ ok: ok.out, work: work.out }));
  const flow = new Flow('both');
  const first = flow.step('first', list, { items: [{ n: 1 }, { n: 2 }] }, { fallback: [] });
  const second = flow.step('second', list, { items: [{ n: 1 }, { n: 3 }] });
  const compiled = flow.output({ first: first.out, second: second.out });
  const saver = new MemorySaver();
  const run = compiled.start({}, { saver });
  await expect(run.result).rejects.toMatchObject({ issues: [{ path: 'second[0].ask' }] });
  const { steps } = run.getSnapshot();
  const statuses = Object.entries(steps).map(([path, { status }]) => [path, status]);
  expect(Object.fromEntries(statuses)).toMatchObject({
    first: 'success',
    'first[0]': 'cancelled',
    'first[0].ask': 'cancelled',
    second: 'running',
    'second[0]': 'running',
    'second[0].ask': 'waiting',
    'second[1]': 'success',
  });
  expect(await firstValueFrom(saver.load(run.id))).toEqual(run.getSnapshot());
  const stale = compiled.resume(run.id, { saver, answers: { 'first[0].ask': { ok: true } } });
  await expect(stale.result).rejects.toThrow('Open are: second[0].ask');
  const again = compiled.resume(run.id, { saver, answers: { 'second[0].ask': { ok: true } } });
  expect(await again.result).toMatchObject({ first: [], second: [{ ok: { ok: true } }, {}] });
});

const checkedLate = yesOrNo.refine(async () => {
  await new Promise((resolve) => setTimeout(resolve, 2));
  return true;
});
for (const [name, answer] of [
  ['at once', yesOrNo],
  ['in its time', checkedLate],
] as const) {
  test(`5.11 a resumed run waits for its answers to be checked, and is told what was refused, ${name}`, async () => {
    const asking = question({ answer });
    const flow = new Flow('asking');
    const one = flow.step('one', asking, {});
    const list = flow.step('list', each(asking, { as: 'n' } as object), { items: [1] } as never);
    const compiled = flow
      .output({ one: one.out, list: list.out })
      .with({ saver: new MemorySaver() });
    const { id } = compiled.start({});
    const told: string[] = [];
    const first = compiled.resume(id, { answers: { one: { ok: true } } });
    first.events$.subscribe(({ type, path }) => told.push(`${type} ${path}`));
    await expect(first.result).rejects.toMatchObject({ issues: [{ path: 'list[0]' }] });
    expect(told).not.toContain('STEP_WAIT one');
    const wrong = compiled.resume(id, { answers: { 'list[0]': { ok: 'yes' } } });
    await expect(wrong.result).rejects.toMatchObject({
      code: 'invalid-answer',
      path: 'list[0]',
      issues: [{ path: 'ok', message: expect.stringContaining('boolean') as string }],
    });
    expect(wrong.getSnapshot()).toMatchObject({
      status: 'suspended',
      steps: { 'list[0]': { status: 'waiting' } },
    });
    const last = compiled.resume(id, { answers: { 'list[0]': { ok: false } } });
    expect(await last.result).toEqual({ one: { ok: true }, list: [{ ok: false }] });
  });
}
