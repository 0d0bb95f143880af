/** Runs an example of `marbles/`: one trace for each of its blocks. */
import { type CompiledFlow, MemorySaver, type Run, type RunOptions } from '../index.ts';
import type { FlowTrace } from './flow-trace.ts';
import { parseRow } from './marbles.ts';
import { sameValue } from './same-value.ts';
import { list, specFlow } from './spec-flow.ts';
import { type Line, readLines } from './spec-notation.ts';
import { type Called, stubSteps } from './stub-steps.ts';
import { tracing } from './trace.ts';
import { traceLive } from './trace-live.ts';
import { virtual } from './virtual.ts';

/** A flow as it is written, and how each trace of it comes about: `''`, then `again`, `resume ask=y`, `fork a=x`. */
export interface SpecRun {
  readonly flow: readonly string[];
  readonly traces: readonly string[];
}

export interface SpecResult {
  readonly traces: readonly FlowTrace[];
  /** What is wrong beside rows. */
  readonly problem: string | undefined;
}

export async function runSpec({ flow: texts, traces: ways }: SpecRun): Promise<SpecResult> {
  const lines = readLines(texts);
  const [traces, reversed] = [
    await tracesOf(lines, ways, false),
    await tracesOf(lines, ways, true),
  ];
  const different = traces.flatMap((trace, i) => differentRows(trace, reversed[i] as FlowTrace));
  return {
    traces,
    problem:
      different.length > 0
        ? `The order in which steps are stated matters (1.14), to: ${different.join(', ')}`
        : undefined,
  };
}

const differentRows = (one: FlowTrace, other: FlowTrace): readonly string[] =>
  [...one.rows].flatMap(([label, row]) => (sameValue(row, other.rows.get(label)) ? [] : label));

function tracesOf(
  lines: readonly Line[],
  ways: readonly string[],
  isReversed: boolean,
): Promise<readonly FlowTrace[]> {
  return virtual(async () => {
    const values = valuesIn(lines);
    const { flow, stubs } = specFlow(lines, values, isReversed);
    const traces: FlowTrace[] = [];
    if (named(lines, 'input').length > 0) {
      const rows = Object.fromEntries(named(lines, 'input'));
      return [await traceLive(flow, rows, { ...optionsIn(lines), values, steps: stubs })];
    }
    // One copy for all of them: answers count on, and what is cached stays.
    let hear: Called = () => {};
    const stubbed = stubSteps(flow, stubs, values, (context) => hear(context));
    const saver = ways.some((way) => /^(resume|fork)/.test(way)) ? new MemorySaver() : undefined;
    for (const way of ways) {
      const trace = tracing(flow, { values }, (called) => {
        hear = called;
        const subject = begin(way, stubbed, lines, saver);
        if (way === '' || way === 'again') act(subject, lines);
        return { subject };
      });
      traces.push(await trace);
    }
    return traces;
  });
}

function begin(
  way: string,
  flow: CompiledFlow<unknown, unknown>,
  lines: readonly Line[],
  saver: MemorySaver | undefined,
): Run<unknown> {
  const [verb, ...rest] = way.split(' ');
  const edits = Object.fromEntries(rest.map((edit) => edit.split('=') as [string, string]));
  if (verb === 'resume') return flow.resume('spec', { saver, answers: edits });
  if (verb === 'fork') {
    const edit = Object.entries(edits).map(([name, value]) => [`${name}.return`, value]);
    return flow.fork('spec', { saver, edit: Object.fromEntries(edit) });
  }
  const given = named(lines, 'given').map(([name, value]) => [name, givenAs(value)] as const);
  return flow.start(Object.fromEntries(given), {
    ...optionsIn(lines),
    ...(saver && { id: 'spec', saver }),
  });
}

const valuesIn = (lines: readonly Line[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    lines.flatMap((line) =>
      line.kind === 'where' ? [[line.name, JSON.parse(line.value) as unknown]] : [],
    ),
  );

const named = (
  lines: readonly Line[],
  kind: 'given' | 'input' | 'answer',
): readonly (readonly [string, string])[] =>
  lines.flatMap((line) => (line.kind === kind ? [[line.name, line.value] as const] : []));

/** A character, a list of them, or JSON. */
function givenAs(text: string): unknown {
  if (/^[[{]/.test(text)) return JSON.parse(text);
  return text.includes(',') ? list(text) : text;
}

function optionsIn(lines: readonly Line[]): RunOptions {
  const read: Readonly<Record<string, (value: string) => RunOptions>> = {
    concurrency: (value) => ({ concurrency: Number(value) }),
    onError: (value) => ({ onError: value as 'stop' }),
    outputs: (value) => ({ outputs: list(value) }),
    durability: (value) => ({ durability: value as 'sync' }),
  };
  const found = lines.map((line) =>
    line.kind === 'with' ? read[line.name]?.(line.value) : undefined,
  );
  return Object.assign({}, ...found) as RunOptions;
}

/** What somebody outside does: answers, and cancels. A resumed run is left alone. */
function act(run: Run<unknown>, lines: readonly Line[]): void {
  for (const [name, value] of named(lines, 'answer')) {
    for (const mark of parseRow(value)) {
      if (mark.kind === 'value') setTimeout(() => void run.answer(name, mark.key), mark.at);
    }
  }
  for (const line of lines) {
    if (line.kind !== 'run') continue;
    const stop = parseRow(line.value, 'activity').find(({ kind }) => kind === 'stop');
    if (stop) setTimeout(() => run.cancel(), stop.at);
  }
}
