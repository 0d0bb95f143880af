/** Formulas of cells: `=SUM(A1:A9) * 2 - B1`. What a formula reads can be told without running it: that is what links cells. */

export type Cells = Readonly<Record<string, number | undefined>>;
type Term = (cells: Cells) => number;

export interface Formula {
  /** The cells that it reads, each once. */
  readonly reads: readonly string[];
  readonly evaluate: Term;
}

const functions: Readonly<Record<string, (values: readonly number[]) => number>> = {
  SUM: (values) => values.reduce((sum, value) => sum + value, 0),
  MIN: (values) => Math.min(...values),
  MAX: (values) => Math.max(...values),
  COUNT: (values) => values.length,
};

const divide = (left: number, right: number): number => {
  if (right === 0) throw new RangeError('division by zero');
  return left / right;
};

export function parse(text: string): Formula {
  const tokens = text.match(/[A-Z]+\d+|[A-Z]+|\d+(?:\.\d+)?|[-+*/():,]/g) ?? [];
  const reads = new Set<string>();
  let at = 0;
  const take = (token: string): boolean => {
    if (tokens[at] !== token) return false;
    at++;
    return true;
  };
  const expect = (token: string): void => {
    if (!take(token))
      throw new SyntaxError(`"${text}": "${token}" is missing at ${tokens[at] ?? 'the end'}`);
  };

  const sum = (): Term => {
    let left = product();
    for (;;) {
      const [a, isPlus] = [left, take('+')];
      if (!isPlus && !take('-')) return left;
      const b = product();
      left = isPlus ? (cells) => a(cells) + b(cells) : (cells) => a(cells) - b(cells);
    }
  };
  const product = (): Term => {
    let left = factor();
    for (;;) {
      const [a, isTimes] = [left, take('*')];
      if (!isTimes && !take('/')) return left;
      const b = factor();
      left = isTimes ? (cells) => a(cells) * b(cells) : (cells) => divide(a(cells), b(cells));
    }
  };
  const factor = (): Term => {
    if (take('-')) {
      const value = factor();
      return (cells) => -value(cells);
    }
    if (take('(')) {
      const value = sum();
      expect(')');
      return value;
    }
    const token = tokens[at++] ?? '';
    if (/^\d/.test(token)) return () => Number(token);
    const call = functions[token];
    if (call) return called(call);
    if (!/\d$/.test(token)) throw new SyntaxError(`"${text}": ${token || 'a value'} is unknown`);
    reads.add(token);
    // A cell with nothing in it counts as 0.
    return (cells) => cells[token] ?? 0;
  };
  const called = (call: (values: readonly number[]) => number): Term => {
    const parts: ((cells: Cells) => readonly number[])[] = [];
    expect('(');
    do parts.push(argument());
    while (take(','));
    expect(')');
    return (cells) => call(parts.flatMap((part) => part(cells)));
  };
  const argument = (): ((cells: Cells) => readonly number[]) => {
    if (tokens[at + 1] !== ':') {
      const value = sum();
      return (cells) => [value(cells)];
    }
    const names = range(tokens[at] ?? '', tokens[at + 2] ?? '');
    at += 3;
    for (const name of names) reads.add(name);
    return (cells) => names.flatMap((name) => cells[name] ?? []);
  };

  const evaluate = sum();
  if (at < tokens.length) throw new SyntaxError(`"${text}": ${tokens[at]} comes too much`);
  return { reads: [...reads], evaluate };
}

/** The cells from one to another: `A1:B2` is A1, B1, A2, B2. */
function range(from: string, to: string): readonly string[] {
  const [left, top] = place(from);
  const [right, bottom] = place(to);
  const names: string[] = [];
  for (let row = top; row <= bottom; row++)
    for (let column = left; column <= right; column++) names.push(nameOf(column, row));
  return names;
}

function place(name: string): readonly [column: number, row: number] {
  const [, letters = '', digits = ''] = /^([A-Z]+)(\d+)$/.exec(name) ?? [];
  const column = [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0);
  return [column, Number(digits)];
}

/** Columns are A to Z, then AA; both count from 1. */
export function nameOf(column: number, row: number): string {
  let letters = '';
  for (let rest = column; rest > 0; rest = Math.floor((rest - 1) / 26))
    letters = String.fromCharCode(65 + ((rest - 1) % 26)) + letters;
  return letters + row;
}
