import { each, Flow } from 'millrace';
import { concatMap, from, map, type Observable, Subject, timer, toArray } from 'rxjs';
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
