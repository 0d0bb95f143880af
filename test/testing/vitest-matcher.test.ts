/** Marbles in vitest: the matcher, its failures, and traces as snapshots. */
import { Flow } from 'millrace';
import { checkMarbles, traceFlow } from 'millrace/testing';
import { of } from 'rxjs';
import { expect, test } from 'vitest';
import 'millrace/testing/vitest';

const flow = new Flow<{ url: string }>('digest');
const page = flow.step(
  'page',
  ({ url }: { url: string }) => ({ title: url }),
  { url: flow.input.url },
  { retry: { count: 1, delay: 1000 } },
);
const score = flow.step('score', ({ page }: { page: { title: string } }) => page.title.length, {
  page: page.out,
});
const digest = flow.output({ score: score.out });

const traced = () =>
  traceFlow(
    digest,
    { url: 'x' },
    {
      steps: { page: ['500ms #', '20ms (p|)'], score: '-----(s|)' },
      values: { p: { title: 'Rivers' }, s: 5 },
    },
  );

test('a trace matches the rows that are named', async () => {
  expect(await traced()).toMatchMarbles(`
    page.on   ^ 499ms !  999ms ^ 19ms !
    page      500ms -    999ms - 19ms (p|)
    score.on  500ms -    999ms - 19ms ^----!
    score     500ms -    999ms - 19ms -----(s|)
  `);
  await expect(traced()).resolves.toMatchMarbles('score 1s 525ms (s|)');
});

test('characters may be given with the expectation', async () => {
  expect(await traced()).toMatchMarbles('page 1520ms (q|)\nscore 1525ms (5|)', {
    q: { title: 'Rivers' },
  });
});

test('a failure says in words what is different, and shows both rows on one axis', async () => {
  const trace = await traced();
  const fail = () =>
    expect(trace).toMatchMarbles('page 1520ms (q|)\nscore 1522ms (5|)', { q: { title: 'Lakes' } });
  expect(fail).toThrowErrorMatchingInlineSnapshot(`
    [Error: page: p came at 1520ms instead of q: title is 'Rivers', not 'Lakes'
    score: 5 and complete came 3ms late, at 1525ms (expected at 1522ms)

    page   expected  1s 520ms (q|)
           actual    1s 520ms (p|)
    score  expected  1s 520ms --(5|)
           actual    1s 520ms -----(5|)

    p = { title: 'Rivers' }
    q = { title: 'Lakes' }]
  `);
});

test('`not` says what matched', async () => {
  const trace = await traced();
  expect(trace).not.toMatchMarbles('score 5ms (5|)');
  expect(() => expect(trace).not.toMatchMarbles('score 1525ms (5|)')).toThrow('The trace matches');
});

test('only a trace has marbles', () => {
  expect(() => expect('a trace').toMatchMarbles('a -')).toThrow('toMatchMarbles() takes a trace');
});

test('a snapshot of a trace is a diagram', async () => {
  expect(await traced()).toMatchInlineSnapshot(`
    page.on   ^ 499ms ! 999ms ^ 19ms !
    page      - 499ms - 999ms - 19ms (p|)
    score.on  - 499ms - 999ms - 19ms ^----!
    score     - 499ms - 999ms - 19ms -----(s|)
    output    - 499ms - 999ms - 19ms -----(a|)
    // a = { score: 5 }
    // p = { title: 'Rivers' }
    // s = 5
  `);
});

test('without vitest the same is a text or nothing', async () => {
  const trace = await traced();
  expect(checkMarbles(trace, 'score 1525ms (5|)')).toBe(undefined);
  expect(checkMarbles(trace, 'score 1522ms (5|)')).toContain('3ms late');
});

test('a block that names no row is refused: nothing of it could ever differ', async () => {
  const trace = await traced();
  for (const block of ['', '  // score 1525ms (5|)\n'])
    expect(() => checkMarbles(trace, block)).toThrow('The marbles name no row.');
  expect(() => expect(trace).toMatchMarbles('')).toThrow('The marbles name no row.');
  expect(() => checkMarbles(trace, undefined as never)).toThrow(
    'Marbles are a text, not undefined. (invalid-option)',
  );
});

test('characters that stand for the same value are the same', async () => {
  const flow = new Flow('same');
  const a = flow.step('a', () => of(5, 5, 'k', { n: 1 }), {});
  const trace = await traceFlow(flow.output({ a: a.out }), {});
  for (const [row, values] of [
    ['(xykn|)', { x: 5, y: 5, n: { n: 1 } }],
    ['(x5kn|)', { x: 5, n: { n: 1 } }],
    ['(55kn|)', { l: 'k', n: { n: 1 } }],
    ['(55kn|)', { m: { n: 1 }, n: { n: 1 } }],
  ] as const)
    expect(checkMarbles(trace, `a ${row}`, values)).toBe(undefined);
  expect(checkMarbles(trace, 'a (xykn|)', { x: 5, y: 6, n: { n: 1 } })).toContain('instead of y');
  expect(checkMarbles(trace, 'a (55an|)', { z: Number.NaN, n: { n: 1 } })).toContain(
    'instead of a',
  );
});
