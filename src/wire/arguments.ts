/** Types only: what an author passes to a step, what the step then gets, and what of it can be passed on. */
import type { Observable } from 'rxjs';
import type { ErrorJson } from '../errors.ts';
import type { StepSettings } from '../graph/definition.ts';
import type { NoRef, Ref, RefOf } from '../graph/ref.ts';
import type { CodeParams, Handler, Step, StepContext } from './step.ts';

/** A step of a flow being written, and what of it others can refer to. */
export interface StepNode<out Result, out Chunk = unknown> {
  readonly id: string;
  /** Its result. */
  readonly out: Ref<Result>;
  /** The stream of its chunks, while it still works. */
  readonly chunks: Ref<Observable<Chunk>>;
  /** Its error, for steps that run when it has failed. */
  readonly error: Ref<ErrorJson | undefined>;
}

/** Refuses a step where its result is meant. */
export type NoNodes<A> = {
  readonly [K in keyof A]: A[K] extends StepNode<unknown> ? RefOf<unknown> : unknown;
};

type Whole =
  | string
  | number
  | boolean
  | bigint
  | symbol
  | null
  | undefined
  | Date
  | ((...args: never[]) => unknown);

type Method = (...args: never[]) => unknown;
type Methods<T> = 0 extends 1 & T[keyof T] ? never : Extract<T[keyof T], Method>;

/** `Parts` of plain data. What has methods is itself: the run looks for references in plain data only. */
type IfData<T, Parts> = T extends Whole
  ? T
  : T extends readonly unknown[]
    ? Parts
    : [Methods<T>] extends [never]
      ? Parts
      : T;

/** What a param accepts: the value, a reference to one, or a structure with references in it. */
export type Arg<T> = RefOf<T> | (unknown extends T ? T : Filled<T>);

// Without `T` beside the structure: an error then blames the part of it that is wrong, and no other.
/** Plain data with references in it. */
type Filled<T> = T extends Whole
  ? T
  : T extends readonly unknown[]
    ? Items<T>
    : [Methods<T>] extends [never]
      ? Entries<T>
      : T;

// A list names its items instead of mapping them, so that types which contain themselves end.
type Items<T extends readonly unknown[]> = number extends T['length']
  ? NoRef & readonly Arg<T[number]>[]
  : Entries<T>;

type Entries<T> = NoRef & { readonly [K in keyof T]: Arg<T[K]> };

/** What binds the params of a step: an argument for each. */
export type Params<P> = NoRef &
  (unknown extends P ? Readonly<Record<string, unknown>> : { readonly [K in keyof P]: Arg<P[K]> });

// Spelled out over the code: of `Params<CodeParams<C>>` the compilers infer C too, and lose that of code that a generic function makes.
export type ParamsFor<C> = NoRef &
  (unknown extends CodeParams<C>
    ? C extends (...args: infer Args) => unknown
      ? ParamsWhere<Args['length']>
      : Readonly<Record<string, unknown>>
    : { readonly [K in keyof CodeParams<C>]: Arg<CodeParams<C>[K]> });

/** Code without arguments reads no params. They may still be what it waits for; options among them stand in the wrong place. */
type ParamsWhere<Count> = Readonly<Record<string, unknown>> &
  (Count extends 0
    ? { readonly [K in keyof StepSettings | 'after']?: OptionsStandBehindTheParams }
    : unknown);

declare const IS_NONE: unique symbol;

/** `step(id, code, {}, options)`: the name is the message. A reference is a param, whatever its name. */
interface OptionsStandBehindTheParams extends RefOf<unknown> {
  readonly [IS_NONE]?: never;
}

/** What an argument is once the run has filled it in. */
export type Resolved<A> = unknown extends A
  ? A
  : A extends RefOf<infer T>
    ? T
    : IfData<A, { -readonly [K in keyof A]: Resolved<A[K]> }>;

// How the params of a handler are inferred that does not say what it takes: `({ url }) => …`.
//
// The compilers first infer `Bound` from what binds the params; the handler waits. From `CodeFor<Bound>`, which bounds the type of the code,
// they then read what the handler gets: off the one function type in it that is neither generic nor overloaded. As any function at all fits
// the other one, a handler that does say what it takes is not held against `Bound`: its bindings are held against the handler, as ever.

/** Plain data that binds params. */
export type Bindings = object & NoRef;

/** Code for a step whose params are bound so. */
export type CodeFor<Bound> =
  | Step
  | HandlerOfAnything
  | Handler<{ [K in keyof Bound]: Given<Bound[K]> }>;

interface HandlerOfAnything {
  <_>(params: never, context: StepContext): unknown;
  (params: never, context: StepContext): unknown;
}

/** What binds the params of code: of code that is yet to be inferred, `Bound`, for the compilers to infer that first. */
export type BoundFor<C, Bound> = CodeFor<never> extends C ? Bound : ParamsFor<C>;

/** What an argument gives a handler that does not say what it takes: as `Resolved`, but what holds no reference keeps its name. */
type Given<A> = unknown extends A
  ? A
  : A extends RefOf<infer T>
    ? T
    : A extends StepNode<infer Result>
      ? Result // So that the step is blamed where it stands: it is no reference to its result.
      : A extends Closed<A>
        ? A
        : { [K in keyof A]: Given<A[K]> };

/** The same type; `never` in the place of each reference. */
type Closed<A> = unknown extends A
  ? A
  : A extends RefOf<unknown> | StepNode<unknown>
    ? never
    : IfData<A, { [K in keyof A]: Closed<A[K]> }>;
