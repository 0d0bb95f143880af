/** What is inferred of a step's code: its params, its result, its chunks. */
import {
  type ChunkOf,
  type CodeParams,
  type CodeResult,
  defineOperator,
  defineStep,
  each,
  Flow,
  type Restart,
  repeat,
  type Settled,
  type Step,
} from 'millrace';
import { from, map, type Observable, of, type Subscribable } from 'rxjs';
import { z } from 'zod';
import { same } from './equal.ts';

// What a handler returns, and what it settles to.
same<Settled<number>, number>();
same<Settled<Promise<string>>, string>();
same<Settled<Promise<Promise<string>>>, string>();
same<Settled<Promise<number> | string>, number | string>();
same<Settled<Observable<number>>, number>();
same<Settled<Promise<Observable<number>>>, number>();
same<Settled<Subscribable<number>>, number>();
same<Settled<ReadableStream<string>>, string>();
same<Settled<Promise<ReadableStream<Uint8Array>>>, Uint8Array[]>();
same<Settled<Generator<string, void>>, string>();
same<Settled<Generator<number, undefined>>, number[]>();
same<Settled<Generator<string | number, void>>, string | (string | number)[]>();
same<Settled<Generator<unknown, void>>, string | unknown[]>();
same<Settled<AsyncGenerator<string, { text: string }>>, { text: string }>();
same<Settled<AsyncGenerator<string, { text: string } | undefined>>, { text: string } | string>();
same<Settled<AsyncGenerator<string, null>>, null>();
same<Settled<AsyncIterable<number>>, number[]>();
same<Settled<number[]>, number[]>();
same<Settled<Set<number>>, Set<number>>();
same<Settled<void>, void>();
same<Settled<unknown>, unknown>();
// biome-ignore lint/suspicious/noExplicitAny: what is not typed stays so
same<Settled<any>, any>();

same<ChunkOf<Promise<number>>, never>();
same<ChunkOf<Observable<number>>, number>();
same<ChunkOf<Promise<ReadableStream<string>>>, string>();
same<ChunkOf<AsyncGenerator<string, { text: string }>>, string>();

// Functions.
const plain = ({ n }: { n: number }) => n + 1;
same<CodeParams<typeof plain>, { n: number }>();
same<CodeResult<typeof plain>, number>();
const later = async ({ n }: { n: number }) => String(n);
same<CodeResult<typeof later>, string>();

// Described steps: without schemas, with one, with both.
const bare = defineStep({ run: async ({ n }: { n: number }) => String(n) });
same<typeof bare, Step<{ n: number }, string, never>>();

const checked = defineStep({
  input: z.object({ n: z.number(), tone: z.string().default('plain') }),
  run: ({ n, tone }, { signal, attempt }) => {
    // The handler gets what the schema makes of the params: the default is filled in.
    same<typeof tone, string>();
    same<typeof signal, AbortSignal>();
    return { text: `${n} ${tone} ${attempt}` };
  },
});
same<typeof checked, Step<{ n: number; tone?: string | undefined }, { text: string }, never>>();

const parsed = defineStep({
  input: z.object({ n: z.string().transform(Number) }),
  output: z.object({ n: z.string().transform(Number), tone: z.string().default('plain') }),
  run: ({ n }) => {
    same<typeof n, number>();
    return { n: String(n) };
  },
});
same<typeof parsed, Step<{ n: string }, { n: number; tone: string }, never>>();

const streamed = defineStep({
  output: z.object({ text: z.string() }),
  async *run({ prompt }: { prompt: string }) {
    yield prompt;
    return { text: prompt };
  },
});
same<typeof streamed, Step<{ prompt: string }, { text: string }, string>>();

const observed = defineStep({ run: ({ n }: { n: number }) => of(n, n + 1) });
same<typeof observed, Step<{ n: number }, number, number>>();

// A result that its schema refuses, and params that the handler does not take.
defineStep({
  output: z.object({ text: z.string() }),
  // @ts-expect-error a number where the schema wants a text
  run: () => ({ text: 1 }),
});
defineStep({
  input: z.object({ n: z.number() }),
  // @ts-expect-error the schema gives a number, the handler takes a text
  run: ({ n }: { n: string }) => n,
});
// @ts-expect-error no such option
defineStep({ run: () => 1, outptu: z.number() });

// How chunks become the result.
const collected = defineStep({ run: () => of('a', 'b'), reduce: 'collect' });
same<typeof collected, Step<unknown, string[], string>>();
const joined = defineStep({ run: () => of(1, 2), reduce: 'concat' });
same<typeof joined, Step<unknown, string, number>>();
const counted = defineStep({
  run: () => of('a', 'b'),
  reduce: (chunks: readonly string[]) => chunks.length,
});
same<typeof counted, Step<unknown, number, string>>();
const listed = defineStep({
  output: z.array(z.string()),
  run: () => of('a', 'b'),
  reduce: 'collect',
});
same<typeof listed, Step<unknown, string[], string>>();
const whole = defineStep({ run: async () => 1, reduce: 'collect' });
same<typeof whole, Step<unknown, number, never>>();

// What a result used, read off it.
defineStep({
  run: async () => ({ text: 'a', tokens: 3 }),
  usage: ({ tokens }) => ({ outputTokens: tokens }),
});

// RxJS operators.
const doubled = defineOperator({
  operator: (source: Observable<{ n: number }>) => source.pipe(map(({ n }) => n * 2)),
});
same<typeof doubled, Step<{ n: number }, number, number>>();
const described = defineOperator({
  input: z.object({ n: z.number().default(1) }),
  output: z.number(),
  operator: (source) => source.pipe(map(({ n }) => n * 2)),
});
same<typeof described, Step<{ n?: number | undefined }, number, number>>();

// Items of a list, or of a stream.
const fetchPage = async ({ url, tries }: { url: string; tries: number }) => ({ title: url, tries });
const every = each(fetchPage, { as: 'url', concurrency: 4 });
type ItemsOf<T> = readonly T[] | Observable<T | Restart>;
same<CodeParams<typeof every>, { readonly items: ItemsOf<string> } & { tries: number }>();
same<CodeResult<typeof every>, { title: string; tries: number }[]>();
const items = each(plain);
same<CodeParams<typeof items>, { readonly items: ItemsOf<{ n: number }> }>();
same<CodeResult<typeof items>, number[]>();
const holes = each(plain, { onError: 'null' });
same<CodeResult<typeof holes>, (number | null)[]>();
const rest = each(plain, { onError: 'skip' });
same<CodeResult<typeof rest>, number[]>();
// @ts-expect-error the step has no such param
each(fetchPage, { as: 'ulr' });

// Rounds.
const refined = repeat(async ({ draft }: { draft: string }) => ({ draft, score: 1 }), {
  while: ({ score }, round) => score < 0.9 && round < 9,
  max: 5,
  next: ({ draft }, params) => ({ ...params, draft }),
});
same<CodeParams<typeof refined>, { draft: string }>();
same<CodeResult<typeof refined>, { draft: string; score: number }>();
repeat(plain, {
  max: 2,
  // @ts-expect-error the result is a number
  while: ({ score }) => score > 1,
});

// A flow is a step: its input as it is given, its output.
const inner = new Flow('inner', {
  input: z.object({ n: z.number(), tone: z.string().default('plain') }),
});
const twice = inner.step('twice', plain, { n: inner.input.n });
const innerFlow = inner.output({ twice: twice.out, tone: inner.input.tone });
same<CodeParams<typeof innerFlow>, { n: number; tone?: string | undefined }>();
same<CodeResult<typeof innerFlow>, { twice: number; tone: string }>();
same<CodeResult<ReturnType<typeof each<typeof innerFlow>>>, { twice: number; tone: string }[]>();

// Foreign Observables are streams too.
const foreign = defineStep({ run: () => from([1]) as Subscribable<number> });
same<typeof foreign, Step<unknown, number, number>>();
