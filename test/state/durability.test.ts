import {
  type Claim,
  type Commit,
  type Durability,
  Flow,
  type FlowEvent,
  MemorySaver,
  staleRun,
} from 'millrace';
import {
  asyncScheduler,
  concatMap,
  delay,
  filter,
  firstValueFrom,
  mergeMap,
  NEVER,
  type Observable,
  of,
  tap,
  throwError,
  toArray,
} from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { expect, test } from 'vitest';

type Saving = (commits$: Observable<Commit>) => Observable<number>;

/** A saver in memory that stores in its own way. */
class OddSaver extends MemorySaver {
  private readonly way: (save: Saving) => Saving;

  constructor(way: (save: Saving) => Saving) {
    super();
    this.way = way;
  }

  override save(commits$: Observable<Commit>): Observable<number> {
    return this.way((inner$) => super.save(inner$))(commits$);
  }
}

const slow = () =>
  new OddSaver(
    (save) => (commits$) => save(commits$.pipe(concatMap((commit) => of(commit).pipe(delay(100))))),
  );
const deaf = () => new OddSaver((save) => (commits$) => save(commits$).pipe(mergeMap(() => NEVER)));
const failing = () =>
  new OddSaver((save) => (commits$) => {
    let count = 0;
    return save(
      commits$.pipe(
        mergeMap((commit) =>
          ++count === 3 ? throwError(() => new Error('disk full')) : of(commit),
        ),
      ),
    );
  });

/** Three steps in a row, each a moment of no time. */
function chain() {
  const flow = new Flow<{ n: number }>('chain');
  const add = ({ n }: { n: number }) => n + 1;
  const a = flow.step('a', add, { n: flow.input.n });
  const b = flow.step('b', add, { n: a.out });
  const c = flow.step('c', add, { n: b.out });
  return flow.output({ n: c.out });
}

/** When each event was told, in ms of virtual time. */
function timesOf(
  saver: MemorySaver,
  durability: Durability,
  maxPending?: number,
): Readonly<Record<string, number>> {
  const times: Record<string, number> = {};
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(({ flush }) => {
    chain()
      .run({ n: 0 }, { saver, durability, ...(maxPending && { maxPending }) })
      .subscribe(({ type, path, t }) => {
        const name = `${type} ${path}`.trim();
        times[name] = t;
      });
    flush();
  });
  return times;
}

/** The order in which things are told, and how it ended. */
function told(
  saver: MemorySaver,
  durability: Durability,
): Promise<{ readonly events: readonly FlowEvent[]; readonly error?: unknown }> {
  return new Promise((resolve) => {
    const events: FlowEvent[] = [];
    chain()
      .run({ n: 0 }, { saver, durability })
      .subscribe({
        next: (event) => events.push(event),
        error: (error: unknown) => resolve({ events, error }),
        complete: () => resolve({ events }),
      });
  });
}

test('5.4 sync: a step starts when what it reads is durable', () => {
  // Heard when durable, 100 ms each: start of the run, start and output of each step, output of the run.
  const frames: string[] = [];
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(({ flush }) => {
    const started: number[] = [];
    const flow = new Flow<{ n: number }>('chain');
    const clock =
      (id: string) =>
      ({ n }: { n: number }) => {
        frames.push(`${id} ${asyncScheduler.now()}`);
        started.push(asyncScheduler.now());
        return n;
      };
    const a = flow.step('a', clock('a'), { n: flow.input.n });
    const b = flow.step('b', clock('b'), { n: a.out });
    flow.output({ n: b.out }).run({ n: 1 }, { saver: slow(), durability: 'sync' }).subscribe();
    flush();
  });
  expect(frames).toEqual(['a 100', 'b 300']);
});

test('5.4 async: steps do not wait for the saver; the end does', () => {
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(({ flush }) => {
    const at: Record<string, number> = {};
    chain()
      .run({ n: 0 }, { saver: slow() })
      .subscribe(({ type, path }) => (at[`${type} ${path}`] = asyncScheduler.now()));
    flush();
    expect(at['STEP_OUTPUT c']).toBe(0);
    expect(at['FLOW_OUTPUT ']).toBe(800);
  });
});

test('5.4 async: when too many commits wait, the run waits for them', () => {
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(({ flush }) => {
    const at: Record<string, number> = {};
    chain()
      .run({ n: 0 }, { saver: slow(), maxPending: 3 })
      .subscribe(({ type, path }) => (at[`${type} ${path}`] = asyncScheduler.now()));
    flush();
    expect(at['STEP_OUTPUT a']).toBe(0);
    expect(at['STEP_OUTPUT b'] as number).toBeGreaterThan(0);
    expect(at['FLOW_OUTPUT ']).toBe(800);
  });
});

test('5.4 exit: one commit, at the end', () => {
  const seen: Commit[] = [];
  const saver = new OddSaver(
    (save) => (commits$) => save(commits$.pipe(tap((commit) => void seen.push(commit)))),
  );
  const times = timesOf(saver, 'exit');
  expect(Object.keys(times).length).toBe(8);
  expect(seen.length).toBe(1);
  expect(seen[0]?.snapshot).toMatchObject({ status: 'success', output: { n: 3 } });
});

test('5.7 sync: a saver that fails stops the run, and no step after it starts', async () => {
  const { events, error } = await told(failing(), 'sync');
  expect(error).toMatchObject({ code: 'saver-failed', cause: { message: 'disk full' } });
  const types = events.map(({ type, path }) => `${type} ${path}`);
  expect(types).not.toContain('STEP_START b');
  expect(types.at(-1)).toBe('FLOW_ERROR ');
});

test('5.7 async: the run goes on without its saver, and says so', async () => {
  const { events, error } = await told(failing(), 'async');
  expect(error).toBeUndefined();
  const unsaved = events.find(({ type }) => type === 'FLOW_UNSAVED');
  expect(unsaved).toMatchObject({ error: { code: 'saver-failed' } });
  expect(events.at(-1)).toMatchObject({ type: 'FLOW_OUTPUT', output: { n: 3 } });
  const run = chain().start({ n: 0 }, { saver: failing() });
  expect(await run.result).toEqual({ n: 3 });
  expect(run.getSnapshot()).toMatchObject({ status: 'success', unsaved: { code: 'saver-failed' } });
});

test('5.7 async: a saver that fails before it has heard of anything is told of, too', async () => {
  for (const save of [
    () => throwError(() => new Error('no disk')),
    () => {
      throw new Error('no disk');
    },
  ]) {
    const { events, error } = await told(Object.assign(new MemorySaver(), { save }), 'async');
    expect(error).toBeUndefined();
    expect(events.map(({ type }) => type).slice(0, 2)).toEqual(['FLOW_START', 'FLOW_UNSAVED']);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i));
    expect(events[1]).toMatchObject({ error: { cause: { message: 'no disk' } } });
  }
});

test('5.7 async: a saver that fails when only the end of the run is left is told of before the end', async () => {
  for (const failing of [0, 3, 7]) {
    let count = 0;
    const store = (commit: Commit) =>
      count++ === failing ? throwError(() => new Error('disk full')) : of(commit);
    const saver = () =>
      new OddSaver(
        (save) => (commits$) =>
          save(
            commits$.pipe(
              delay(1),
              concatMap((commit) => store(commit)),
            ),
          ),
      );
    const { events, error } = await told(saver(), 'async');
    expect(error).toBeUndefined();
    expect(events.slice(-2)).toMatchObject([
      { type: 'FLOW_UNSAVED', error: { cause: { message: 'disk full' } } },
      { type: 'FLOW_OUTPUT', output: { n: 3 } },
    ]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i));
    count = 0;
    const { snapshot } = await chain().complete({ n: 0 }, { saver: saver() });
    expect(snapshot).toMatchObject({ status: 'success', unsaved: { code: 'saver-failed' } });
  }
});

test('5.7 exit: a saver that fails at the end is the error of the run', async () => {
  const saver = new OddSaver(() => () => throwError(() => new Error('disk full')));
  const { error } = await told(saver, 'exit');
  expect(error).toMatchObject({ code: 'saver-failed' });
});

for (const durability of ['sync', 'async', 'exit'] as const) {
  test(`5.4 ${durability}: with a saver that never acknowledges the run does not end by itself, and can be cancelled`, async () => {
    const run = chain().start({ n: 0 }, { saver: deaf(), durability });
    let ended = false;
    run.result.then(
      () => (ended = true),
      () => undefined,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ended).toBe(false);
    const outputs = Object.values(run.getSnapshot().steps).filter(
      ({ status }) => status === 'success',
    );
    expect(outputs.length).toBe(durability === 'sync' ? 0 : 3);
    run.cancel('enough');
    await expect(run.result).rejects.toMatchObject({ code: 'cancelled' });
  });

  test(`5.6 ${durability}: a stale writer is stopped with stale-run`, async () => {
    const saver = new OddSaver(
      () => (commits$) =>
        commits$.pipe(
          mergeMap((commit) =>
            commit.seq >= 3 ? throwError(() => staleRun(commit, 9)) : of(commit.seq),
          ),
        ),
    );
    const { error } = await told(saver, durability);
    expect(error).toMatchObject({ code: 'stale-run' });
  });
}

test('5.5 a run id is claimed before any step starts: the second run is refused', async () => {
  const calls: string[] = [];
  const flow = new Flow('once');
  const a = flow.step('a', () => calls.push('a'), {});
  const compiled = flow.output({ a: a.out }).with({ saver: new MemorySaver() });
  await compiled.complete({}, { id: 'same' });
  await expect(compiled.complete({}, { id: 'same' })).rejects.toMatchObject({ code: 'run-exists' });
  expect(calls).toEqual(['a']);
});

test('5.5 the input of a run is copied once: its claim, its state and its steps share it, and its owner cannot reach it', async () => {
  const input = { list: [{ n: 1 }] };
  const claims: Claim[] = [];
  const saver = new MemorySaver();
  const claim = saver.claim.bind(saver);
  saver.claim = (run) => {
    claims.push(run);
    return claim(run);
  };
  const given: unknown[] = [];
  const flow = new Flow<{ list: { n: number }[] }>('copied');
  const a = flow.step('a', ({ list }: { list: unknown }) => given.push(list), {
    list: flow.input.list,
  });
  const run = flow.output({ a: a.out }).start(input, { saver });
  input.list.push({ n: 2 });
  (input.list[0] as { n: number }).n = 9;
  await run.result;
  const { list } = run.getSnapshot().input as typeof input;
  expect(list).toEqual([{ n: 1 }]);
  expect(Object.isFrozen(list[0])).toBe(true);
  expect((claims[0] as Claim & { input: typeof input }).input.list).toBe(list);
  expect(given).toEqual([list]);
  const [first] = await firstValueFrom(saver.history(run.id).pipe(toArray()));
  expect(first?.patches.map(({ path }) => path.join('.'))).not.toContain('input');
});

test('3.5 a cancelled run is stored as cancelled', async () => {
  const saver = new MemorySaver();
  const flow = new Flow('long');
  const a = flow.step('a', () => NEVER.pipe(filter(() => true)), {});
  const run = flow.output({ a: a.out as never }).start({}, { saver });
  run.cancel();
  await run.result.catch(() => undefined);
  saver
    .load(run.id)
    .subscribe((stored) =>
      expect(stored).toMatchObject({ status: 'cancelled', steps: { a: { status: 'cancelled' } } }),
    );
});

test('3.5, 4.2 what a deaf handler delivers while a slow saver holds events back is told once, and in its order', async () => {
  const flow = new Flow('deaf');
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms, ms));
  const deaf = flow.step('deaf', () => pause(20), {}, { timeout: { attempt: 5 }, fallback: 0 });
  const later = flow.step('later', () => pause(5), {}, { timeout: { attempt: 2 }, fallback: 0 });
  const compiled = flow.output({ deaf: deaf.out, later: later.out });
  const slowly = () =>
    new OddSaver(
      (save) => (commits$) => save(commits$.pipe(concatMap((commit) => of(commit).pipe(delay(8))))),
    );
  for (const durability of ['sync', 'async', 'exit'] as const) {
    const run = compiled.start({}, { saver: slowly(), durability });
    const events: FlowEvent[] = [];
    run.events$.subscribe((event) => events.push(event));
    await run.result;
    await pause(40);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i));
    const late = events.filter(({ type }) => type === 'STEP_LATE').map(({ path }) => path);
    expect(late.sort()).toEqual(['deaf', 'later']);
  }
});
