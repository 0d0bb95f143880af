/** Lists in the order of versions: many may wait, so nothing looks through all of them. */

interface Numbered {
  /** That of a version. */
  readonly number: number;
}

const numberAt = (list: readonly Numbered[], at: number): number => (list[at] as Numbered).number;

/** Where the last one stands that is not newer than a version; -1 where there is none. */
export function lastUpTo(list: readonly Numbered[], version: number): number {
  let high = list.length;
  if (high === 0 || numberAt(list, high - 1) <= version) return high - 1;
  let low = 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numberAt(list, middle) <= version) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Removes one: most often it is the first one, and then nothing is moved. */
export function removeAt(list: unknown[], at: number): void {
  if (at === 0) list.shift();
  else list.splice(at, 1);
}
