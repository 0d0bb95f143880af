/** Traces as marbles: drawing one, and comparing it with what was expected. */
import { type Block, parseBlock, type RenderOptions, renderBlock } from './block.ts';
import type { Values } from './cold.ts';
import { difference } from './difference.ts';
import { type FlowTrace, withCharacters } from './flow-trace.ts';
import { Legend } from './legend.ts';
import { badMarbles } from './problem.ts';

export interface MarblesOptions extends RenderOptions {
  /** The rows to draw, in this order. By default those of all steps, of the inputs of a live flow, and the output. */
  readonly rows?: readonly string[];
  /** What characters stand for, beside the values of the trace. */
  readonly values?: Values;
}

/**
 * Draws a trace: for each step a row of what it emits, `page`, and one of when it is at work, `page.on`, all on one
 * time axis; below, in comments, what the characters stand for. `parseBlock` reads it.
 */
export function marbles(trace: FlowTrace, options: MarblesOptions = {}): string {
  const legend = new Legend({ ...trace.values, ...options.values });
  const { block } = drawnRows(trace, { rows: options.rows, legend });
  return [renderBlock(block, options), ...legend.lines().map((line) => `// ${line}`)].join('\n');
}

/** The rows of a trace that are drawn, and the legend of their values. */
export function drawnRows(
  trace: FlowTrace,
  { rows, legend = new Legend(trace.values) }: Drawing,
): { readonly block: Block; readonly legend: Legend } {
  const labels = rows ?? [...trace.rows.keys()].filter((label) => !trace.quiet.has(label));
  const rowAt = (label: string) => {
    const row = trace.rows.get(label);
    // Drawn as empty it would say that nothing happened.
    if (!row)
      throw badMarbles(
        `There is no row "${label}". There are: ${[...trace.rows.keys()].join(', ')}`,
      );
    return row;
  };
  const chosen = new Map(labels.map((label) => [label, rowAt(label)]));
  return { block: withCharacters(chosen, legend), legend };
}

interface Drawing {
  readonly rows?: readonly string[] | undefined;
  readonly legend?: Legend | undefined;
}

/**
 * Compares the rows that a block names with a trace. Returns undefined where they agree, else what is different: in
 * words, and both rows on one axis. For test runners without a matcher of ours.
 *
 * @example
 * assert.equal(checkMarbles(trace, 'page  500ms (p|)', { p: { title: 'Rivers' } }), undefined)
 */
export function checkMarbles(
  trace: FlowTrace,
  block: string,
  values: Values = {},
): string | undefined {
  const expected = parseBlock(block);
  // Nothing would be compared, so that every trace would match.
  if (expected.size === 0)
    throw badMarbles(
      `The marbles name no row. Draw those of the trace with marbles(trace), and keep what matters.`,
    );
  const legend = trace.legendFor(expected, values);
  // An author may have two characters for one value.
  const named = new Map(
    [...expected].map(([label, row]) => [
      label,
      row.map((mark) => (mark.kind === 'value' ? { ...mark, key: legend.first(mark.key) } : mark)),
    ]),
  );
  return difference(named, trace.drawnWith(legend), legend);
}
