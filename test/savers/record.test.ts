import fc from 'fast-check';
import type { Change } from 'millrace';
import { expect, test } from 'vitest';
import { decode } from '../../src/savers/codec.ts';
import {
  commitText,
  folding,
  headText,
  lookAtBase,
  restored,
  type StoredCommit,
  writtenAfter,
} from '../../src/savers/record.ts';
import { Story } from '../../src/testing/saver-story.ts';

const error = { name: 'Error', message: 'no' };
const value = fc.oneof(fc.jsonValue(), fc.constantFrom(undefined, new Date(1), Number.NaN, '~'));
const changes: fc.Arbitrary<Change> = fc.oneof(
  value.map((input): Change => ({ type: 'STEP_START', input })),
  value.map(
    (output): Change => ({ type: 'STEP_OUTPUT', input: {}, output, t0: 1, t1: 2, attempts: 1 }),
  ),
  fc.constantFrom<Change>(
    { type: 'STEP_OUTPUT', input: {}, error, t0: 1, t1: 2, attempts: 3 },
    { type: 'STEP_RETRY', attempt: 1, delay: 0, error },
    { type: 'STEP_SKIP', reason: 'condition-false', detail: { message: 'no', source: 'a' } },
    { type: 'FLOW_ERROR', error },
    { type: 'FLOW_START', flow: 'story', input: {}, resumed: true },
    { type: 'FLOW_SUSPEND', questions: {} },
    { type: 'FLOW_OUTPUT', output: null, data: { memory: [1] } },
  ),
  value.map((question): Change => ({ type: 'STEP_WAIT', question })),
);
const paths = fc.constantFrom('a', 'b', 'all[10]', '__proto__', 'toString', 'steps', 'seq');
const told = fc.array(fc.tuple(changes, paths), { maxLength: 30 });

test('5.3 what is stored of commits gives back their patches and their states', () =>
  fc.assert(
    fc.property(told, (events) => {
      const story = new Story('one', { input: { n: 1 }, parentId: 'zero' });
      for (const [change, path] of events)
        story.tell(change, change.type.startsWith('FLOW_') ? '' : path);
      const head = headText(story.claim);
      const stored = story.commits.map((each) => decode(commitText(each)) as StoredCommit);
      const fold = folding(head);
      expect(stored.map(fold)).toEqual(story.commits.map((commit) => ({ ...commit })));
      expect(restored(head, undefined, stored)).toEqual(story.snapshot);
    }),
  ));

test('a commit is stored as what its fields are from then on', () => {
  const story = new Story('one').step('a', 5);
  story.tell({ type: 'FLOW_ERROR', error });
  story.tell({ type: 'FLOW_START', flow: 'story', input: {}, resumed: true });
  const texts = story.commits.map(commitText);
  expect(texts[1]).toBe(
    '{"seq":1,"steps":{"a":{"status":"running","input":{},"attempts":1,"t0":1001}}}',
  );
  expect(texts[2]).toBe(
    '{"seq":2,"steps":{"a":{"status":"success","output":5,"t0":1000,"t1":1001}}}',
  );
  expect(texts[4]).toContain('"t1":{"~":"undefined"}');
});

test('whole states add half to what is written at most, and are seldom looked at', () => {
  const sizes = [
    // Each step once: the commits are hardly longer than the state.
    (index: number) => `s${index}`,
    // The same steps over and over.
    (index: number) => `s${index % 20}`,
  ];
  const stored = sizes.map((pathOf) => {
    const story = new Story('one');
    for (let index = 0; index < 1500; index++) story.step(pathOf(index), 'x'.repeat(50));
    const bases: number[] = [];
    let [size, looks] = [0, 0];
    let written = writtenAfter(headText(story.claim));
    for (const commit of story.commits) {
      const { length } = commitText(commit);
      size += length;
      const grown = { ...written, commits: written.commits + 1, size: written.size + length };
      const look = lookAtBase(grown, 100, commit);
      if (look) looks += 1;
      if (look?.base) bases.push(look.base.length);
      written = look?.written ?? grown;
      expect(bases.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(size / 2);
    }
    expect(looks).toBeLessThan(bases.length + 10);
    return bases.length;
  });
  expect(stored[0]).toBe(0);
  expect(stored[1]).toBeGreaterThan(10);
});

test('the end of a run writes no whole state', () => {
  const story = new Story('one').steps(3).end();
  const [before, end] = story.commits.slice(-2);
  const written = { commits: 5, size: 100_000, base: 1 };
  expect(lookAtBase(written, 1, before!)?.base).toContain('"s0"');
  expect(lookAtBase(written, 1, end!)).toBeUndefined();
});
