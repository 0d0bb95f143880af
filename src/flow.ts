/** Writing a flow down with typed references. */
import type { Observable } from 'rxjs';
import { CompiledFlow } from './compiled-flow.ts';
import { type ErrorJson, FlowError, typeName } from './errors.ts';
import { type Binding, bind } from './graph/binding.ts';
import { define } from './graph/compile.ts';
import type { Condition } from './graph/condition.ts';
import type { LinkOptions, StepSettings } from './graph/definition.ts';
import { Draft, type FlowOptions } from './graph/draft.ts';
import { draftFromJson, type FlowJson, type Registry } from './graph/json.ts';
import { type Ref, type RefOf, ref } from './graph/ref.ts';
import type { Schema } from './graph/schema.ts';
import type { Restart } from './wire/channel.ts';
import {
  type Code,
  type CodeChunk,
  type CodeParams,
  type CodeResult,
  type Step,
  toStep,
} from './wire/step.ts';

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

/** What a param accepts: the value, a reference to one, or a structure with references in it. */
export type Arg<T> =
  | RefOf<T>
  | T
  | (T extends Whole ? never : { readonly [K in keyof T]: Arg<T[K]> });

export type Params<P> = { readonly [K in keyof P]: Arg<P[K]> };

/** What an argument is once the run has filled it in. */
export type Resolved<A> =
  A extends RefOf<infer T> ? T : A extends Whole ? A : { -readonly [K in keyof A]: Resolved<A[K]> };

/** A step of a flow being written, and what of it others can refer to. */
export interface StepNode<Result, Chunk = unknown> {
  readonly id: string;
  /** Its result. */
  readonly out: Ref<Result>;
  /** The stream of its chunks, while it still works. */
  readonly chunks: Ref<Observable<Chunk>>;
  /** Its error, for steps that run when it has failed. */
  readonly error: Ref<ErrorJson | undefined>;
}

export interface StepOptions extends StepSettings {
  /** Steps that must come first, beside those whose results are read. */
  readonly after?: readonly StepNode<unknown>[];
}

type MayBeSkipped<Options> = Options extends { readonly when: Condition } ? undefined : never;
type MayRestart<Options> = Options extends { readonly retry: object } ? Restart : never;

/**
 * A flow being written down. Steps are values: what one returns is passed to another as a reference, and the reference is the link.
 *
 * @example
 * const flow = new Flow('greet', { input: z.object({ name: z.string() }) })
 * const shout = flow.step('shout', ({ text }: { text: string }) => text.toUpperCase(), { text: flow.input.name })
 * const greet = flow.output({ greeting: text`Hello ${shout.out}!` })
 * const { output } = await greet.complete({ name: 'Ada' }) // { greeting: 'Hello ADA!' }
 */
export class Flow<Input, Parsed = Input> {
  readonly id: string;
  /** The input of the flow, to refer to. */
  readonly input: Ref<Parsed>;
  private readonly draft: Draft<Step>;

  constructor(id: string, options: FlowOptions & { readonly input?: Schema<Input, Parsed> } = {}) {
    this.draft = new Draft(id, options as FlowOptions);
    this.id = id;
    this.input = ref<Parsed>({ of: 'input', path: [] });
  }

  /**
   * Adds a step: an id, code (a function, a described step, a flow), and where its params come from. Throws a FlowError at once for an id
   * that is taken or not allowed, an option that cannot be, or a link that would close a cycle.
   */
  step<C extends Code, const Options extends StepOptions = Record<never, never>>(
    id: string,
    code: C,
    params: Params<CodeParams<C>>,
    options?: Options,
  ): StepNode<CodeResult<C> | MayBeSkipped<Options>, CodeChunk<C> | MayRestart<Options>> {
    const { after = [], ...settings } = (options ?? {}) as StepOptions;
    if (typeof params !== 'object' || params === null) {
      throw new FlowError(
        'invalid-definition',
        `The params of step "${id}" are ${typeName(params)}. Give an object that binds each param, or {} for none.`,
      );
    }
    const bound = new Map<string, Binding>(
      Object.entries(params).map(([name, arg]) => [name, bind(arg)]),
    );
    this.draft.addStep(
      { id, step: toStep(id, code), settings: Object.freeze(settings) },
      bound,
      after.map((node) => node.id),
    );
    return {
      id,
      out: ref({ of: 'return', step: id, path: [] }),
      chunks: ref({ of: 'chunks', step: id, path: [] }),
      error: ref({ of: 'error', step: id, path: [] }),
    };
  }

  /** Adds a link that no data makes: order, a condition, another outcome to wait for, a tool. Links that say the same merge. */
  link(
    from: StepNode<unknown> | string,
    to: StepNode<unknown> | string,
    options?: LinkOptions,
  ): this {
    this.draft.addLink(idOf(from), idOf(to), options);
    return this;
  }

  /**
   * Names the outputs, checks the whole flow, and makes it one that runs. Throws a FlowError (`invalid-definition`) that lists every
   * problem. What is added to the flow later does not reach the compiled one.
   */
  output<const A extends Readonly<Record<string, unknown>>>(
    outputs: A,
  ): CompiledFlow<Input, Resolved<A>> {
    const draft = this.draft;
    for (const name of draft.outputs.keys()) draft.removeOutput(name);
    for (const [name, arg] of Object.entries(outputs)) draft.setOutput(name, bind(arg));
    return new CompiledFlow(define(draft));
  }

  /** A flow from JSON and the code of its steps. Throws a FlowError for a step that the registry lacks, and for every problem of the flow. */
  static fromJSON(json: FlowJson, registry: Registry<Step>): CompiledFlow<unknown, unknown> {
    return new CompiledFlow(
      define(draftFromJson<Step>(json, registry, (draft) => new CompiledFlow(define(draft)))),
    );
  }
}

const idOf = (node: StepNode<unknown> | string): string =>
  typeof node === 'string' ? node : node.id;
