/** Jobs that come one after the other, take their time, and may fail; and when what comes of them is due. */
import fc from 'fast-check';

export interface Job {
  /** How long after the one before it comes. */
  readonly gap: number;
  readonly ms: number;
  readonly fails: boolean;
}

const job = (fails: fc.Arbitrary<boolean>) => fc.record({ gap: fc.nat(12), ms: fc.nat(40), fails });
export const jobs = (fails: fc.Arbitrary<boolean>) => fc.array(job(fails), { maxLength: 14 });
export const concurrency = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined });

/** When each output is due: its run begins when it has come and there is room, and it waits for the outputs before it. */
export function whenDue(list: readonly Job[], concurrency: number): { i: number; at: number }[] {
  const ends: number[] = [];
  let comes = 0;
  let told = 0;
  return list.map(({ gap, ms }, i) => {
    comes += gap;
    const busy = ends.filter((end) => end > comes).sort((a, b) => a - b);
    const begins = busy.length < concurrency ? comes : (busy[busy.length - concurrency] as number);
    ends.push(begins + ms);
    told = Math.max(told, begins + ms);
    return { i, at: told };
  });
}
