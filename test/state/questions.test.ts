import { type CompiledFlow, each, Flow, MemorySaver, question, type Saver } from 'millrace';
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
    message: '"a" has been answered already. Open are: b, c (invalid-answer)',
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
