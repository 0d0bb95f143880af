import fc from 'fast-check';
import { enablePatches, applyPatches as immerPatches } from 'immer';
import {
  applyPatches,
  type Commit,
  claimedSnapshot,
  commitOf,
  each,
  emptySnapshot,
  Flow,
  type FlowEvent,
  MemorySaver,
  reduce,
  type Snapshot,
} from 'millrace';
import { delay, firstValueFrom, from, NEVER, of, tap, toArray } from 'rxjs';
import { expect, test, vi } from 'vitest';

function sample() {
  const inner = new Flow<{ n: number }>('inner');
  const double = inner.step('double', ({ n }: { n: number }) => n * 2, { n: inner.input.n });
  const doubling = inner.output({ n: double.out });
  const flow = new Flow<{ list: number[]; fail: boolean }>('sample');
  const all = flow.step('all', each(doubling, { as: 'n' }), { items: flow.input.list });
  const slow = flow.step('slow', () => of('x').pipe(delay(1)), {});
  const risky = flow.step(
    'risky',
    ({ fail }: { fail: boolean }) => {
      if (fail) throw new Error('no');
      return 1;
    },
    { fail: flow.input.fail },
    { retry: { count: 1 } },
  );
  flow.step('after', ({ n }: { n: number }) => n, { n: risky.out });
  return flow.output({ all: all.out, slow: slow.out });
}

const eventsOf = (input: { list: number[]; fail: boolean }): Promise<FlowEvent[]> =>
  firstValueFrom(sample().run(input).pipe(toArray()));

const empty = (): Snapshot => emptySnapshot('r', { id: 'sample', hash: 'h' });

test('5.1 state is the fold of the events: folding them again gives the same', async () => {
  const run = sample().start({ list: [1, 2], fail: true });
  await run.result;
  const events = await firstValueFrom(run.events$.pipe(toArray()));
  const folded = events.reduce(reduce, emptySnapshot(run.id, run.getSnapshot().flow));
  expect(folded).toEqual(run.getSnapshot());
});

test('5.2 a snapshot is frozen and shares what did not change with the one before', async () => {
  const events = await eventsOf({ list: [1], fail: false });
  let before = empty();
  for (const event of events) {
    const after = reduce(before, event);
    expect(Object.isFrozen(after)).toBe(true);
    for (const [path, step] of Object.entries(before.steps)) {
      if (path !== event.path && !event.type.startsWith('FLOW_'))
        expect(after.steps[path]).toBe(step);
    }
    before = after;
  }
});

test('5.2 state$ gives the state at once, then each change, and the same state is the same object', async () => {
  const run = sample().start({ list: [1], fail: false });
  const seen: Snapshot[] = [];
  run.state$.subscribe((snapshot) => seen.push(snapshot));
  expect(seen.length).toBe(1);
  expect(seen[0]).toBe(run.getSnapshot());
  expect(run.getSnapshot()).toBe(run.getSnapshot());
  await run.result;
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.at(-1)).toBe(run.getSnapshot());
  expect(seen.map(({ seq }) => seq)).toEqual([...seen.map(({ seq }) => seq)].sort((a, b) => a - b));
});

test('5.3 folding the patches of commits 0..n gives snapshot n, for every n, after JSON too', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.integer(), { maxLength: 8 }), fc.boolean(), async (list, fail) => {
      let snapshot = empty();
      let folded = empty();
      let revived = empty();
      let prev = -1;
      for (const event of await eventsOf({ list, fail })) {
        const commit: Commit | undefined = commitOf(snapshot, event);
        if (!commit) continue;
        expect(commit.prev).toBe(prev);
        prev = commit.seq;
        snapshot = commit.snapshot;
        folded = applyPatches(folded, commit.patches);
        revived = applyPatches(
          revived,
          JSON.parse(JSON.stringify(commit.patches)) as Commit['patches'],
        );
        expect(folded).toEqual(snapshot);
        expect(JSON.parse(JSON.stringify(revived))).toEqual(JSON.parse(JSON.stringify(snapshot)));
      }
    }),
    { numRuns: 60 },
  ));

/** All commits of a run, their snapshots not read yet. */
async function commitsOf(input: { list: number[]; fail: boolean }): Promise<Commit[]> {
  const commits: Commit[] = [];
  const saver = new MemorySaver();
  const save = saver.save.bind(saver);
  saver.save = (commits$) => save(commits$.pipe(tap((commit) => commits.push(commit))));
  await sample().complete(input, { saver });
  return commits;
}

test('5.3 the snapshot of a commit is the state after it, whenever and in whatever order they are read', async () => {
  const input = { list: Array.from({ length: 700 }, (_, index) => index), fail: true };
  const read = (order: (commits: Commit[]) => Commit[]) => async () => {
    const commits = await commitsOf(input);
    const snapshots = new Map(order(commits).map((commit) => [commit.seq, commit.snapshot]));
    const [{ runId, snapshot }] = commits as [Commit];
    let state = claimedSnapshot({ runId, flow: snapshot.flow, input, t: 0 });
    expect(commits.length).toBeGreaterThan(2000);
    for (const commit of commits) {
      state = applyPatches(state, commit.patches);
      const known = snapshots.get(commit.seq);
      if (known) expect(known).toEqual(state);
      expect(commit.snapshot).toBe(commit.snapshot);
    }
  };
  const some = (commits: Commit[]) => commits.filter((_, index) => index % 211 === 0);
  await read(some)();
  await read((commits) => some(commits).reverse())();
  await read((commits) =>
    some(commits)
      .filter(({ seq }) => seq % 2)
      .concat(some(commits)),
  )();
});

test('5.3 a copy of a commit has its snapshot', async () => {
  const [first] = await commitsOf({ list: [], fail: false });
  expect({ ...first }).toMatchObject({ snapshot: { status: 'running' } });
  expect(JSON.parse(JSON.stringify(first))).toMatchObject({ snapshot: { status: 'running' } });
  expect(structuredClone(first)).toMatchObject({ snapshot: { status: 'running' } });
  expect(Object.isFrozen(first)).toBe(true);
});

test('5.3 items that were stopped because another one failed are cancelled in the patches of a run that succeeds, too', async () => {
  const flow = new Flow<{ list: number[] }>('f');
  const work = ({ n }: { n: number }) => (n === 1 ? NEVER : Promise.reject(new Error('no')));
  flow.step(
    'all',
    each(work, { as: 'n' }) as never,
    { items: flow.input.list } as never,
    {
      fallback: { value: 'none' },
    } as never,
  );
  const other = flow.step('other', () => 1, {});
  const saver = new MemorySaver();
  const run = flow.output({ other: other.out }).start({ list: [1, 2] }, { saver });
  await run.result;
  expect(run.getSnapshot()).toMatchObject({
    status: 'success',
    steps: { 'all[0]': { status: 'cancelled' } },
  });
  const commits = await firstValueFrom(from(saver.history(run.id)).pipe(toArray()));
  expect(commits.at(-1)?.snapshot).toEqual(run.getSnapshot());
});

test('5.3 immer applies the patches to a plain snapshot, too', async () => {
  enablePatches();
  let snapshot = empty();
  let plain = JSON.parse(JSON.stringify(snapshot)) as object;
  for (const event of await eventsOf({ list: [1, 2], fail: true })) {
    const commit = commitOf(snapshot, event);
    if (!commit) continue;
    snapshot = commit.snapshot;
    const patches = commit.patches.map((patch) => ({ ...patch, path: [...patch.path] }));
    plain = immerPatches(plain, patches);
    expect(plain).toEqual(JSON.parse(JSON.stringify(snapshot)));
  }
});

test('5.2 snapshots from one before that grow apart do not see each other', async () => {
  const events = await eventsOf({ list: [1], fail: false });
  const [start] = events as [FlowEvent];
  const base = reduce(empty(), start);
  const at = (path: string): FlowEvent =>
    ({ ...start, type: 'STEP_START', path, stepId: path, seq: 1, input: {} }) as FlowEvent;
  const left = reduce(base, at('left'));
  const right = reduce(base, at('right'));
  expect(Object.keys(left.steps)).toEqual(['left']);
  expect(Object.keys(right.steps)).toEqual(['right']);
  expect(Object.keys(base.steps)).toEqual([]);
});

test('5.2 thousands of steps keep their records, in the order in which they came', () => {
  let snapshot = empty();
  for (let i = 0; i < 5000; i++) {
    snapshot = reduce(snapshot, {
      type: 'STEP_START',
      input: { i },
      runId: 'r',
      path: `s${i}`,
      stepId: `s${i}`,
      seq: i,
      t: i,
    });
  }
  const paths = Object.keys(snapshot.steps);
  expect(paths.length).toBe(5000);
  expect(paths[1234]).toBe('s1234');
  expect(snapshot.steps['s4999']).toMatchObject({ status: 'running', input: { i: 4999 } });
});

test('5.2 snapshots survive JSON and structuredClone', async () => {
  const { snapshot } = await sample().complete({ list: [1, 2], fail: true });
  expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
  expect(structuredClone(snapshot)).toEqual(snapshot);
});

test('5.4 a saver gets every change of state once and in order', async () => {
  const saver = new MemorySaver();
  const run = sample().start({ list: [1, 2, 3], fail: true }, { saver });
  await run.result;
  const commits = await firstValueFrom(from(saver.history(run.id)).pipe(toArray()));
  expect(commits.at(-1)?.snapshot).toEqual(run.getSnapshot());
  expect(commits.map(({ prev }) => prev)).toEqual([
    -1,
    ...commits.slice(0, -1).map(({ seq }) => seq),
  ]);
});

test('5.2 a step that begins anew costs what is below it, however much else is in the state', () => {
  const looks = (others: number): number => {
    const paths = [
      's',
      's[0]',
      's[0].a',
      's[1].a',
      ...Array.from({ length: others }, (_, i) => `t[${i}]`),
    ];
    let seq = 0;
    const event = (path: string, change: object) =>
      ({ runId: 'r', path, stepId: 'x', seq: seq++, t: 0, ...change }) as unknown as FlowEvent;
    const before = paths
      .map((path) => event(path, { type: 'STEP_START', input: {} }))
      .reduce(reduce, empty());
    const again = event('s', { type: 'STEP_RETRY', attempt: 1, delay: 0, anew: true });
    const counted = vi.spyOn(Map.prototype, 'get');
    const commit = commitOf(before, again);
    const { length } = counted.mock.calls;
    counted.mockRestore();
    expect(commit?.patches.filter(({ op }) => op === 'remove').map(({ path }) => path[1])).toEqual([
      's[0]',
      's[0].a',
      's[1].a',
    ]);
    expect(Object.keys(commit?.snapshot.steps ?? {})).toHaveLength(others + 1);
    return length;
  };
  expect(looks(5_000)).toBe(looks(5));
});
