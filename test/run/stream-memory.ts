/** Run by stream-link.test.ts in a process of its own: 100 000 chunks from one step to another, and the heap on the way. */
import { interval, map, type Observable, scan, take, tap } from 'rxjs';
import { Flow } from '../../src/index.ts';

const count = 100_000;
const collect = (globalThis as { gc?: () => void }).gc as () => void;
const heap: number[] = [];
let seen = 0;
let ordered = true;

const burst = 100;
const flow = new Flow('memory');
const producer = flow.step(
  'producer',
  () =>
    interval(0).pipe(
      take(count / burst),
      map((turn) =>
        Array.from({ length: burst }, (_, i) => ({ n: turn * burst + i, text: 'x'.repeat(50) })),
      ),
      (turns) =>
        new (turns.constructor as typeof Observable)<{ n: number; text: string }>((out) =>
          turns.subscribe({
            next: (chunks) => {
              for (const chunk of chunks) out.next(chunk);
            },
            complete: () => out.complete(),
          }),
        ),
    ),
  {},
);
const consumer = flow.step(
  'consumer',
  ({ source }: { source: Observable<{ n: number; text: string }> }) =>
    source.pipe(
      tap(({ n }) => {
        ordered &&= n === seen++;
        if (seen % (count / 10) !== 0) return;
        collect();
        heap.push(process.memoryUsage().heapUsed);
      }),
      scan((sum) => sum + 1, 0),
    ),
  { source: producer.chunks },
);
const compiled = flow.output({ count: consumer.out });

compiled.run({}).subscribe({
  complete: () => console.log(JSON.stringify({ count: seen, ordered, heap })),
});
