/** Lists in the shared memory, and steps below steps, as libraries use them. */
import {
  Adds,
  defineStep,
  each,
  Flow,
  listOf,
  MemorySaver,
  repeat,
  runAround,
  runStep,
  type Step,
  type StepContext,
  StepResult,
  Through,
  together,
} from 'millrace';
import {
  concat,
  concatMap,
  delay,
  firstValueFrom,
  map,
  Observable,
  of,
  throwError,
  toArray,
} from 'rxjs';
import { expect, test } from 'vitest';

/** Gives what it sees of the list, and adds its params to it. */
const note = defineStep({
  run: ({ say }: { say: string }, context) =>
    runAround(context)
      .remembered('log', Number.POSITIVE_INFINITY)
      .pipe(concatMap((seen) => of(new Adds('log', [say]), seen))) as Observable<string[]>,
});

const logOf = (saver: MemorySaver, runId: string) =>
  firstValueFrom(listOf<string>(saver, runId, 'log'));

async function logged(flow: Flow<unknown>, options = {}): Promise<readonly string[]> {
  const saver = new MemorySaver();
  const { runId } = await flow.output({}).complete({}, { saver, ...options });
  return logOf(saver, runId);
}

test('5.8 a step sees what steps before it have added, and no other; the list is in the order of the graph', async () => {
  const flow = new Flow('order');
  const slow = flow.step('z', () => new Promise((resolve) => setTimeout(resolve, 5)), {});
  const c = flow.step('c', note, { say: 'c' }, { after: [slow] });
  const b = flow.step('b', note, { say: 'b' });
  const a = flow.step('a', note, { say: 'a' }, { after: [c] });
  const saver = new MemorySaver();
  const { output, runId } = await flow
    .output({ a: a.out, b: b.out, c: c.out })
    .complete({}, { saver });
  expect(output).toEqual({ a: ['c'], b: [], c: [] });
  expect(await logOf(saver, runId)).toEqual(['b', 'c', 'a']);
});

test('5.8 what an attempt has added counts if it succeeds', async () => {
  let attempts = 0;
  const flaky = defineStep({
    run: (_: unknown) =>
      concat(
        of(new Adds('log', [`attempt ${++attempts}`])),
        attempts < 3 ? throwError(() => new Error('busy')) : of('done'),
      ),
  });
  const flow = new Flow('attempts');
  flow.step('a', flaky, {}, { retry: { count: 5 } });
  flow.step(
    'b',
    () =>
      concat(
        of(new Adds('log', ['lost'])),
        throwError(() => new Error('down')),
      ),
    {},
    { fallback: 'else' },
  );
  flow.step(
    'c',
    () =>
      concat(
        of(new Adds('log', ['lost'])),
        throwError(() => new Error('down')),
      ),
    {},
  );
  expect(await logged(flow)).toEqual(['attempt 3']);
});

test('5.8 items of each add in their order, rounds of repeat in theirs, failed items nothing', async () => {
  const late = defineStep({
    run: async ({ say }: { say: string }) => {
      await new Promise((resolve) => setTimeout(resolve, say === 'x' ? 5 : 0));
      return concat(
        of(new Adds('log', [say])),
        say === 'bad' ? throwError(() => new Error('bad')) : of(say),
      ) as never;
    },
  });
  const flow = new Flow('many');
  const a = flow.step('a', each(late, { onError: 'skip' }), {
    items: [{ say: 'x' }, { say: 'bad' }, { say: 'y' }],
  });
  flow.step(
    'b',
    repeat(note, { while: (_, round) => round < 1, max: 2, next: () => ({ say: 'again' }) }),
    { say: 'first' },
    { after: [a] },
  );
  expect(await logged(flow)).toEqual(['x', 'y', 'first', 'again']);
});

test('5.8 runs go on with the list of the run that they continue, over any number of runs', async () => {
  const saver = new MemorySaver();
  const flow = new Flow<{ say: string }>('chain');
  const a = flow.step('a', note, { say: flow.input.say });
  const chain = flow.output({ seen: a.out });
  let parentId: string | undefined;
  for (let i = 0; i < 300; i++) {
    const { output, runId } = await chain.complete(
      { say: `${i}` },
      { saver, ...(parentId && { parentId }) },
    );
    expect(output.seen).toEqual(Array.from({ length: i }, (_, at) => `${at}`));
    parentId = runId;
  }
  const snapshot = await firstValueFrom(saver.load(parentId as string));
  expect(JSON.stringify(snapshot?.data).length).toBeLessThan(1000);
});

test('5.8 a run that continues one that goes on later has what that one had left when it was continued', async () => {
  const saver = new MemorySaver();
  let isUp = false;
  const flow = new Flow<{ says: string[] }>('parent');
  const all = flow.step('all', each(note, { as: 'say' }), { items: flow.input.says });
  const more = flow.step('more', note, { say: 'later' });
  const last = flow.step('last', () => (isUp ? 1 : Promise.reject(new Error('down'))), {});
  flow.link(all, last);
  flow.link(last, more);
  const parent = flow.output({ seen: more.out }).with({ saver });
  const says = Array.from({ length: 80 }, (_, at) => `${at}`);
  await parent.complete({ says }, { id: 'parent' }).catch(() => undefined);

  const next = new Flow<{ say: string }>('next');
  const child = next
    .output({ seen: next.step('a', note, { say: next.input.say }).out })
    .with({ saver });
  await child.complete({ say: 'child' }, { id: 'child', parentId: 'parent' });
  expect(await logOf(saver, 'child')).toEqual([...says, 'child']);
  isUp = true;
  await parent.resume('parent').result;
  expect(await logOf(saver, 'parent')).toEqual([...says, 'later']);
  expect(await logOf(saver, 'child')).toEqual([...says, 'child']);
  const { output } = await child.complete({ say: 'grandchild' }, { parentId: 'child' });
  expect(output.seen).toEqual([...says, 'child']);
});

test('5.8 older pages of a list may take their time, and a cancelled run stops reading them', async () => {
  let loads = 0;
  class SlowSaver extends MemorySaver {
    override load(runId: string) {
      loads++;
      return super.load(runId).pipe(delay(0));
    }
  }
  const saver = new SlowSaver();
  const flow = new Flow<{ say: string }>('slow');
  const a = flow.step('a', note, { say: flow.input.say });
  const chain = flow.output({ seen: a.out });
  let parentId: string | undefined;
  for (let i = 0; i < 200; i++) {
    const { output, runId } = await chain.complete(
      { say: `${i}` },
      { saver, ...(parentId && { parentId }) },
    );
    expect(output.seen).toHaveLength(i);
    parentId = runId;
  }
  loads = 0;
  const run = chain.start({ say: 'x' }, { saver, ...(parentId && { parentId }) });
  run.result.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 1));
  run.cancel();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(loads).toBeLessThanOrEqual(3);
});

test('5.8 any value can be the name of a list', async () => {
  const flow = new Flow('names');
  flow.step('a', () => of(new Adds('__proto__', [1]), new Adds('constructor', [2]), 'x'), {});
  const saver = new MemorySaver();
  const { runId } = await flow.output({}).complete({}, { saver });
  expect(await firstValueFrom(listOf(saver, runId, '__proto__'))).toEqual([1]);
  expect(await firstValueFrom(listOf(saver, runId, 'constructor'))).toEqual([2]);
  expect(await firstValueFrom(listOf(saver, runId, 'toString'))).toEqual([]);
});

const sum = defineStep({ run: ({ a, b }: { a: number; b: number }) => a + b });

test('4.3 steps that a step runs below itself are told at their path; together they give one list', async () => {
  const both: Step<Record<never, never>, number[]> = defineStep({
    run: (_: unknown, context: StepContext) =>
      together(
        [1, 2].map((n) => runStep(sum as Step, { a: n, b: n }, context, `.sum[${n}]`)),
      ) as Observable<number[]>,
  });
  const flow = new Flow('below');
  const a = flow.step('a', both, {});
  const events = await firstValueFrom(flow.output({ all: a.out }).run({}).pipe(toArray()));
  expect(events.map(({ type, path }) => `${type} ${path}`)).toEqual([
    'FLOW_START ',
    'STEP_START a',
    'STEP_START a.sum[1]',
    'STEP_OUTPUT a.sum[1]',
    'STEP_START a.sum[2]',
    'STEP_OUTPUT a.sum[2]',
    'STEP_OUTPUT a',
    'FLOW_OUTPUT ',
  ]);
  expect(events.at(-1)).toMatchObject({ output: { all: [2, 4] } });
});

test('5.9 what a step below has added is added again when its result is taken from the record', async () => {
  let isDown = true;
  const outer = defineStep({
    run: (_: unknown, context: StepContext) =>
      concat(
        runStep(note as Step, { say: 'below' }, context, '.note').pipe(
          map((told) => (told instanceof StepResult ? new Through('x') : told)),
        ),
        new Observable((out) => {
          if (isDown) out.error(new Error('down'));
          else out.next(new StepResult('up'));
          out.complete();
        }),
      ) as Observable<string>,
  });
  const flow = new Flow('recorded');
  const a = flow.step('a', outer, {});
  const saver = new MemorySaver();
  const compiled = flow.output({ a: a.out }).with({ saver });
  await expect(compiled.complete({}, { id: 'r' })).rejects.toThrow('down');
  expect(await logOf(saver, 'r')).toEqual([]);
  isDown = false;
  expect(await compiled.resume('r').result).toEqual({ a: 'up' });
  expect(await logOf(saver, 'r')).toEqual(['below']);
});

test('a step of a library that is called without a run says what it needs', () => {
  expect(() => runAround({} as StepContext)).toThrow('Make it a step of a flow, and run the flow');
});
