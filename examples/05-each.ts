/** One step for every item of a list: two at a time, results in the order of the items, a failed one left out. */
import { setTimeout } from 'node:timers/promises';
import { each, Flow } from 'millrace';

const flow = new Flow<{ cities: readonly string[]; unit: string }>('temperatures');

let atWork = 0;
let most = 0;
async function measure({ city, unit }: { city: string; unit: string }): Promise<string> {
  most = Math.max(most, ++atWork);
  // The shorter the name, the sooner it is there.
  await setTimeout(city.length * 3);
  atWork--;
  if (city === 'Atlantis') throw new Error('it has sunk');
  return `${city}: ${city.length * 4} ${unit}`;
}

const measured = flow.step(
  'measure',
  // An item is the param `city`; `unit` is the same for all.
  each(measure, { as: 'city', concurrency: 2, onError: 'skip' }),
  { items: flow.input.cities, unit: flow.input.unit },
);
const temperatures = flow.output({ measured: measured.out });

const run = temperatures.start({ cities: ['Hamburg', 'Ulm', 'Atlantis', 'Jena'], unit: '°C' });
run.chunks$('measure').subscribe((line) => console.log(line));
const { measured: lines } = await run.result;

console.log(lines.length, 'of 4, at most', most, 'at once');
console.log(run.explain('measure[2]'));

// prints:
// Hamburg: 28 °C
// Ulm: 12 °C
// Jena: 16 °C
// 3 of 4, at most 2 at once
// "measure[2]" failed: Step "measure[2]" failed: it has sunk (step-failed).
