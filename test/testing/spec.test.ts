/** Markdown that runs: what a wrong page says, and what accepting writes into it. */
import { expect, test } from 'vitest';
import { accept, checkExample, examplesIn } from '../../src/testing/spec.ts';

const page = (rows: string) => `# Page

## A law

\`\`\`flow
a                 = --(a|)     // slow
b(a)              = -(*|)
\`\`\`

\`\`\`marbles
${rows}
\`\`\`

The end.
`;

async function check(rows: string) {
  const markdown = page(rows);
  const [example] = examplesIn(markdown);
  const { problem, accepted } = await checkExample(example!);
  return { problem, accepted: accept(markdown, accepted) };
}

test('a law is the heading above its flow', () => {
  expect(examplesIn(page('a -'))).toMatchObject([
    { title: 'A law', line: 3, flow: ['a                 = --(a|)', 'b(a)              = -(*|)'] },
  ]);
});

test('rows that hold are left as they were written', async () => {
  const rows = 'b      ---(a|)     // at once\nb.on   --^!';
  expect(await check(rows)).toEqual({ problem: undefined, accepted: page(rows) });
});

test('rows that do not hold are told in words, and written anew with their comments', async () => {
  const { problem, accepted } = await check('b     -----(a|)   // why\na     --(a|)');
  expect(problem).toContain('b: a and complete came 2ms early, at 3ms (expected at 5ms)');
  expect(accepted).toBe(page('b  ---(a|)   // why\na  --(a|)'));
});

test('a block without rows gets all of them', async () => {
  expect((await check('')).accepted).toBe(
    page(
      ['a.on    ^-!', 'a       --(a|)', 'b.on    --^!', 'b       ---(a|)', 'output  ---(b|)'].join(
        '\n',
      ),
    ),
  );
});

test('a line that cannot be read says so', async () => {
  const [example] = examplesIn('## Law\n```flow\na -> b\n```\n```marbles\n```\n');
  await expect(checkExample(example!)).rejects.toThrow('"a -> b" is no line of a flow');
});
