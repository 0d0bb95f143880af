/** Several rows on one time axis: the same column is the same millisecond in each of them. */
import { type Row, symbolOf } from './mark.ts';
import { badMarbles } from './problem.ts';

/** What happens at one moment of a row, and how it is written: `a`, or `(ab|)`. */
interface Moment {
  readonly at: number;
  readonly text: string;
}

export interface Lane {
  readonly label: string;
  readonly moments: readonly Moment[];
}

/**
 * A row as one lane. A group takes as many columns as it has characters; what happens under it goes to
 * a further lane of the same label.
 */
export function lanesOf(label: string, row: Row): readonly Lane[] {
  const lanes: { label: string; moments: Moment[]; until: number }[] = [];
  for (const moment of momentsOf(label, row)) {
    let lane = lanes.find(({ until }) => until <= moment.at);
    if (!lane) {
      lane = { label, moments: [], until: 0 };
      lanes.push(lane);
    }
    lane.moments.push(moment);
    lane.until = moment.at + widthOf(moment);
  }
  return lanes.length > 0 ? lanes : [{ label, moments: [] }];
}

function momentsOf(label: string, row: Row): readonly Moment[] {
  const bySymbol = new Map<number, string[]>();
  for (const mark of row) {
    if (!(Number.isSafeInteger(mark.at) && mark.at >= 0)) {
      throw badMarbles(
        `"${label}" has something at ${mark.at}ms, and marbles show whole milliseconds from 0. Round it.`,
      );
    }
    const moment = bySymbol.get(mark.at);
    if (moment) moment.push(symbolOf(mark));
    else bySymbol.set(mark.at, [symbolOf(mark)]);
  }
  return [...bySymbol]
    .sort(([a], [b]) => a - b)
    .map(([at, characters]) => ({
      at,
      text: characters.length > 1 ? `(${characters.join('')})` : characters.join(''),
    }));
}

/** In characters as RxJS counts them: an emoji is one. */
const widthOf = (moment: Moment): number => [...moment.text].length;

/** A lane being written: `column` is the millisecond that its text has reached. */
class Pen {
  text = '';
  private column = 0;
  private readonly moments: Moment[];

  constructor(lane: Lane) {
    this.moments = [...lane.moments].reverse();
  }

  get isDone(): boolean {
    return this.moments.length === 0;
  }

  fillUpTo(column: number): void {
    if (column > this.column) this.text += '-'.repeat(column - this.column);
    this.column = Math.max(column, this.column);
  }

  /** Writes what happens at this instant, and tells the column up to which it reaches. */
  write(at: number): number {
    const moment = this.moments.at(-1);
    if (moment?.at === at) {
      this.moments.pop();
      this.fillUpTo(at);
      this.text += moment.text;
      this.column += widthOf(moment);
    }
    return this.column;
  }

  skip(from: number, to: number): void {
    this.text += ` ${duration(to - from)} `;
    this.column = to;
  }

  /** The values `5`, `m`, `s` in a row would be read as five milliseconds if a space came next. */
  get readsAsDuration(): boolean {
    return /(^| )[0-9]+(\.[0-9]+)?(ms|s|m)$/.test(this.text);
  }

  finished(): string {
    const text = this.readsAsDuration ? `${this.text}-` : this.text;
    return text.trim() || '-';
  }
}

/** Silences longer than `keep` milliseconds become the same ` 999ms ` in every row. */
export function drawLanes(lanes: readonly Lane[], keep = 10): readonly string[] {
  const pens = lanes.map((lane) => new Pen(lane));
  const instants = new Set(lanes.flatMap(({ moments }) => moments.map(({ at }) => at)));
  let reached = 0;
  for (const at of [...instants].sort((a, b) => a - b)) {
    if (at - reached > keep) {
      const rest = pens.filter((pen) => !pen.isDone);
      for (const pen of rest) pen.fillUpTo(reached);
      const from = rest.some((pen) => pen.readsAsDuration) ? reached + 1 : reached;
      for (const pen of rest) {
        pen.fillUpTo(from);
        if (at > from) pen.skip(from, at);
      }
    }
    for (const pen of pens) reached = Math.max(reached, pen.write(at));
  }
  return pens.map((pen) => pen.finished());
}

/** `1m 30s`, as RxJS reads it: several durations in a row are added up. */
function duration(ms: number): string {
  const parts = [
    [Math.floor(ms / 60_000), 'm'],
    [Math.floor(ms / 1000) % 60, 's'],
    [ms % 1000, 'ms'],
  ] as const;
  const text = parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount}${unit}`);
  return text.join(' ') || '0ms';
}
