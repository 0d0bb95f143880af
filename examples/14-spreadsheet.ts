/** A spreadsheet: each formula is a step, each entered number an input. An edit computes what depends on it, and nothing else. */
import { explain } from 'millrace';
import { sheetOf } from './spreadsheet/sheet.ts';

const { flow, entered } = sheetOf({
  // What we sell: price, pieces, and what they make.
  A1: 20,
  B1: 3,
  C1: '=A1 * B1',
  A2: 15,
  B2: 4,
  C2: '=A2 * B2',
  // Discount in percent, the sum, the best line, and the sum for each customer.
  A4: 10,
  C4: '=SUM(C1:C2) * (100 - A4) / 100',
  C5: '=MAX(C1:C2)',
  A6: 2,
  C6: '=C4 / A6',
});

const live = flow.live(entered);
let computed: string[] = [];
live.events$.subscribe((event) => {
  if (event.type === 'STEP_OUTPUT')
    computed.push(`${event.path} = ${event.error ? 'error' : JSON.stringify(event.output)}`);
});

function edit(cells: Readonly<Record<string, number>>): void {
  computed = [];
  live.next(cells);
  console.log(JSON.stringify(cells), '→', computed.join(', ') || 'nothing to compute');
}

console.log('at first →', computed.join(', '));
edit({ A4: 20 });
// C2 was 60 already: what reads it is not computed again.
edit({ A2: 12, B2: 5 });
// Two cells at once are one version: no sum ever has one of them only.
edit({ B1: 4, B2: 6 });
edit({ A6: 0 });
console.log(explain(live.getSnapshot(), 'C6'));
edit({ A6: 4 });
live.stop();

// prints:
// at first → C1 = 60, C2 = 60, C4 = 108, C5 = 60, C6 = 54
// {"A4":20} → C4 = 96, C6 = 48
// {"A2":12,"B2":5} → C2 = 60
// {"B1":4,"B2":6} → C1 = 80, C2 = 72, C4 = 121.6, C5 = 80, C6 = 60.8
// {"A6":0} → C6 = error
// "C6" failed: Step "C6" failed: division by zero (step-failed).
// {"A6":4} → C6 = 30.4
