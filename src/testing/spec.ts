/** `marbles/`: Markdown that runs. Reads the examples of a page, checks them, and writes down what happened. */
import { type Block, parseBlock, renderBlock } from './block.ts';
import { checkMarbles } from './drawn.ts';
import type { FlowTrace } from './flow-trace.ts';
import { Legend } from './legend.ts';
import { runSpec } from './spec-run.ts';

/** A heading that states a law, a `flow` block, and what happens in one or more `marbles` blocks. */
export interface Example {
  readonly title: string;
  /** Of the heading. */
  readonly line: number;
  readonly flow: readonly string[];
  readonly expected: readonly Expected[];
}

export interface Expected {
  /** What stands behind the word `marbles`: how the trace comes about. */
  readonly way: string;
  readonly rows: string;
  /** The first and the last line of the rows, from 0; the last one excluded. */
  readonly from: number;
  readonly to: number;
}

export function examplesIn(markdown: string): readonly Example[] {
  const lines = markdown.split('\n');
  const found: { title: string; line: number; flow: string[]; expected: Expected[] }[] = [];
  let heading = { title: '', line: 0 };
  for (let i = 0; i < lines.length; i++) {
    const [, title] = /^#+ (.*)/.exec(lines[i] as string) ?? [];
    if (title !== undefined) heading = { title, line: i + 1 };
    const [, kind, way = ''] = /^```(flow|marbles)(.*)$/.exec(lines[i] as string) ?? [];
    if (kind === undefined) continue;
    const from = i + 1;
    for (i = from; lines[i] !== '```'; i++)
      if (i >= lines.length) throw new Error(`line ${from}: a block without an end`);
    const text = lines.slice(from, i);
    if (kind === 'flow') found.push({ ...heading, flow: codeIn(text), expected: [] });
    else found.at(-1)?.expected.push({ way: way.trim(), rows: text.join('\n'), from, to: i });
  }
  return found;
}

const codeIn = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/(^|\s)\/\/.*$/, '').trimEnd()).filter((line) => line !== '');

export interface Checked {
  /** What is wrong, for a person to read. */
  readonly problem: string | undefined;
  /** The blocks that are to be written anew. */
  readonly accepted: readonly (Expected & { readonly text: string })[];
}

export async function checkExample({ flow, expected }: Example): Promise<Checked> {
  const { traces, problem } = await runSpec({ flow, traces: expected.map(({ way }) => way) });
  const found = expected.map((each, i) => check(each, traces[i] as FlowTrace));
  const problems = [problem, ...found.map((each) => each?.problem)].filter(
    (each) => each !== undefined,
  );
  return {
    problem: problems.length > 0 ? problems.join('\n\n') : undefined,
    accepted: found.flatMap((each) => (each ? [each.accepted] : [])),
  };
}

function check(expected: Expected, trace: FlowTrace) {
  const isEmpty = parseBlock(expected.rows).size === 0;
  const problem = isEmpty ? 'There are no rows yet.' : checkMarbles(trace, expected.rows);
  if (problem === undefined) return undefined;
  return { problem, accepted: { ...expected, text: drawnLike(expected.rows, trace) } };
}

/** The rows that are named, as they were; all of them, where none is. Comments stay with their rows. */
function drawnLike(rows: string, trace: FlowTrace): string {
  const named = [...parseBlock(rows).keys()];
  const labels =
    named.length > 0 ? named : [...trace.rows.keys()].filter((label) => !trace.quiet.has(label));
  const actual = trace.drawnWith(new Legend(trace.values));
  const block: Block = new Map(labels.map((label) => [label, actual.get(label) ?? []]));
  const comments = new Map(
    rows.split('\n').flatMap((line) => {
      const [, label = '', comment] = /^\s*(\S+)\s.*?(\s+\/\/.*)$/.exec(line) ?? [];
      return comment === undefined ? [] : [[label, comment] as const];
    }),
  );
  return renderBlock(block)
    .split('\n')
    .map((line) => line + (comments.get(line.split(' ')[0] ?? '') ?? ''))
    .join('\n');
}

/** The page with new rows. */
export function accept(markdown: string, blocks: Checked['accepted']): string {
  const lines = markdown.split('\n');
  for (const { from, to, text } of [...blocks].sort((a, b) => b.from - a.from)) {
    lines.splice(from, to - from, ...text.split('\n'));
  }
  return lines.join('\n');
}
