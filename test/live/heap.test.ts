import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Flow, lt } from 'millrace';
import { virtual } from 'millrace/testing';
import { map, type Observable, of, Subject, timer } from 'rxjs';
import { expect, test } from 'vitest';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

type N = { n: number };

/** A step that waits, one that fails now and then, one that is skipped now and then, one that reads chunks, and a flow around some. */
function mill() {
  const inner = new Flow<N>('inner');
  const parity = inner.step('parity', ({ n }: N) => n % 2, { n: inner.input.n });
  const slow = inner.step('slow', ({ n }: N) => timer(20).pipe(map(() => n)), { n: inner.input.n });
  const built = inner.output({ parity: parity.out, slow: slow.out });
  const flow = new Flow<N>('mill');
  const step = flow.step('step', built, { n: flow.input.n });
  const queued = flow.step(
    'queued',
    ({ n }: N) => timer(5).pipe(map(() => n)),
    { n: flow.input.n },
    { policy: 'concat', maxPending: 3 },
  );
  const fragile = flow.step(
    'fragile',
    ({ n }: N) => {
      if (n % 10 === 3) throw new Error('now and then');
      return { n };
    },
    { n: flow.input.n },
  );
  const small = flow.step(
    'small',
    ({ n }: N) => n,
    { n: queued.out },
    { when: lt(queued.out, 50) },
  );
  const reader = flow.step(
    'reader',
    ({ said }: { said: Observable<number> }) => said.pipe(map((chunk) => chunk + 1)),
    { said: queued.chunks },
  );
  const all = flow.step(
    'all',
    ({ slow, n }: { slow: number; n: { n: number } }) => of(slow + n.n),
    { slow: step.out.slow, n: fragile.out },
  );
  return flow.output({
    all: all.out,
    parity: step.out.parity,
    small: small.out,
    heard: reader.out,
  });
}

/** Steps that answer at once, of which one fails now and then. */
function quick() {
  const flow = new Flow<N>('quick');
  const a = flow.step('a', ({ n }: N) => n + 1, { n: flow.input.n });
  const b = flow.step(
    'b',
    ({ n }: N) => {
      if (n % 10 === 3) throw new Error('now and then');
      return n % 7;
    },
    { n: flow.input.n },
  );
  const c = flow.step('c', ({ a, b }: { a: number; b: number }) => ({ a, b }), {
    a: a.out,
    b: b.out,
  });
  return flow.output({ c: c.out });
}

const hours = 3_600_000;
const parts = 10;

/** Ten hours of versions, an hour at a time. Gives back what the heap held after each, in bytes, and how many outputs there were. */
async function lived(
  flow: { live: (inputs: never) => ReturnType<ReturnType<typeof quick>['live']> },
  versions: number,
  isWatched: (part: number) => boolean,
): Promise<{ readonly heap: readonly number[]; readonly outputs: number }> {
  const n = new Subject<number>();
  const heap: number[] = [];
  let outputs = 0;
  await virtual(
    async () => {
      const live = flow.live({ n } as never);
      live.output$.subscribe(() => {
        outputs++;
      });
      let at = 0;
      for (let part = 0; part < parts; part++) {
        const watching = isWatched(part) ? live.state$.subscribe() : undefined;
        const each = versions / parts;
        const pause = hours / each;
        for (let i = 0; i < each; i += 20) {
          // Twenty at two instants: most of them are given up where they take their time.
          for (let j = 0; j < 20; j++) {
            if (j === 5) await new Promise((done) => setTimeout(done, 10));
            n.next(at++ % 101);
          }
          await new Promise((done) => setTimeout(done, 20 * pause - 10));
        }
        watching?.unsubscribe();
        collect();
        heap.push(process.memoryUsage().heapUsed);
      }
      live.stop();
    },
    { maxSteps: Number.POSITIVE_INFINITY },
  );
  return { heap, outputs };
}

/** By how much the heap has grown from the first hours to the last ones. */
const growth = (heap: readonly number[]): number =>
  Math.min(...heap.slice(-3)) - Math.min(...heap.slice(1, 4));

const megabyte = 1 << 20;

test('6.2 ten hours of versions that are worked on, given up, failed and skipped leave the heap as it was', async () => {
  const { heap, outputs } = await lived(mill() as never, 40_000, (part) => part % 2 === 0);
  expect(outputs).toBeGreaterThan(1_000);
  expect(growth(heap)).toBeLessThan(megabyte);
}, 240_000);

test('6.2 so do a million versions that are answered at once', async () => {
  const { heap, outputs } = await lived(quick() as never, 1_000_000, (part) => part === 4);
  expect(outputs).toBeGreaterThan(500_000);
  expect(growth(heap)).toBeLessThan(megabyte);
}, 240_000);
