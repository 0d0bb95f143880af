/** A spreadsheet as a flow: what was entered into a cell is an input, and each formula is a step that reads the cells it names. */
import type { CompiledFlow } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import { type Cells, parse } from './formula.ts';

export interface Sheet {
  readonly flow: CompiledFlow<Readonly<Record<string, number>>, unknown>;
  /** What was entered and some formula reads: the first input of the flow. */
  readonly entered: Readonly<Record<string, number>>;
}

/** Numbers are entered values, texts are formulas. */
export function sheetOf(content: Readonly<Record<string, number | string>>): Sheet {
  const builder = new FlowBuilder('sheet');
  const entered: Record<string, number> = {};
  for (const [cell, value] of Object.entries(content)) {
    if (typeof value === 'number') continue;
    const { reads, evaluate } = parse(value);
    const params: Record<string, string> = {};
    for (const name of reads) {
      const read = content[name];
      if (typeof read === 'number') entered[name] = read;
      if (read !== undefined)
        params[name] = `{{${name}${typeof read === 'string' ? '.return' : ''}}}`;
    }
    builder.addStep(cell, (cells: Cells) => evaluate(cells), params);
  }
  return { flow: builder.build(), entered };
}
