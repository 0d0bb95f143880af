/** A flow is an RxJS operator: here a search that drops what it is working on when the next text comes. */
import { setTimeout } from 'node:timers/promises';
import { Flow } from 'millrace';
import { concatMap, delay, from, lastValueFrom, map, of, tap } from 'rxjs';

const words = ['mill', 'millet', 'millrace', 'millstone', 'wheel'];

const flow = new Flow<{ text: string }>('search');
const found = flow.step(
  'find',
  async ({ text }, { signal }) => {
    signal.addEventListener('abort', () => console.log('dropped:', text));
    await setTimeout(40, undefined, { signal });
    return words.filter((word) => word.startsWith(text));
  },
  { text: flow.input.text },
);
const search = flow.output({ found: found.out });

// Somebody types, 5 ms a letter, and rests after the third.
const typed$ = from(['m', 'mi', 'mil', 'millr']).pipe(
  concatMap((text, i) => of(text).pipe(delay(i === 3 ? 200 : 5))),
);

await lastValueFrom(
  typed$.pipe(
    map((text) => ({ text })),
    search.operator({ flatten: 'switch' }),
    tap(({ found }) => console.log(found)),
  ),
);

// prints:
// dropped: m
// dropped: mi
// [ 'mill', 'millet', 'millrace', 'millstone' ]
// [ 'millrace' ]
