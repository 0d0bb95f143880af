import { Flow, FlowError } from 'millrace';
import { lastValueFrom, map, Observable, of, range, throwError, timer, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { failing, inVirtualTime } from './told.ts';

type N = { n: number };

function slow() {
  const flow = new Flow<N>('slow');
  const a = flow.step('a', ({ n }: N) => timer(n * 10).pipe(map(() => n)), { n: flow.input.n });
  return flow.output({ n: a.out });
}

const values = { a: { n: 3 }, b: { n: 1 }, c: { n: 2 } };
const out = { A: { n: 3 }, B: { n: 1 }, C: { n: 2 } };

test('2.16 concat, the default: one run after the other, outputs in order', () => {
  inVirtualTime((scheduler) => {
    const source = scheduler.createColdObservable<N>('ab 3ms c|', values);
    scheduler.expectObservable(source.pipe(slow().operator())).toBe('30ms A 9ms B 19ms (C|)', out);
  });
});

test.each([
  { flatten: 'concat' },
  { flatten: 'merge', concurrency: 1 },
  { flatten: 'merge', concurrency: 3, ordered: true },
] as const)(
  '2.16 %o: however many inputs wait for one that takes its time, the stack holds',
  async (options) => {
    const flow = new Flow<N>('first');
    const a = flow.step('a', ({ n }: N) => (n === 0 ? Promise.resolve(n) : n), { n: flow.input.n });
    const inputs$ = range(0, 20_000).pipe(map((n) => ({ n })));
    const outputs$ = inputs$.pipe(flow.output({ n: a.out }).operator(options), toArray());
    const outputs = await lastValueFrom(outputs$);
    expect(outputs.every(({ n }, i) => n === i)).toBe(true);
    expect(outputs.length).toBe(20_000);
  },
);

test('2.16 merge: runs side by side, outputs as they come', () => {
  inVirtualTime((scheduler) => {
    const source = scheduler.createColdObservable<N>('ab 3ms c|', values);
    scheduler
      .expectObservable(source.pipe(slow().operator({ flatten: 'merge' })))
      .toBe('11ms B 13ms C 4ms (A|)', out);
  });
});

test('2.16 merge with concurrency: so many runs at once', () => {
  inVirtualTime((scheduler) => {
    const source = scheduler.createColdObservable<N>('(ab)c|', values);
    scheduler
      .expectObservable(source.pipe(slow().operator({ flatten: 'merge', concurrency: 2 })))
      .toBe('10ms B 19ms (AC|)', out);
  });
});

test('2.16 merge in order: runs side by side, outputs in the order of the inputs', () => {
  inVirtualTime((scheduler) => {
    const source = scheduler.createColdObservable<N>('ab 3ms c|', values);
    scheduler
      .expectObservable(source.pipe(slow().operator({ flatten: 'merge', ordered: true })))
      .toBe('30ms (ABC|)', out);
  });
});

test('2.16 merge in order: a run that waits for an older one to be told makes room for the next', () => {
  inVirtualTime((scheduler) => {
    const source = scheduler.createColdObservable<N>('(abc)|', values);
    const ordered = slow().operator({ flatten: 'merge', ordered: true, concurrency: 2 });
    scheduler.expectObservable(source.pipe(ordered)).toBe('30ms (ABC|)', out);
  });
});

test('2.16 merge in order: a run that fails is the error at its place, and cancels the newer ones at once', () => {
  const flow = new Flow<N>('fails');
  const stopped: number[] = [];
  const step = ({ n }: N, { signal }: { signal: AbortSignal }) => {
    signal.addEventListener('abort', () => stopped.push(n));
    return n === 2 ? failing('two', 5)() : timer(n * 10).pipe(map(() => n));
  };
  const a = flow.step('a', step, { n: flow.input.n });
  const compiled = flow.output({ n: a.out });
  inVirtualTime((scheduler) => {
    const got: unknown[] = [];
    of({ n: 1 }, { n: 2 }, { n: 3 })
      .pipe(compiled.operator({ flatten: 'merge', ordered: true }))
      .subscribe({
        next: ({ n }) => got.push([scheduler.now(), n]),
        error: (error: unknown) => got.push([scheduler.now(), FlowError.is(error, 'run-failed')]),
      });
    timer(6).subscribe(() => expect(stopped).toContain(3));
    scheduler.flush();
    expect(got).toEqual([
      [10, 1],
      [10, true],
    ]);
  });
});

test('2.16 switch: a new input cancels the run before', () => {
  inVirtualTime((scheduler) => {
    const source = scheduler.createColdObservable<N>('ab 3ms c|', values);
    scheduler
      .expectObservable(source.pipe(slow().operator({ flatten: 'switch' })))
      .toBe('25ms (C|)', out);
  });
});

test('2.16 exhaust: an input that comes while a run is at work is dropped', () => {
  inVirtualTime((scheduler) => {
    const source = scheduler.createColdObservable<N>('ab 33ms c|', values);
    scheduler
      .expectObservable(source.pipe(slow().operator({ flatten: 'exhaust' })))
      .toBe('30ms A 24ms (C|)', out);
  });
});

test('2.16 unsubscribing cancels the runs at work', () => {
  const flow = new Flow<N>('stoppable');
  const stopped: number[] = [];
  const a = flow.step('a', ({ n }: N) => new Observable<number>(() => () => stopped.push(n)), {
    n: flow.input.n,
  });
  of({ n: 1 }, { n: 2 })
    .pipe(flow.output({ a: a.out }).operator({ flatten: 'merge' }))
    .subscribe()
    .unsubscribe();
  expect(stopped).toEqual([1, 2]);
});

test('2.16 synchronous flows answer synchronously, any number of inputs', () => {
  const flow = new Flow<N>('sync');
  const a = flow.step('a', ({ n }: N) => n * 2, { n: flow.input.n });
  const compiled = flow.output({ a: a.out });
  const ways = (['concat', 'merge', 'switch', 'exhaust'] as const).map((flatten) => ({ flatten }));
  for (const options of [...ways, { flatten: 'merge', ordered: true, concurrency: 1 }] as const) {
    let all: { a: number }[] = [];
    range(0, 10_000)
      .pipe(
        map((n) => ({ n })),
        compiled.operator(options),
        toArray(),
      )
      .subscribe((outputs) => {
        all = outputs;
      });
    expect(all).toHaveLength(10_000);
    expect(all.at(-1)).toEqual({ a: 19_998 });
  }
});

test('2.16 a run that fails is the error of the stream, and so is an error of the source', () => {
  const flow = new Flow<N>('fails');
  const a = flow.step('a', failing('boom'), {});
  const compiled = flow.output({ a: a.out });
  const errors: unknown[] = [];
  of({} as N)
    .pipe(compiled.operator())
    .subscribe({ error: (error: unknown) => errors.push(error) });
  throwError(() => 'source')
    .pipe(compiled.operator())
    .subscribe({ error: (error: unknown) => errors.push(error) });
  expect(FlowError.is(errors[0], 'run-failed')).toBe(true);
  expect(errors[1]).toBe('source');
});

test('2.16 run options hold for every run', () => {
  const flow = new Flow<N>('options');
  const a = flow.step('a', ({ n }: N) => n, { n: flow.input.n });
  const b = flow.step('b', failing('not wanted'), {});
  const seen: unknown[] = [];
  of({ n: 1 }, { n: 2 })
    .pipe(flow.output({ a: a.out, b: b.out }).operator({ outputs: ['a'] }))
    .subscribe((output) => seen.push(output));
  expect(seen).toEqual([{ a: 1 }, { a: 2 }]);
});

test('2.16 a bad option is refused at once, by name', () => {
  expect(() => slow().operator({ flatten: 'zip' as never })).toThrow(
    'The option "flatten" of operator() is "zip". It takes "concat", "merge", "switch", "exhaust".',
  );
  expect(() => slow().operator({ ordered: true })).toThrow(
    'The option "ordered" of operator() is for flatten: "merge", not "concat".',
  );
  expect(() => slow().operator({ flatten: 'merge', concurrency: 0 })).toThrow(
    'The option "concurrency" of operator() is 0. It takes a whole number, 1 or more.',
  );
  for (const flatten of ['concat', 'switch', 'exhaust', undefined] as const) {
    expect(() => slow().operator({ ...(flatten && { flatten }), concurrency: 3 })).toThrow(
      `The option "concurrency" of operator() is for flatten: "merge", not "${flatten ?? 'concat'}".`,
    );
  }
});
