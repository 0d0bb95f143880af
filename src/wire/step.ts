/** A step's code, in the three forms that users write it: a function, a described function, an RxJS operator. */
import { type Observable, type OperatorFunction, of, type Subscribable } from 'rxjs';
import { FlowError, typeName } from '../errors.ts';
import type { Json, StepShape } from '../graph/definition.ts';
import type { InferInput, InferOutput, Schema } from '../graph/schema.ts';
import { check, operatorChecks, stepChecks } from '../graph/settings.ts';
import type { Usage } from '../state/event.ts';

/** Where a handler may write what a person should read later. */
export type Logger = Pick<Console, 'debug' | 'info' | 'warn' | 'error'>;

/** What a handler gets beside its params. */
export interface StepContext {
  /** Aborts when the run is cancelled, the attempt times out, or a newer version supersedes this one. */
  readonly signal: AbortSignal;
  readonly runId: string;
  /** The ids from the root to this step, joined by `.`. */
  readonly path: string;
  /** From 1. */
  readonly attempt: number;
  /** The same text for every attempt of this step in this run, also after a resume. */
  readonly idempotencyKey: string;
  readonly log: Logger;
}

/** A step's code as a function. What it may return: see `Returned`. */
export type Handler<Params = never, Result = unknown> = (
  params: Params,
  context: StepContext,
) => Result;

// biome-ignore lint/suspicious/noConfusingVoidType: so a generator says that it returns nothing; `undefined` is part of it
type Nothing = void;

/** Everything that a handler may return to give a T in the end. */
export type Returned<T> =
  | T
  | PromiseLike<T>
  | Subscribable<T>
  | Iterator<unknown, T | Nothing>
  | AsyncIterator<unknown, T | Nothing>
  | ReadableStream<T>;

/** Texts are joined, everything else is listed. */
type FromChunks<Chunk> = unknown extends Chunk
  ? string | Chunk[]
  : [Chunk] extends [string]
    ? string
    : Chunk[] | ([Extract<Chunk, string>] extends [never] ? never : string);

/** What a generator returned; its chunks where it returned nothing. */
type FromGenerator<Chunk, Result> = Result extends Nothing ? FromChunks<Chunk> : Result;

/** What a handler's result settles to: the value of a promise, the last value of an Observable, … */
export type Settled<R> = 0 extends 1 & R
  ? R
  : R extends PromiseLike<infer T>
    ? Settled<T>
    : R extends Generator<infer Chunk, infer Result> | AsyncGenerator<infer Chunk, infer Result>
      ? FromGenerator<Chunk, Result>
      : R extends Observable<infer T> | Subscribable<infer T>
        ? T
        : R extends ReadableStream<infer Chunk>
          ? FromChunks<Chunk>
          : R extends AsyncIterable<infer Chunk>
            ? FromChunks<Chunk>
            : R;

/** How chunks become the result: the last one, all texts joined, all in a list, or a function of the list. */
export type Reduce = 'last' | 'concat' | 'collect' | ((chunks: readonly never[]) => unknown);

/** What a handler tells on its way to the result. */
export type ChunkOf<R> = 0 extends 1 & R
  ? R
  : R extends PromiseLike<infer T>
    ? ChunkOf<T>
    : R extends Generator<infer Chunk> | AsyncGenerator<infer Chunk>
      ? Chunk
      : R extends Observable<infer Chunk> | Subscribable<infer Chunk>
        ? Chunk
        : R extends ReadableStream<infer Chunk>
          ? Chunk
          : R extends AsyncIterable<infer Chunk>
            ? Chunk
            : never;

/** Carries the types of a step's code; there is nothing in it. */
export interface StepTypes<in Params, out Result, out Chunk> {
  readonly params: (params: Params) => void;
  readonly result: Result;
  readonly chunk: Chunk;
}

/** A step's code with what is known of it. Made by `defineStep`, `defineOperator`, and by flows, which are steps too. */
export interface Step<in Params = never, out Result = unknown, out Chunk = unknown>
  extends StepShape {
  readonly handler: Handler;
  /** What every chunk must satisfy. */
  readonly chunk?: Schema | undefined;
  readonly reduce?: Reduce | undefined;
  /** Reads the usage off a result, for events and for the sum of the run. */
  readonly usage?: ((result: never) => Usage | undefined) | undefined;
  /** What its readers get in a run that goes on after it has ended: chunks are not stored. By default the result, a list item by item. */
  readonly chunksOf?: ((result: never) => readonly unknown[]) | undefined;
  /** What an answer must satisfy, of a step that asks. */
  readonly answer?: Schema | undefined;
  /** A streaming operator that answers each input exactly once, and so may stay subscribed in a live flow. */
  readonly oneToOne?: OperatorFunction<never, unknown> | undefined;
  /** The step that it runs again and again, and the same made of another one. */
  readonly inner?: Inner | undefined;
  readonly '~types'?: StepTypes<Params, Result, Chunk> | undefined;
}

export interface Inner {
  readonly step: Step;
  readonly with: (other: Step) => Step;
}

/** What the compiler takes params for whose type is not written down: `({ url }: { url: string }) => …`. */
// biome-ignore lint/suspicious/noEmptyInterface: every object is assignable to it, and its name is the message
interface ParamsWithoutType {}

// A method, so that a handler may take any params.
type AnyHandler = {
  handler(params: ParamsWithoutType | null | undefined, context: StepContext): unknown;
}['handler'];

/** What `flow.step` takes as code. */
export type Code = Step | AnyHandler;

/** Of code whose types nobody knows, any params may be tried. */
type IfKnown<Params> = [Params] extends [never] ? unknown : Params;

type TypesOf<S> = S extends { readonly '~types'?: infer T } ? NonNullable<T> : never;

/** The params that code takes. */
export type CodeParams<C> = C extends Step
  ? TypesOf<C> extends { readonly params: (params: infer Params) => void }
    ? IfKnown<Params>
    : unknown
  : C extends (params: infer Params, context: StepContext) => unknown
    ? IfKnown<Params>
    : never;

/** What code gives in the end. */
export type CodeResult<C> = C extends Step
  ? TypesOf<C> extends { readonly result: infer Result }
    ? Result
    : never
  : C extends (...args: never[]) => infer R
    ? Settled<R>
    : never;

/** What code tells on the way. */
export type CodeChunk<C> = C extends Step
  ? TypesOf<C> extends { readonly chunk: infer Chunk }
    ? Chunk
    : never
  : C extends (...args: never[]) => infer R
    ? ChunkOf<R>
    : never;

export interface StepDescription<
  Input extends Schema | undefined,
  Output extends Schema | undefined,
  Params,
  Result,
  How extends Reduce | undefined = Reduce | undefined,
> {
  /** What the params must satisfy; the handler gets what the schema makes of them. */
  readonly input?: Input;
  /** What the result must satisfy; others get what the schema makes of it. */
  readonly output?: Output;
  /** What every chunk must satisfy. It must validate at once, not in a promise. */
  readonly chunk?: Schema;
  readonly run: Handler<Params, Result>;
  /** How chunks become the result. By default an Observable's last one; see `Settled` for the others. */
  readonly reduce?: How;
  /** Reads off the result what it used. */
  readonly usage?: (result: NoInfer<ResultOf<Output, Result, How>>) => Usage | undefined;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, Json>>;
  readonly isLlm?: boolean;
}

type ParamsOf<Input, Fallback> = Input extends Schema ? InferOutput<Input> : Fallback;
type GivenOf<Input, Fallback> = Input extends Schema ? InferInput<Input> : Fallback;
type ResultOf<Output, Result, How> = Output extends Schema
  ? InferOutput<Output>
  : Reduced<Result, How>;
type AllowedBy<Output, How> = [Output, How] extends [Schema, undefined]
  ? Returned<InferInput<Output>>
  : unknown;

/** What a result is when its chunks are put together in a way of its own. What has no chunks stays what it is. */
type Reduced<Result, How> = [How, ChunkOf<Result>] extends [undefined, unknown] | [unknown, never]
  ? Settled<Result>
  : ByReduce<ChunkOf<Result>, How>;
type ByReduce<Chunk, How> = How extends (...args: never[]) => infer Result
  ? Result
  : { last: Chunk; concat: string; collect: Chunk[] }[How & ('last' | 'concat' | 'collect')];

/**
 * Describes a step: its code, and schemas (zod, valibot, arktype, any Standard Schema) of what goes in and what comes out.
 * Params are checked before the code runs (`invalid-params`), results before anyone sees them (`invalid-result`).
 *
 * @example
 * const fetchPage = defineStep({
 *   input: z.object({ url: z.url() }),
 *   output: z.object({ title: z.string(), body: z.string() }),
 *   run: async ({ url }, { signal }) => readPage(await fetch(url, { signal })),
 * })
 */
export function defineStep<
  Result extends AllowedBy<Output, How>,
  Input extends Schema | undefined = undefined,
  Output extends Schema | undefined = undefined,
  Params = unknown,
  How extends Reduce | undefined = undefined,
>(
  description: StepDescription<Input, Output, ParamsOf<Input, Params>, Result, How>,
): Step<GivenOf<Input, Params>, ResultOf<Output, Result, How>, ChunkOf<Result>> {
  const { run, ...rest } = description ?? ({} as typeof description);
  if (typeof run !== 'function') {
    throw new FlowError(
      'invalid-definition',
      `defineStep() needs a function in "run", not ${typeName(run)}. Write run: (params, context) => result.`,
    );
  }
  check('defineStep()', description, stepChecks);
  return Object.freeze({ ...rest, handler: run });
}

export interface OperatorDescription<
  Input extends Schema | undefined,
  Output extends Schema | undefined,
  Params,
  Result,
> {
  readonly input?: Input;
  readonly output?: Output;
  /** Any RxJS operator: from the params to values. The last value is the result, all of them are chunks. */
  readonly operator: OperatorFunction<Params, Result>;
  /** It answers every input exactly once, in order: a live flow may keep it subscribed. */
  readonly oneToOne?: boolean;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, Json>>;
}

/**
 * Makes a step of a plain RxJS operator: `(source: Observable<Params>) => Observable<Result>`.
 *
 * @example
 * const words = defineOperator({ operator: (texts: Observable<{ text: string }>) => texts.pipe(mergeMap(({ text }) => text.split(' '))) })
 */
export function defineOperator<
  Result,
  Input extends Schema | undefined = undefined,
  Output extends Schema | undefined = undefined,
  Params = unknown,
>(
  description: OperatorDescription<Input, Output, ParamsOf<Input, Params>, Result>,
): Step<GivenOf<Input, Params>, Output extends Schema ? InferOutput<Output> : Result, Result> {
  const { operator, oneToOne, ...rest } = description ?? ({} as typeof description);
  if (typeof operator !== 'function') {
    throw new FlowError(
      'invalid-definition',
      `defineOperator() needs an RxJS operator in "operator", not ${typeName(operator)}.`,
    );
  }
  check('defineOperator()', description, operatorChecks);
  const handler = (params: ParamsOf<Input, Params>) => {
    const results: Partial<Observable<Result>> | undefined = operator(of(params));
    if (typeof results?.subscribe === 'function') return results;
    throw new TypeError(`its operator must give an Observable, not ${typeName(results)}`);
  };
  return Object.freeze({ ...rest, handler, ...(oneToOne && { oneToOne: operator }) });
}

/** Makes a step of what `flow.step` accepts. */
export function toStep(id: string, code: unknown): Step {
  if (typeof code === 'function') return { handler: code as Handler };
  if (typeof code === 'object' && code !== null && typeof (code as Step).handler === 'function')
    return code as Step;
  throw new FlowError(
    'invalid-definition',
    `The code of step "${id}" is ${typeName(code)}. Give a function, a step made by defineStep() or defineOperator(), or a flow that output() or build() gives.`,
  );
}
