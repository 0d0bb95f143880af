/** A step that tells 10 000 chunks, and one that reads them while they come. */
import { from, lastValueFrom, type Observable, reduce, Subject } from 'rxjs';
import { Flow } from '../dist/index.js';
import type { Row } from './harness.ts';
import { lastOf } from './millrace.ts';
import { compare, effect, type Name } from './versus.ts';
import { calls } from './work.ts';

const count = 10_000;
const value = (count * (count - 1)) / 2;

function* produce(): Generator<number> {
  calls.count++;
  for (let i = 0; i < count; i++) yield i;
}

async function* produceLater(): AsyncGenerator<number> {
  calls.count++;
  for (let i = 0; i < count; i++) yield i;
}

const add = (sum: number, chunk: number): number => sum + chunk;

function consume(chunks$: Observable<number>): Observable<number> {
  calls.count++;
  return chunks$.pipe(reduce(add, 0));
}

function row(isAsync: boolean): Row<Name> {
  const source = isAsync ? produceLater : produce;
  const flow = new Flow<Record<string, never>>('stream');
  const producer = flow.step('producer', source, {});
  const consumer = flow.step(
    'consumer',
    ({ chunks }: { chunks: Observable<number> }) => consume(chunks),
    { chunks: producer.chunks as never },
  );
  const stream = flow.output({ y: consumer.out });
  const operator = stream.operator();
  const outputOf = (given: unknown) => (given as { y: number }).y;
  const eventOutputOf = (given: unknown) => outputOf((given as { output: unknown }).output);
  const after = (given: unknown, use: (given: unknown) => number) =>
    given instanceof Promise ? given.then(use) : use(given);
  return {
    name: `${count} chunks, ${isAsync ? 'async' : 'sync'}`,
    units: count,
    value,
    calls: 2,
    ways: {
      await: async () => {
        calls.count++;
        let sum = 0;
        if (isAsync) for await (const chunk of produceLater()) sum = add(sum, chunk);
        else for (const chunk of produce()) sum = add(sum, chunk);
        return sum;
      },
      rxjs: () => lastOf(consume(from(source()))),
      naive: () => {
        const told = new Subject<number>();
        const result = lastValueFrom(consume(told));
        from(source()).subscribe(told);
        return result;
      },
      operator: () => after(lastOf(from([{}]).pipe(operator)), outputOf),
      events: () => after(lastOf(stream.run({})), eventOutputOf),
      complete: () => stream.complete({}).then(({ output }) => outputOf(output)),
      effect: effect && withEffect(effect, isAsync),
    },
  };
}

function withEffect(
  { Effect, Stream }: NonNullable<typeof effect>,
  isAsync: boolean,
): () => unknown {
  return () => {
    calls.count++;
    const chunks = isAsync
      ? Stream.fromAsyncIterable(produceLater(), (error) => error)
      : Stream.fromIterable(produce());
    return Effect.runPromise(Stream.runFold(chunks, () => 0, add));
  };
}

await compare('Chunks', 'chunk', undefined, [row(false), row(true)]);
