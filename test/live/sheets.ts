/** Random spreadsheets, and what their cells are worth by an evaluator of its own: it knows neither flows nor the text of formulas. */
import fc from 'fast-check';
import { nameOf } from '../../examples/spreadsheet/formula.ts';

/** A formula. Numbers for cells are counted from the cell that has it, so that every sheet is one without circles. */
type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'cell'; readonly back: number }
  | { readonly kind: 'negative'; readonly of: Expression }
  | {
      readonly kind: '+' | '-' | '*' | '/';
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'call';
      readonly name: 'SUM' | 'MIN' | 'MAX' | 'COUNT';
      readonly of: Expression;
      readonly back: number;
      readonly height: number;
    };

/** Empty, a number, or a formula. */
type Content = number | Expression | undefined;

export interface Sheet {
  readonly width: number;
  readonly cells: readonly Content[];
}

export interface Edit {
  /** Which of the cells with a number, modulo how many there are. */
  readonly which: number;
  readonly value: number;
}

/** How far back a cell reads: mostly to its neighbours. */
const back = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 30 }) },
  { weight: 1, arbitrary: fc.nat(1_000_000) },
);
const number = fc.oneof(fc.integer({ min: -3, max: 9 }), fc.constantFrom(0.5, 2.25, 1000));

const expressions = (divides: boolean): fc.Arbitrary<Expression> =>
  fc.letrec<{ expression: Expression; leaf: Expression }>((tie) => ({
    leaf: fc.oneof(
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('number' as const), value: fc.nat(9) }),
      },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('cell' as const), back }) },
    ),
    expression: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      tie('leaf'),
      fc.record({ kind: fc.constant('negative' as const), of: tie('expression') }),
      fc.record({
        kind: fc.constantFrom(
          '+' as const,
          '-' as const,
          '*' as const,
          divides ? ('/' as const) : '-',
        ),
        left: tie('expression'),
        right: tie('expression'),
      }),
      fc.record({
        kind: fc.constant('call' as const),
        name: fc.constantFrom('SUM' as const, 'MIN' as const, 'MAX' as const, 'COUNT' as const),
        of: tie('leaf'),
        back,
        height: fc.nat(3),
      }),
    ),
  })).expression;

export const sheets = (
  count: { readonly minLength: number; readonly maxLength: number },
  width: number,
  divides: boolean,
): fc.Arbitrary<Sheet> =>
  fc
    .array(
      fc.oneof(
        { weight: 1, arbitrary: fc.constant(undefined) },
        { weight: 3, arbitrary: number },
        { weight: 6, arbitrary: expressions(divides) },
      ),
      { ...count, size: 'max' },
    )
    .map((cells) => ({ width, cells }));

export const edits = (count: { readonly minLength: number; readonly maxLength: number }) =>
  fc.array(
    fc.array(fc.record({ which: fc.nat(1_000_000), value: number }), {
      minLength: 1,
      maxLength: 3,
    }),
    { ...count, size: 'max' },
  );

export const cellName = ({ width }: Sheet, i: number): string =>
  nameOf((i % width) + 1, Math.floor(i / width) + 1);

/** The sheet as it is typed in; half of the sheets from the end, so that formulas come before what they read. */
export function typed(sheet: Sheet): Readonly<Record<string, number | string>> {
  const contents = sheet.cells.flatMap((content, i) => {
    if (content === undefined) return [];
    const shown = typeof content === 'number' ? content : `=${text(sheet, i, content)}`;
    return [[cellName(sheet, i), shown] as const];
  });
  return Object.fromEntries(contents.length % 2 === 0 ? contents : contents.reverse());
}

function text(sheet: Sheet, at: number, formula: Expression): string {
  switch (formula.kind) {
    case 'number':
      return String(formula.value);
    case 'cell':
      return at === 0 ? '1' : cellName(sheet, cellAt(at, formula.back));
    case 'negative':
      return `-${inside(sheet, at, formula.of)}`;
    case 'call': {
      const { first, last } = rangeAt(sheet, at, formula) ?? {};
      const range =
        first === undefined || last === undefined
          ? ''
          : `, ${cellName(sheet, first)}:${cellName(sheet, last)}`;
      return `${formula.name}(${text(sheet, at, formula.of)}${range})`;
    }
    default:
      return `${inside(sheet, at, formula.left)} ${formula.kind} ${inside(sheet, at, formula.right)}`;
  }
}

const inside = (sheet: Sheet, at: number, formula: Expression): string =>
  formula.kind === 'number' || formula.kind === 'cell' || formula.kind === 'call'
    ? text(sheet, at, formula)
    : `(${text(sheet, at, formula)})`;

const cellAt = (at: number, back: number): number => at - 1 - ((back - 1 + at) % at);

/** Rows above the cell, three columns of them. */
function rangeAt(
  { width }: Sheet,
  at: number,
  { back, height }: { readonly back: number; readonly height: number },
): { readonly first: number; readonly last: number; readonly all: readonly number[] } | undefined {
  const row = Math.floor(at / width);
  if (row === 0) return undefined;
  const bottom = row - 1 - (back % Math.min(row, 4));
  const top = Math.max(0, bottom - height);
  const left = back % width;
  const right = Math.min(width - 1, left + 2);
  const all: number[] = [];
  for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) all.push(y * width + x);
  return { first: top * width + left, last: bottom * width + right, all };
}

/** What a cell shows: a number, nothing, that its formula failed, or that one before it did. */
export type Shown = number | 'empty' | 'failed' | 'unknown';

class DivisionByZero extends Error {}

/** What every cell is worth, each of them computed anew; and what the formulas read. */
export function recompute(sheet: Sheet, entered: readonly Content[]): readonly Shown[] {
  const shown: Shown[] = [];
  const worth = (i: number): number | undefined => {
    const value = shown[i];
    return typeof value === 'number' ? value : undefined;
  };
  for (const [at, content] of sheet.cells.entries()) {
    if (content === undefined) shown.push('empty');
    else if (typeof content === 'number') shown.push(entered[at] as number);
    else if (
      readBy(sheet, at, content).some((i) => shown[i] === 'failed' || shown[i] === 'unknown')
    )
      shown.push('unknown');
    else {
      try {
        shown.push(worthOf(sheet, at, content, worth));
      } catch (error) {
        if (!(error instanceof DivisionByZero)) throw error;
        shown.push('failed');
      }
    }
  }
  return shown;
}

/** The cells that a formula names, whatever it makes of them. */
export function readBy(sheet: Sheet, at: number, formula: Expression): readonly number[] {
  switch (formula.kind) {
    case 'number':
      return [];
    case 'cell':
      return at === 0 ? [] : [cellAt(at, formula.back)];
    case 'negative':
      return readBy(sheet, at, formula.of);
    case 'call':
      return [...readBy(sheet, at, formula.of), ...(rangeAt(sheet, at, formula)?.all ?? [])];
    default:
      return [...readBy(sheet, at, formula.left), ...readBy(sheet, at, formula.right)];
  }
}

function worthOf(
  sheet: Sheet,
  at: number,
  formula: Expression,
  worth: (i: number) => number | undefined,
): number {
  switch (formula.kind) {
    case 'number':
      return formula.value;
    case 'cell':
      return at === 0 ? 1 : (worth(cellAt(at, formula.back)) ?? 0);
    case 'negative':
      return -worthOf(sheet, at, formula.of, worth);
    case 'call': {
      const range = rangeAt(sheet, at, formula)?.all ?? [];
      const all = [
        worthOf(sheet, at, formula.of, worth),
        ...range.map(worth).filter((value) => value !== undefined),
      ];
      if (formula.name === 'COUNT') return all.length;
      if (formula.name === 'MIN') return Math.min(...all);
      if (formula.name === 'MAX') return Math.max(...all);
      let sum = 0;
      for (const value of all) sum += value;
      return sum;
    }
    default: {
      const left = worthOf(sheet, at, formula.left, worth);
      const right = worthOf(sheet, at, formula.right, worth);
      if (formula.kind === '+') return left + right;
      if (formula.kind === '-') return left - right;
      if (formula.kind === '*') return left * right;
      if (right === 0) throw new DivisionByZero();
      return left / right;
    }
  }
}
