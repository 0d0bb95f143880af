/** The pictures of docs/testing.md are drawings of traces. MILLRACE_ACCEPT=1 draws them anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Flow, gt } from 'millrace';
import { type FlowTrace, marblesToSvg, traceFlow, traceLive } from 'millrace/testing';
import { SaxesParser } from 'saxes';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entries.ts';

const page = readFileSync(join(root, 'docs/testing.md'), 'utf8');
const pictures = [...page.matchAll(/!\[(.*)\]\((pictures\/.*)\)/g)].map(
  ([, title = '', file = '']) => ({ title, file }),
);

const traces: Readonly<Record<string, () => Promise<FlowTrace>>> = {
  'pictures/digest.svg': () => {
    const flow = new Flow<{ url: string }>('digest');
    const page = flow.step(
      'page',
      (_: { url: string }) => ({ title: '', words: 0 }),
      { url: flow.input.url },
      {
        retry: { count: 2, delay: 1000 },
        timeout: { attempt: 500 },
      },
    );
    const gist = flow.step(
      'gist',
      function* (_: { title: string }) {
        yield '';
      },
      { title: page.out.title },
    );
    const warn = flow.step('warn', () => 'long', {}, { when: gt(page.out.words, 100) });
    return traceFlow(
      flow.output({ gist: gist.out, warn: warn.out }),
      { url: 'x' },
      {
        steps: { page: ['--#', '-', '20ms (p|)'], gist: '---a--t--(.|)' },
        values: { p: { title: 'Rivers', words: 5 }, a: 'About ', t: 'Rivers', '.': '.' },
      },
    );
  },
  'pictures/diamond.svg': () => {
    const flow = new Flow<{ n: string }>('diamond');
    const slow = flow.step('slow', (_: { n: string }) => '', { n: flow.input.n });
    const quick = flow.step('quick', ({ n }: { n: string }) => n, { n: flow.input.n });
    const both = flow.step(
      'both',
      (read: { slow: string; quick: string }) => read.slow + read.quick,
      {
        slow: slow.out,
        quick: quick.out,
      },
    );
    return traceLive(
      flow.output({ both: both.out }),
      { n: '1----2-3----|' },
      {
        steps: { slow: ['---(1|)', '---(2|)', '---(3|)'] },
        values: { a: '11', c: '33' },
      },
    );
  },
};

test.each(pictures)('$file is what the library draws today', async ({ title, file }) => {
  const trace = await traces[file]!();
  const svg = `${marblesToSvg(trace, { title })}\n`;
  const path = join(root, 'docs', file);
  if (process.env['MILLRACE_ACCEPT']) writeFileSync(path, svg);
  expect(svg).toBe(readFileSync(path, 'utf8'));
  new SaxesParser({ xmlns: true }).write(svg).close();
});

test('every picture has a trace', () => {
  expect(pictures.map(({ file }) => file).sort()).toEqual(Object.keys(traces).sort());
});
