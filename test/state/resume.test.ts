import { Flow, FlowError, type FlowEvent, MemorySaver, question } from 'millrace';
import { firstValueFrom, type Observable, of, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { z } from 'zod';

const counting = () => {
  const calls: string[] = [];
  let broken = true;
  const flow = new Flow<{ n: number }>('sum');
  const a = flow.step('a', ({ n }: { n: number }) => calls.push('a') && n + 1, { n: flow.input.n });
  const b = flow.step(
    'b',
    ({ x }: { x: number }) => {
      calls.push('b');
      if (broken) throw new Error('down');
      return x * 10;
    },
    { x: a.out },
  );
  const c = flow.step('c', ({ x }: { x: number }) => calls.push('c') && x + 1, { x: b.out });
  return {
    calls,
    repair: () => (broken = false),
    flow: flow.output({ c: c.out }).with({ saver: new MemorySaver() }),
  };
};

test('5.9 a failed run is resumed from where it stands: finished steps do not run again', async () => {
  const { flow, calls, repair } = counting();
  const run = flow.start({ n: 1 });
  await expect(run.result).rejects.toMatchObject({ code: 'run-failed' });
  repair();
  const again = flow.resume(run.id);
  expect(await again.result).toEqual({ c: 21 });
  expect(calls).toEqual(['a', 'b', 'b', 'c']);
  expect(again.getSnapshot()).toMatchObject({ status: 'success', output: { c: 21 } });
  expect(Object.keys(again.getSnapshot().steps)).toEqual(['a', 'b', 'c']);
});

test('5.9 exit: a run that goes on stores first that it does, so that nobody else goes on with it, and then its end', async () => {
  const { flow, calls, repair } = counting();
  const saver = new MemorySaver();
  const options = { saver, durability: 'exit' } as const;
  const run = flow.start({ n: 1 }, options);
  await expect(run.result).rejects.toMatchObject({ code: 'run-failed' });
  repair();
  // Both have read the same state before either goes on.
  const state = await firstValueFrom(saver.load(run.id));
  const late = Object.assign(Object.create(saver) as MemorySaver, { load: () => of(state) });
  const again = flow.resume(run.id, options);
  const other = flow.resume(run.id, { ...options, saver: late });
  expect(await again.result).toEqual({ c: 21 });
  await expect(other.result).rejects.toMatchObject({ code: 'stale-run' });
  expect(calls).toEqual(['a', 'b', 'b', 'c']);
  const history = await firstValueFrom(saver.history(run.id).pipe(toArray()));
  expect(history.map(({ snapshot }) => snapshot.status)).toEqual(['failure', 'running', 'success']);
  expect(history.at(-1)?.snapshot).toEqual(again.getSnapshot());
  // The second commit of the end tells only what has changed since.
  expect(history.at(-1)?.patches.filter(({ path }) => path[1] === 'a')).toEqual([]);
});

test('5.11 questions suspend a run; answers resume it', async () => {
  const flow = new Flow<{ text: string }>('ask');
  const ok = flow.step('approve', question({ answer: z.object({ ok: z.boolean() }) }), {
    text: flow.input.text,
  });
  const done = flow.step('done', ({ ok }: { ok: boolean }) => (ok ? 'sent' : 'kept'), {
    ok: ok.out.ok,
  });
  const compiled = flow.output({ done: done.out }).with({ saver: new MemorySaver() });
  const run = compiled.start({ text: 'hello' });
  await expect(run.result).rejects.toMatchObject({ code: 'suspended' });
  expect(run.getSnapshot()).toMatchObject({
    status: 'suspended',
    steps: { approve: { status: 'waiting', question: { text: 'hello' } } },
  });
  await expect(compiled.resume(run.id, { answers: { nope: 1 } }).result).rejects.toMatchObject({
    code: 'invalid-answer',
  });
  const again = compiled.resume(run.id, { answers: { approve: { ok: true } } });
  expect(await again.result).toEqual({ done: 'sent' });
  await expect(
    compiled.resume(run.id, { answers: { approve: { ok: true } } }).result,
  ).rejects.toBeInstanceOf(FlowError);
});

test('5.11 without a saver a hot run stays open for an answer', async () => {
  const flow = new Flow<{ text: string }>('ask');
  const ok = flow.step('approve', question({ answer: z.object({ ok: z.boolean() }) }), {
    text: flow.input.text,
  });
  const run = flow.output({ ok: ok.out.ok }).start({ text: 'hello' });
  await expect(run.answer('approve', { ok: 'yes' })).rejects.toMatchObject({
    code: 'invalid-answer',
  });
  await run.answer('approve', { ok: true });
  expect(await run.result).toEqual({ ok: true });
});

test('5.10 a fork runs only what depends on the edit', async () => {
  const { flow, calls, repair } = counting();
  repair();
  const { runId } = await flow.complete({ n: 1 });
  calls.length = 0;
  const events: FlowEvent[] = [];
  const run = flow.fork(runId, { edit: { 'b.return': 5 } });
  run.events$.subscribe((event) => events.push(event));
  expect(await run.result).toEqual({ c: 6 });
  expect(calls).toEqual(['c']);
  expect(run.getSnapshot()).toMatchObject({
    status: 'success',
    steps: { a: { output: 2 }, b: { output: 5 }, c: { output: 6 } },
  });
  const other = flow.fork(runId, { edit: { input: { n: 2 } } });
  expect(await other.result).toEqual({ c: 31 });
  expect(calls).toEqual(['c', 'a', 'b', 'c']);
});

test('5.8 a run that continues another one has its memory', async () => {
  const flow = new Flow<{ say: string }>('chat');
  const history = flow.memory<string[]>('history', []);
  const reply = flow.step(
    'reply',
    ({ say, history }: { say: string; history: string[] }) => [...history, say],
    { say: flow.input.say, history },
  );
  flow.remember('history', reply.out);
  const chat = flow.output({ all: reply.out }).with({ saver: new MemorySaver() });
  const one = await chat.complete({ say: 'a' });
  const two = await chat.complete({ say: 'b' }, { parentId: one.runId });
  const three = await chat.complete({ say: 'c' }, { parentId: one.runId });
  expect(two.output.all).toEqual(['a', 'b']);
  expect(three.output.all).toEqual(['a', 'c']);
  await expect(chat.complete({ say: 'x' }, { parentId: 'nope' })).rejects.toMatchObject({
    code: 'run-not-found',
  });
  expect((await firstValueFrom(chat.list())).length).toBe(3);
});

test('5.9, 2.9 a flow inside of a resumed run has the input that its schema made, filled in and checked once', async () => {
  let isDown = true;
  const schema = z.object({ n: z.number().transform((n) => n + 1), unit: z.string().default('m') });
  const inner = new Flow('inner', { input: schema });
  const shown = inner.step(
    'shown',
    ({ n, unit }: { n: number; unit: string }) => {
      if (isDown) throw new Error('down');
      return `${n} ${unit}`;
    },
    { n: inner.input.n, unit: inner.input.unit },
  );
  const flow = new Flow<{ n: number }>('outer');
  const part = flow.step('part', inner.output({ text: shown.out }), { n: flow.input.n });
  const compiled = flow.output({ text: part.out.text }).with({ saver: new MemorySaver() });
  const run = compiled.start({ n: 1 });
  await expect(run.result).rejects.toMatchObject({ code: 'run-failed' });
  isDown = false;
  expect(await compiled.fork(run.id).result).toEqual({ text: '2 m' });
  expect(await compiled.fork(run.id, { at: 2 }).result).toEqual({ text: '2 m' });
  expect(await compiled.resume(run.id).result).toEqual({ text: '2 m' });
});

test('5.9, 2.9 an input that was refused is refused again when the run is resumed or forked', async () => {
  const calls: unknown[] = [];
  let isDown = false;
  const schema = z.object({ n: z.number() }).refine(() => {
    if (isDown) throw new Error('no registry');
    return true;
  });
  const inner = new Flow('inner', { input: schema });
  const a = inner.step('a', ({ n }: { n: number }) => calls.push(n), { n: inner.input.n });
  const flow = inner.output({ a: a.out }).with({ saver: new MemorySaver() });
  const outer = new Flow<{ n: never }>('outer');
  const part = outer.step('part', flow, { n: outer.input.n });
  const around = outer.output({ a: part.out.a }).with({ saver: new MemorySaver() });
  for (const compiled of [flow, around]) {
    const wrong = compiled.start({ n: 'one' as never });
    const { code, message } = (await wrong.result.catch((error) => error)) as FlowError;
    for (const again of [compiled.resume(wrong.id), compiled.fork(wrong.id)])
      await expect(again.result).rejects.toMatchObject({ code, message });
  }
  expect(calls).toEqual([]);
  isDown = true;
  const unchecked = flow.start({ n: 1 });
  await expect(unchecked.result).rejects.toThrow('no registry');
  await expect(flow.resume(unchecked.id).result).rejects.toThrow('no registry');
  isDown = false;
  expect(await flow.resume(unchecked.id).result).toEqual({ a: 1 });
  expect(calls).toEqual([1]);
});

test('5.9, 2.12 a flow that had ended, and was given a stream, has ended in a resumed run', async () => {
  let isDown = true;
  const inner = new Flow<{ parts: Observable<number> }>('inner');
  const all = inner.step(
    'all',
    ({ parts }: { parts: Observable<number> }) => parts.pipe(toArray()),
    { parts: inner.input.parts },
  );
  const flow = new Flow('outer');
  const source = flow.step('source', () => of(1, 2), {});
  const list = flow.step('list', inner.output({ all: all.out }), { parts: source.chunks as never });
  const last = flow.step(
    'last',
    ({ all }: { all: unknown }) => {
      if (isDown) throw new Error('down');
      return all;
    },
    { all: list.out.all },
  );
  const compiled = flow.output({ last: last.out }).with({ saver: new MemorySaver() });
  const run = compiled.start({});
  await expect(run.result).rejects.toMatchObject({ code: 'run-failed' });
  const { list: before } = run.getSnapshot().steps;
  isDown = false;
  const again = compiled.resume(run.id);
  const told: string[] = [];
  again.events$.subscribe(({ path }) => told.push(path));
  await again.result;
  expect(again.getSnapshot().steps['list']).toEqual(before);
  expect(told.filter((path) => path.startsWith('list'))).toEqual([]);
});
