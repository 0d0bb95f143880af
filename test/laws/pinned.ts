/** Graphs on which the engine was wrong once. They are tried before the random ones. */
import { type Case, printable, type StepModel } from './model.ts';
import { code, reads, step } from './pinned-steps.ts';

const flow = (...steps: StepModel[]) => ({
  kind: 'flow' as const,
  flow: { id: 'inner', steps, outputs: {} },
});

const given = (steps: readonly StepModel[], outputs: Case['graph']['outputs'] = {}): Case =>
  printable({ graph: { id: 'flow', steps, outputs }, input: {} });

const producer = code({ form: 'stream', latency: 3, chunks: 2 });
const reader = code({ form: 'stream', latency: 1 });

/** The params of `b` are refused when `a` has ended: `b` starts and fails at once, as events 3 and 4. */
export const refused = given([
  step('a', { work: code({ form: 'thenable', latency: 1, result: 'null' }) }),
  step('b', { params: [{ name: 'p0', source: { key: 'a.return' }, needed: 'number' }] }),
]);

export const pinned: readonly Case[] = [
  // Which of several skipped sources a skip names follows from ids. It must not decide whether the run fails.
  given(
    [
      step('a', { when: { op: 'exists', left: { key: 'i0' } } }),
      step('b', { work: code({ failures: 99 }) }),
      step('d', { params: reads('b.return') }),
      step('e', {
        links: [
          { from: 'a', on: 'settled' },
          { from: 'd', on: 'settled' },
        ],
      }),
    ],
    { o0: 'e.return' },
  ),
  // A step of a flow that is tried again reads the chunks that the flow is given from the first one.
  given([
    step('a', { work: producer }),
    step('b', {
      params: [{ name: 'c0', source: { key: 'a.chunks' } }],
      work: flow(
        step('a', {
          params: reads('c0'),
          settings: { retry: { count: 1, delay: 0, exponential: false } },
          work: { ...reader, failures: 1, reads: 'sorted' },
        }),
      ),
    }),
  ]),
  // Who reads the chunks of a flow that is skipped is decided after it.
  given([
    step('a', { when: { op: 'exists', left: { key: 'i0' } }, work: flow(step('a')) }),
    step('b', { params: reads('a.chunks'), work: { ...reader, reads: 'sorted' } }),
    step('d', { params: reads('a.chunks'), join: 'settled', work: { ...reader, reads: 'sorted' } }),
  ]),
  // Who waits for the chunks of a flow must leave its steps a place to work.
  given([
    step('a', { work: flow(step('a', { work: producer })) }),
    step('b', { params: reads('a.chunks'), work: { ...reader, reads: 'sorted' } }),
    step('d', {
      params: reads('a.chunks'),
      settings: { idleLimit: 'concurrency' },
      work: { ...reader, reads: 'sorted' },
    }),
  ]),
  // The input of a flow that lacks what it requires skips it.
  given([
    step('a', { when: { op: 'exists', left: { key: 'i0' } } }),
    step('b', {
      params: [{ name: 'i1', source: { key: 'a.return' } }],
      join: 'settled',
      work: flow(step('a', { params: [{ name: 'p0', source: { key: 'i1' }, needed: 'any' }] })),
    }),
  ]),
  // Items that are stopped are not at work in the state for ever.
  given([
    step('a', {
      params: [{ name: 'items', source: { value: [0, 1, 2] } }],
      work: {
        kind: 'each',
        as: 'i0',
        onError: 'fail',
        item: { ...producer, varies: true, failures: 99 },
      },
    }),
  ]),
];
