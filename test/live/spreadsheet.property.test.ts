import fc from 'fast-check';
import { type FlowEvent, type Live, type Snapshot, stepState } from 'millrace';
import { expect, test, vi } from 'vitest';
import { sheetOf } from '../../examples/spreadsheet/sheet.ts';
import { patience, runs } from '../laws/runs.ts';
import {
  cellName,
  type Edit,
  edits,
  readBy,
  recompute,
  type Sheet,
  type Shown,
  sheets,
  typed,
} from './sheets.ts';

vi.setConfig({ testTimeout: patience });

/** How the sheet is read: the state of each change, its events, or only when it is asked for. */
type Reader = 'state$' | 'events$' | 'getSnapshot';

/** A sheet that is worked on: the flow beside what was entered so far. */
class Worked {
  readonly sheet: Sheet;
  readonly entered: (number | undefined)[];
  readonly started: string[] = [];
  private readonly inputs: readonly number[];
  private readonly live: Live<Readonly<Record<string, number>>, unknown>;
  private readonly values = new Map<string, Shown>();
  private readonly reader: Reader;
  private snapshot: Snapshot;

  constructor(sheet: Sheet, reader: Reader) {
    this.sheet = sheet;
    this.reader = reader;
    const { flow, entered } = sheetOf(typed(sheet));
    this.entered = sheet.cells.map((content) =>
      typeof content === 'number' ? content : undefined,
    );
    this.inputs = [...sheet.cells.keys()].filter((i) => cellName(sheet, i) in entered);
    this.live = flow.live(entered);
    this.snapshot = this.live.getSnapshot();
    if (reader === 'events$') this.live.events$.subscribe((event) => this.hear(event));
    else if (reader === 'getSnapshot') this.live.output$.subscribe();
    else
      this.live.state$.subscribe((snapshot) => {
        this.snapshot = snapshot;
      });
  }

  private hear(event: FlowEvent): void {
    if (event.type === 'STEP_START') this.started.push(event.path);
    else if (event.type === 'STEP_SKIP') this.values.set(event.path, 'unknown');
    else if (event.type === 'STEP_OUTPUT')
      this.values.set(event.path, event.error ? 'failed' : (event.output as number));
  }

  /** False where the sheet has nothing to edit. */
  edit(all: readonly Edit[]): boolean {
    if (this.inputs.length === 0) return false;
    const changes: Record<string, number> = {};
    for (const { which, value } of all) {
      const i = this.inputs[which % this.inputs.length] as number;
      this.entered[i] = value;
      changes[cellName(this.sheet, i)] = value;
    }
    this.started.length = 0;
    this.live.next(changes);
    return true;
  }

  /** What the cell shows, as far as the flow knows. */
  shown(i: number): Shown {
    const name = cellName(this.sheet, i);
    if (this.reader === 'events$') return this.values.get(name) ?? 'unknown';
    if (this.reader === 'getSnapshot') this.snapshot = this.live.getSnapshot();
    const step = stepState(this.snapshot, name);
    if (step?.status === 'success') return step.output as number;
    return step?.status === 'failure' ? 'failed' : 'unknown';
  }

  /** Cells with formulas that do not show what a full recomputation says. */
  wrong(): readonly string[] {
    return recompute(this.sheet, this.entered).flatMap((expected, i) => {
      if (typeof this.sheet.cells[i] !== 'object') return [];
      const shown = this.shown(i);
      return Object.is(shown, expected)
        ? []
        : [`${cellName(this.sheet, i)} shows ${shown}, not ${expected}`];
    });
  }
}

const reader = fc.constantFrom<Reader>('state$', 'events$', 'getSnapshot');

test('6.3, 6.4 a spreadsheet shows after every edit what a full recomputation gives, failures included, however it is read', () => {
  fc.assert(
    fc.property(
      sheets({ minLength: 1, maxLength: 60 }, 5, true),
      edits({ minLength: 1, maxLength: 8 }),
      reader,
      (sheet, all, reader) => {
        const worked = new Worked(sheet, reader);
        expect(worked.wrong()).toEqual([]);
        for (const each of all) if (worked.edit(each)) expect(worked.wrong()).toEqual([]);
      },
    ),
    runs(1000),
  );
});

test('6.3 an edit computes exactly the cells that read a cell whose value it has changed', () => {
  fc.assert(
    fc.property(
      sheets({ minLength: 1, maxLength: 60 }, 5, false),
      edits({ minLength: 1, maxLength: 8 }),
      (sheet, all) => {
        const worked = new Worked(sheet, 'events$');
        for (const each of all) {
          const before = recompute(sheet, worked.entered);
          if (!worked.edit(each)) return;
          const after = recompute(sheet, worked.entered);
          const expected = sheet.cells.flatMap((content, at) =>
            typeof content === 'object' &&
            readBy(sheet, at, content).some((i) => !Object.is(before[i], after[i]))
              ? [cellName(sheet, at)]
              : [],
          );
          expect([...worked.started].sort()).toEqual(expected.sort());
        }
      },
    ),
    runs(1000),
  );
});

const size = { minLength: 10_000, maxLength: 10_000 };

test('6.3, 6.4 a spreadsheet of 10 000 cells shows after each of 100 edits what a full recomputation gives', () => {
  const seed = Number(process.env['LAWS_SEED'] ?? Date.now() % 1_000_000);
  console.log(`LAWS_SEED=${seed} makes this sheet again`);
  const [sheet] = fc.sample(sheets(size, 100, false), { numRuns: 1, seed }) as [Sheet];
  const [all = []] = fc.sample(edits({ minLength: 100, maxLength: 100 }), { numRuns: 1, seed });
  const worked = new Worked(sheet, 'events$');
  expect(worked.wrong()).toEqual([]);
  let computed = 0;
  for (const each of all) {
    worked.edit(each);
    computed += worked.started.length;
    expect(worked.wrong()).toEqual([]);
  }
  console.log(`${all.length} edits computed ${computed} cells`);
});
