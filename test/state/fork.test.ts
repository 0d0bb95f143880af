import { each, Flow, MemorySaver, type Ref, type Snapshot } from 'millrace';
import { firstValueFrom, toArray } from 'rxjs';
import { expect, test } from 'vitest';

/** Thirty steps in a lattice: each reads one or two before it. */
function lattice() {
  const calls: string[] = [];
  const flow = new Flow<{ n: number }>('lattice');
  const nodes: { id: string; out: Ref<number> }[] = [];
  const sources = new Map<string, readonly string[]>();
  for (let i = 0; i < 30; i++) {
    const id = `s${i}`;
    const [left, right] = [nodes[i - 3], nodes[i - 7]];
    sources.set(
      id,
      [left?.id, right?.id].filter((each) => each !== undefined),
    );
    const node = flow.step(
      id,
      ({ x, y }: { x: number; y?: number }) => {
        calls.push(id);
        return x + (y ?? 0) + i;
      },
      { x: left?.out ?? flow.input.n, ...(right && { y: right.out }) },
    );
    nodes.push(node);
  }
  const saver = new MemorySaver();
  const compiled = flow
    .output(Object.fromEntries(nodes.map(({ id, out }) => [id, out])))
    .with({ saver });
  const dependents = (of: string): string[] => {
    const reached = new Set([of]);
    for (const [id, froms] of sources) if (froms.some((from) => reached.has(from))) reached.add(id);
    reached.delete(of);
    return [...reached];
  };
  return { calls, saver, flow: compiled, dependents };
}

for (const edited of ['s0', 's5', 's12', 's28']) {
  test(`5.10 editing the result of ${edited} runs exactly the steps that depend on it`, async () => {
    const { calls, saver, flow, dependents } = lattice();
    const { runId, output } = await flow.complete({ n: 1 });
    const before = JSON.stringify(await firstValueFrom(saver.load(runId)));
    calls.length = 0;
    const run = flow.fork(runId, { edit: { [`${edited}.return`]: 1000 } });
    const forked = (await run.result) as Record<string, number>;
    expect(calls.sort()).toEqual(dependents(edited).sort());
    expect(forked[edited]).toBe(1000);
    for (const id of Object.keys(output)) {
      if (id !== edited && !dependents(edited).includes(id)) {
        expect(forked[id]).toBe((output as Record<string, number>)[id]);
      }
    }
    expect(JSON.stringify(await firstValueFrom(saver.load(runId)))).toBe(before);
  });
}

test('5.10 a fork without an edit of a run that succeeded runs nothing and gives the same', async () => {
  const { calls, flow } = lattice();
  const { runId, output } = await flow.complete({ n: 1 });
  calls.length = 0;
  expect(await flow.fork(runId).result).toEqual(output);
  expect(calls).toEqual([]);
});

test('5.10 a fork at an event has what had ended by then', async () => {
  const { calls, saver, flow } = lattice();
  const { runId, output } = await flow.complete({ n: 1 });
  const commits = await firstValueFrom(saver.history(runId).pipe(toArray()));
  const at = commits[20]?.seq as number;
  const done = Object.entries(commits[20]?.snapshot.steps ?? {}).filter(
    ([, step]) => step.status === 'success',
  );
  calls.length = 0;
  const run = flow.fork(runId, { at });
  expect(await run.result).toEqual(output);
  expect(calls.length).toBe(30 - done.length);
  expect(run.id).not.toBe(runId);
});

test('5.10 the log of a fork stands alone: it can be resumed and forked again', async () => {
  const { calls, saver, flow } = lattice();
  const { runId } = await flow.complete({ n: 1 });
  const one = flow.fork(runId, { edit: { 's5.return': 7 } });
  await one.result;
  calls.length = 0;
  const two = flow.fork(one.id, { edit: { 's29.return': 0 } });
  await two.result;
  expect(calls).toEqual([]);
  const stored = await firstValueFrom(saver.load(two.id));
  expect(stored?.steps['s5']?.output).toBe(7);
  expect(Object.keys(stored?.steps ?? {}).length).toBe(30);
});

test('5.10 a part of a result can be edited', async () => {
  const flow = new Flow('parts');
  const page = flow.step('page', () => ({ title: 'Old', tags: ['a', 'b'] }), {});
  const shown = flow.step(
    'shown',
    ({ title, tag }: { title: string; tag?: string | undefined }) => `${title} ${tag}`,
    {
      title: page.out.title,
      tag: page.out.tags[1],
    },
  );
  const compiled = flow.output({ shown: shown.out }).with({ saver: new MemorySaver() });
  const { runId } = await compiled.complete({});
  const run = compiled.fork(runId, {
    edit: { 'page.return.title': 'New', 'page.return.tags[1]': 'c' },
  });
  expect(await run.result).toEqual({ shown: 'New c' });
});

test('5.10 an input that is no object can be edited, too', async () => {
  const flow = new Flow<number>('number');
  const twice = flow.step('twice', ({ n }: { n: number }) => 2 * n, { n: flow.input });
  const compiled = flow.output({ twice: twice.out }).with({ saver: new MemorySaver() });
  const { runId } = await compiled.complete(4);
  expect(await compiled.fork(runId, { edit: { input: 6 } }).result).toEqual({ twice: 12 });
});

test('5.10, 1.6 an edit reaches no prototype: the part is one of the value, whatever its name', async () => {
  const flow = new Flow('odd');
  const page = flow.step('page', () => ({ title: 'Old' }), {});
  const shown = flow.step(
    'shown',
    ({ page }: { page: object }) => [JSON.stringify(page), 'polluted' in page],
    { page: page.out },
  );
  const compiled = flow.output({ shown: shown.out }).with({ saver: new MemorySaver() });
  const { runId } = await compiled.complete({});
  const run = compiled.fork(runId, { edit: { 'page.return.__proto__': { polluted: 1 } } });
  expect(await run.result).toEqual({
    shown: ['{"title":"Old","__proto__":{"polluted":1}}', false],
  });
});

test('5.10 items of each() that no edit reaches are kept', async () => {
  const calls: number[] = [];
  const flow = new Flow<{ list: number[]; other: number }>('items');
  const squares = flow.step(
    'squares',
    each((n: number) => {
      calls.push(n);
      return n * n;
    }),
    { items: flow.input.list },
  );
  const sum = flow.step(
    'sum',
    ({ all, other }: { all: number[]; other: number }) => all.reduce((a, b) => a + b, other),
    {
      all: squares.out,
      other: flow.input.other,
    },
  );
  const compiled = flow.output({ sum: sum.out }).with({ saver: new MemorySaver() });
  const { runId } = await compiled.complete({ list: [1, 2, 3], other: 0 });
  calls.length = 0;
  const run = compiled.fork(runId, { edit: { input: { list: [1, 2, 3], other: 100 } } });
  expect(await run.result).toEqual({ sum: 114 });
  expect(calls).toEqual([]);
});

test('5.10 what cannot be edited is refused with its name', async () => {
  const { flow } = lattice();
  const { runId } = await flow.complete({ n: 1 });
  await expect(flow.fork(runId, { edit: { 's99.return': 1 } }).result).rejects.toThrow(
    '"s99.return" cannot be edited. Did you mean "s9.return"? Write "step.return" with the path of a step, or "input".',
  );
  await expect(flow.fork('nope').result).rejects.toMatchObject({ code: 'run-not-found' });
  await expect(flow.fork(runId, { at: 10_000 }).result).rejects.toMatchObject({
    code: 'invalid-option',
  });
});

/** Two outputs, each of a step of its own and one of a flow. */
function twoOutputs(calls: string[]) {
  const inner = new Flow<{ n: number }>('inner');
  const deep = inner.step('deep', ({ n }) => calls.push('deep') && n + 1, { n: inner.input.n });
  const flow = new Flow<{ n: number }>('two');
  const first = flow.step('first', ({ n }) => calls.push('first') && n, { n: flow.input.n });
  const second = flow.step('second', inner.output({ n: deep.out }), { n: first.out });
  return flow.output({ first: first.out, second: second.out.n }).with({ saver: new MemorySaver() });
}

test('5.10, 2.15 a fork decides anew what is needed: steps that the run had left out are run for the outputs that it wants', async () => {
  const calls: string[] = [];
  const flow = twoOutputs(calls);
  await flow.complete({ n: 1 }, { id: 'part', outputs: ['first'] });
  expect(calls).toEqual(['first']);
  const again = flow.fork('part', { outputs: ['first'] });
  expect(await again.result).toEqual({ first: 1 });
  expect(again.getSnapshot().steps['second']).toMatchObject({ reason: 'not-needed' });
  const other = flow.fork('part', { outputs: ['second'] });
  expect(await other.result).toEqual({ second: 2 });
  const types: string[] = [];
  other.events$.subscribe(({ type, path }) => path.startsWith('second') && types.push(type));
  expect(types).toEqual(['STEP_START', 'STEP_START', 'STEP_OUTPUT', 'STEP_OUTPUT']);
  expect(await flow.fork('part').result).toEqual({ first: 1, second: 2 });
  expect(calls).toEqual(['first', 'deep', 'deep']);
});

test('5.9, 2.15 outputs are given again when a run is resumed', async () => {
  const calls: string[] = [];
  const flow = twoOutputs(calls);
  const run = flow.start({ n: 1 }, { outputs: ['first'], signal: AbortSignal.abort() });
  await expect(run.result).rejects.toMatchObject({ code: 'cancelled' });
  expect(await flow.resume(run.id, { outputs: ['first'] }).result).toEqual({ first: 1 });
  expect(calls).toEqual(['first']);
});

test('5.10, 5.9 what is tried again in a fork is run again, all of it', async () => {
  const calls: string[] = [];
  let made = 0;
  const inner = new Flow('inner');
  const a = inner.step('a', () => calls.push('a') && ++made, {});
  const b = inner.step(
    'b',
    ({ a }: { a: number }) => {
      calls.push('b');
      if (a === 1) throw new Error('down');
      return a;
    },
    { a: a.out },
  );
  const flow = new Flow('outer');
  const part = flow.step('part', inner.output({ b: b.out }), {}, { retry: { count: 1 } });
  const saver = new MemorySaver();
  const compiled = flow.output({ b: part.out.b }).with({ saver });
  const { runId } = await compiled.complete({});
  const commits = await firstValueFrom(saver.history(runId).pipe(toArray()));
  const at = commits.find(({ snapshot }) => snapshot.steps['part.b'])?.seq as number;
  calls.length = 0;
  expect(await compiled.fork(runId, { at }).result).toEqual({ b: 3 });
  expect(calls.join(' ')).toBe('b a b');
});

test('5.10 a fork keeps what failed, and what was skipped for it, inside of what it takes over', async () => {
  const item = new Flow<{ n: number }>('item');
  const odd = item.step(
    'odd',
    ({ n }: { n: number }) => {
      if (n % 2) throw new Error('odd');
      return n;
    },
    { n: item.input.n },
  );
  item.step('after', ({ n }: { n: number }) => n, { n: odd.out });
  const flow = new Flow('list');
  const list = flow.step('list', each(item.output({ n: item.input.n })), {
    items: [{ n: 1 }, { n: 2 }],
  });
  const compiled = flow.output({ list: list.out }).with({ saver: new MemorySaver() });
  const { runId, snapshot } = await compiled.complete({});
  expect(snapshot.steps['list[0].after']).toMatchObject({ reason: 'upstream-failed' });
  const fork = compiled.fork(runId);
  await fork.result;
  const statuses = ({ steps }: Snapshot) =>
    Object.entries(steps).map(([path, { status, error }]) => [path, status, error?.message]);
  expect(statuses(fork.getSnapshot())).toEqual(statuses(snapshot));
});

test('5.10 in a flow whose result is edited before it began nothing runs', async () => {
  const calls: string[] = [];
  const inner = new Flow<{ n: number }>('inner');
  const one = inner.step('one', ({ n }: { n: number }) => calls.push('one') + n, {
    n: inner.input.n,
  });
  const flow = new Flow<{ n: number }>('outer');
  const first = flow.step('first', ({ n }: { n: number }) => n, { n: flow.input.n });
  const part = flow.step('part', inner.output({ n: one.out }), { n: first.out });
  const last = flow.step('last', ({ n }: { n: number }) => n, { n: part.out.n });
  const compiled = flow.output({ n: last.out }).with({ saver: new MemorySaver() });
  const { runId } = await compiled.complete({ n: 1 });
  calls.length = 0;
  const fork = compiled.fork(runId, { at: 0, edit: { 'part.return': { n: 7 } } });
  expect(await fork.result).toEqual({ n: 7 });
  expect(calls).toEqual([]);
  expect(fork.getSnapshot().steps).toMatchObject({
    part: { status: 'success', output: { n: 7 } },
    'part.one': { status: 'skipped' },
  });
});
