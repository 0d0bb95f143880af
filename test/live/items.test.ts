import {
  applyPatches,
  commitOf,
  each,
  emptySnapshot,
  Flow,
  type FlowEvent,
  reduce,
  repeat,
  type Snapshot,
} from 'millrace';
import { agent, tool } from 'millrace/llm';
import { scriptedModel } from 'millrace/testing';
import { concat, delay, filter, lastValueFrom, map, NEVER, of, tap, timer } from 'rxjs';
import { expect, test } from 'vitest';
import { inVirtualTime, kept } from './flows.ts';

type Numbers = { numbers: readonly number[] };

/** A step, or a flow of one, for each number. */
function lists(inner = false) {
  const flow = new Flow<Numbers>('lists');
  const item = new Flow<{ n: number }>('item');
  const late = item.step('late', ({ n }: { n: number }) => timer(n).pipe(map(() => n)), {
    n: item.input.n,
  });
  const slow = ({ n }: { n: number }) => timer(n).pipe(map(() => n));
  const code = inner ? item.output({ n: late.out }) : slow;
  const list = flow.step('list', each(code as typeof slow, { as: 'n' }), {
    items: flow.input.numbers,
  });
  return flow.output({ list: list.out });
}

const below = ({ steps }: Snapshot): string[] =>
  Object.entries(steps).map(([path, { status }]) => `${path} ${status}`);

test.each([
  ['a step', false],
  ['a flow', true],
])('6.1 after a shorter list the state has no items of the longer one: each of %s', (_, inner) => {
  inVirtualTime(({ cold, flush }) => {
    const numbers = cold<readonly number[]>('a---b---|', { a: [1, 2, 3], b: [2] });
    const live = lists(inner).live({ numbers });
    const seen: string[][] = [];
    kept(live.state$);
    for (const at of [3.5, 5, 7]) timer(at).subscribe(() => seen.push(below(live.getSnapshot())));
    flush();
    const items = (count: number, status: string) =>
      Array.from({ length: count }, (_, i) => [
        `list[${i}] ${status}`,
        ...(inner ? [`list[${i}].late ${status}`] : []),
      ]).flat();
    expect(seen[0]?.sort()).toEqual(['list success', ...items(3, 'success')].sort());
    expect(seen[1]?.sort()).toEqual(['list running', ...items(1, 'running')].sort());
    expect(seen[2]?.sort()).toEqual(['list success', ...items(1, 'success')].sort());
  });
});

test('6.1 nor, after an empty list, any item; and a longer one brings all of its own', () => {
  inVirtualTime(({ cold, flush }) => {
    const numbers = cold<readonly number[]>('a--b--c---|', { a: [1, 2], b: [], c: [1, 1, 1] });
    const live = lists().live({ numbers });
    const seen: string[][] = [];
    kept(live.state$);
    for (const at of [4, 8]) timer(at).subscribe(() => seen.push(below(live.getSnapshot())));
    flush();
    expect(seen).toEqual([
      ['list success'],
      ['list success', 'list[0] success', 'list[1] success', 'list[2] success'],
    ]);
  });
});

test('6.1 nor rounds of a repeat that took more of them', () => {
  const flow = new Flow<{ n: number }>('rounds');
  const down = flow.step(
    'down',
    repeat(({ n }: { n: number }) => ({ n: n - 1 }), { while: ({ n }) => n > 0, max: 9 }),
    { n: flow.input.n },
  );
  const live = flow.output({ down: down.out }).live({ n: 3 });
  kept(live.state$);
  expect(Object.keys(live.getSnapshot().steps)).toEqual(['down', 'down[0]', 'down[1]', 'down[2]']);
  live.next({ n: 1 });
  expect(Object.keys(live.getSnapshot().steps)).toEqual(['down', 'down[0]']);
});

test('5.3 patches tell of items that are gone: folding them gives the state after each event', () => {
  inVirtualTime(({ cold, flush }) => {
    const numbers = cold<readonly number[]>('a---b---c----|', { a: [1, 2, 3], b: [2], c: [1, 1] });
    const live = lists(true).live({ numbers });
    const { values } = kept(live.events$);
    flush();
    const { runId } = values[0] as FlowEvent;
    let state = emptySnapshot(runId, { id: 'lists', hash: '' });
    let patched = state;
    for (const event of values) {
      const commit = commitOf(state, event);
      state = reduce(state, event);
      if (commit) {
        patched = applyPatches(patched, commit.patches);
        expect(commit.snapshot).toEqual(state);
      }
      expect(patched).toEqual(state);
    }
    expect(below(state)).toContain('list[1] success');
    expect(below(state)).not.toContain('list[2] success');
  });
});

test('6.1 after a version in which an agent called tools the state has no turns of it', async () => {
  const model = scriptedModel([
    { marbles: '(a|)', values: { a: { tool: 'look', input: {} } } },
    { marbles: '(a|)', values: { a: 'Seen.' } },
    { marbles: '(a|)', values: { a: 'Known.' } },
  ]);
  const flow = new Flow<{ prompt: string }>('ask');
  const look = tool(() => 'a mill');
  const asked = flow.step('asked', agent({ model, tools: { look } }), {
    prompt: flow.input.prompt,
  });
  const live = flow
    .output({ text: asked.out.text })
    .live({ prompt: concat(of('What?'), of('And now?').pipe(delay(20))) });
  const paths: string[][] = [];
  await lastValueFrom(
    live.state$.pipe(
      filter(({ status }) => status === 'success'),
      tap(({ steps }) => paths.push(Object.keys(steps))),
    ),
  );
  expect(paths.at(-1)).toEqual(['asked', 'asked.turn[1]']);
});

test('6.5 a step whose place is taken by items, when a newer version gives it up, is called once for that version', () => {
  const flow = new Flow<{ n: number; items: number[] }>('places');
  const calls: number[] = [];
  const work = flow.step(
    'work',
    ({ n }) => {
      calls.push(n);
      return n === 1 ? NEVER : n;
    },
    { n: flow.input.n },
  );
  const plus = each((n: number) => n + 1);
  const items = flow.step('items', plus, { items: flow.input.items });
  const compiled = flow.output({ n: work.out, items: items.out });
  const live = compiled.live({ n: 1, items: [1, 2] }, { concurrency: 1 });
  const { values } = kept(live.output$);
  live.next({ n: 2 });
  expect([calls, values]).toEqual([[1, 2], [{ n: 2, items: [2, 3] }]]);
});

test('6.1 an item that ended while nobody heard is not told as cut short to whoever hears again', () => {
  inVirtualTime(({ cold, flush }) => {
    const numbers = cold<readonly number[]>('a-----b|', { a: [2, 100], b: [1] });
    const live = lists().live({ numbers });
    const first = live.events$.subscribe();
    kept(live.output$);
    timer(1).subscribe(() => first.unsubscribe());
    let skipped: string[] = [];
    timer(4).subscribe(() => {
      const { values } = kept(live.events$.pipe(filter(({ type }) => type === 'STEP_SKIP')));
      timer(3).subscribe(() => {
        skipped = values.map(({ path }) => path);
      });
    });
    flush();
    expect(skipped).toEqual(['list']);
  });
});

test('6.1, 6.5 an older version that is tried again forgets no item of the newest', () => {
  inVirtualTime(({ cold, flush }) => {
    const numbers = cold<readonly number[]>('ab|', { a: [1, 5, -6], b: [2, 30, 40, 3] });
    const flow = new Flow<Numbers>('lists');
    const item = ({ n }: { n: number }) =>
      timer(Math.abs(n)).pipe(
        map(() => {
          if (n < 0) throw new Error('negative');
          return n;
        }),
      );
    const list = flow.step(
      'list',
      each(item, { as: 'n' }),
      { items: flow.input.numbers },
      { policy: 'concat', concurrency: 2, retry: { count: 1, delay: 10 } },
    );
    const live = flow.output({ list: list.out }).live({ numbers });
    kept(live.state$);
    let seen: string[] = [];
    timer(8).subscribe(() => {
      seen = below(live.getSnapshot());
    });
    flush();
    expect(seen.sort()).toContain('list[3] success');
  });
});
