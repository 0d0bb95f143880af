/** Marbles that happen: a row as an Observable. */
import { Observable } from 'rxjs';
import { schedulerClock } from '../index.ts';
import type { Mark, Row } from './mark.ts';

/** What the characters of a row stand for. A character that is not named stands for itself. `#` is the error. */
export type Values = Readonly<Record<string, unknown>>;

export const valueIn = (values: Values, key: string): unknown =>
  Object.hasOwn(values, key) ? values[key] : key;

/**
 * Does what a row says, counted from its subscription: what stands at 0 ms is emitted at once, what stands
 * at one instant together. A row without `|` and `#` stays open.
 */
export function cold<T>(
  row: Row,
  meaning: (key: string) => T,
  error: () => unknown,
): Observable<T> {
  return new Observable((out) => {
    const tell = (mark: Mark): void => {
      if (mark.kind === 'value') out.next(meaning(mark.key));
      else if (mark.kind === 'error') out.error(error());
      else if (mark.kind === 'complete') out.complete();
    };
    const instants = [...byInstant(row)];
    let next = 0;
    instants.forEach(([at], i) => {
      // In real time a timer may overtake an earlier one: what should have been before comes with it.
      const happen = () => {
        while (next <= i) instants[next++]?.[1].forEach(tell);
      };
      if (at === 0) happen();
      // All armed now: of two rows that began in order, the first is first at every instant they share.
      else if (!out.closed) out.add(schedulerClock.after(at, happen));
    });
  });
}

function byInstant(row: Row): ReadonlyMap<number, readonly Mark[]> {
  const instants = new Map<number, Mark[]>();
  for (const mark of row) {
    const known = instants.get(mark.at);
    if (known) known.push(mark);
    else instants.set(mark.at, [mark]);
  }
  return instants;
}
