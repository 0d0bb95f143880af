import { type ErrorJson, each, Flow, repeat, type StepSettings } from 'millrace';
import { concat, concatMap, from, map, type Observable, Subject, timer, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { inVirtualTime, kept } from './flows.ts';

type N = { n: number };

/** Says `n` three times, a chunk per ms. */
const say = ({ n }: N): Observable<string> =>
  from(['a', 'b', 'c']).pipe(concatMap((letter) => timer(1).pipe(map(() => letter + n))));

/** Joins what it hears. */
const hear = ({ said }: { said: Observable<string> }): Observable<string> =>
  said.pipe(
    toArray(),
    map((all) => all.join('')),
  );

function talk() {
  const flow = new Flow<N>('talk');
  const speaker = flow.step('speaker', say, { n: flow.input.n });
  const listener = flow.step('listener', hear, { said: speaker.chunks });
  return flow.output({ heard: listener.out });
}

test('2.12 who reads the chunks of a step hears those of its own version, from the first one', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('1----2----|', { 1: 1, 2: 2 });
    const heard = talk()
      .live({ n })
      .output$.pipe(map(({ heard }) => heard));
    expectObservable(heard).toBe('---x----y-|', { x: 'a1b1c1', y: 'a2b2c2' });
  });
});

test('2.12 a stream that is given up takes its reader with it', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const n = hot<number>('1-2-------|', { 1: 1, 2: 2 });
    const heard = talk()
      .live({ n })
      .output$.pipe(map(({ heard }) => heard));
    expectObservable(heard).toBe('-----y----|', { y: 'a2b2c2' });
  });
});

test('2.12 a reader that has more to read begins anew, and hears the stream that still goes on from its first chunk', () => {
  inVirtualTime(({ hot, expectObservable, flush }) => {
    const spoken: number[] = [];
    const flow = new Flow<{ n: number; m: number }>('talk');
    const speaker = flow.step(
      'speaker',
      (given: N) => {
        spoken.push(given.n);
        return say(given);
      },
      { n: flow.input.n },
    );
    const listener = flow.step(
      'listener',
      ({ said, m }: { said: Observable<string>; m: number }) =>
        hear({ said }).pipe(map((all) => `${m}${all}`)),
      { said: speaker.chunks, m: flow.input.m },
    );
    const n = hot<number>('1---------|', { 1: 1 });
    const m = hot<number>('1-2-------|', { 1: 1, 2: 2 });
    const live = flow.output({ heard: listener.out }).live({ n, m });
    expectObservable(live.output$.pipe(map(({ heard }) => heard))).toBe('---x------|', {
      x: '2a1b1c1',
    });
    flush();
    expect(spoken).toEqual([1]);
  });
});

test('2.12 the chunks of a flow are those of its newest version, also of steps that had nothing new to say', () => {
  inVirtualTime(({ hot, expectObservable }) => {
    const inner = new Flow<{ n: number; m: number }>('inner');
    const steady = inner.step('steady', say, { n: inner.input.n });
    const other = inner.step('other', ({ m }: { m: number }) => timer(1).pipe(map(() => m)), {
      m: inner.input.m,
    });
    const built = inner.output({ steady: steady.out, other: other.out });
    const flow = new Flow<{ n: number; m: number }>('outer');
    const step = flow.step('step', built, { n: flow.input.n, m: flow.input.m });
    const listener = flow.step('listener', hear as never, { said: step.chunks } as never);
    const n = hot<number>('1---------|', { 1: 1 });
    const m = hot<number>('1----2----|', { 1: 1, 2: 2 });
    const live = flow.output({ heard: listener.out }).live({ n, m });
    expectObservable(live.output$.pipe(map(({ heard }) => heard as unknown as string))).toBe(
      '---x--y---|',
      { x: '1a1b1c1', y: 'a1b1c12' },
    );
  });
});

test('2.12 the items of a list are worked on anew for each version', () => {
  const flow = new Flow<{ items: readonly number[] }>('list');
  const twice = each(({ item }: { item: number }) => item * 2, { as: 'item' });
  const doubled = flow.step('doubled', twice as never, { items: flow.input.items } as never);
  const items = new Subject<readonly number[]>();
  const { values } = kept(flow.output({ doubled: doubled.out }).live({ items }).output$);
  items.next([1, 2]);
  items.next([1, 2]);
  items.next([3]);
  expect(values).toEqual([{ doubled: [2, 4] }, { doubled: [6] }]);
});

type Said = { said: Observable<string> };
const twice = ({ said }: Said) => concat(said, said).pipe(toArray());
const again = repeat(({ said }: Said & { n: number }) => said.pipe(toArray()), {
  while: (_, round) => round < 1,
  max: 9,
});

test.each([
  ['a step', twice, {}, undefined],
  ['a step with settings', twice, { timeout: { total: 1000 } }, undefined],
  ['rounds', again, {}, undefined],
  ['a step that is retried', twice, { retry: { count: 1 } }, 6],
  ['rounds that are retried', again, { retry: { count: 1 } }, 3],
] as const)(
  '2.12, 6.7 chunks are for one reader in a live flow as they are in a run: %s reads them twice',
  (_, code, settings: StepSettings, length) => {
    inVirtualTime(({ flush }) => {
      const flow = new Flow<N & { m: number }>('twice');
      const speaker = flow.step('speaker', say, { n: flow.input.n });
      const params = { said: speaker.chunks, m: flow.input.m };
      const listener = flow.step('listener', code as typeof twice, params, settings as never);
      const made = flow.output({ heard: listener.out });
      const counts: (number | undefined)[] = [];
      const causes: unknown[] = [];
      const run = made.start({ n: 1, m: 1 }, { onError: 'continue' });
      const live = made.live({ n: 1, m: 1 });
      for (const events$ of [run.events$, live.events$])
        events$.subscribe((event) => {
          if (event.type !== 'STEP_OUTPUT' || event.path !== 'listener') return;
          counts.push((event.output as readonly string[] | undefined)?.length);
          if (event.error) causes.push((event.error.cause as ErrorJson | undefined)?.code);
        });
      run.result.catch(() => undefined);
      flush();
      // A later version reads the same chunks from the first one on.
      live.next({ m: 2 });
      flush();
      live.stop();
      expect(counts).toEqual([length, length, length]);
      expect(causes).toEqual(length ? [] : ['ref-misuse', 'ref-misuse', 'ref-misuse']);
    });
  },
);

test('2.12 every version that reads the chunks of an older one gets all of them, also where several read side by side', () => {
  inVirtualTime(({ flush }) => {
    const flow = new Flow<N & { m: number }>('side');
    const speaker = flow.step('speaker', say, { n: flow.input.n });
    const late = ({ said, m }: Said & { m: number }) =>
      timer(5).pipe(
        concatMap(() => said),
        toArray(),
        map((all) => all.length * m),
      );
    const params = { said: speaker.chunks, m: flow.input.m };
    const listener = flow.step('listener', late, params, { policy: 'merge' });
    const live = flow.output({ heard: listener.out }).live({ n: 1, m: 1 });
    const { values } = kept(live.output$);
    live.next({ m: 2 });
    timer(1).subscribe(() => live.next({ m: 3 }));
    flush();
    expect(values).toEqual([{ heard: 3 }, { heard: 6 }, { heard: 9 }]);
  });
});
