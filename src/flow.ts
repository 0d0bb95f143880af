/** Writing a flow down with typed references. */
import { CompiledFlow } from './compiled-flow.ts';
import { FlowError, reading, showValue } from './errors.ts';
import { type Binding, bind, keysOf, ownOf } from './graph/binding.ts';
import { define } from './graph/compile.ts';
import type { Condition } from './graph/condition.ts';
import type { Cache, FlowOptions, LinkOptions, Retry, StepSettings } from './graph/definition.ts';
import { Draft, type LinkFrom } from './graph/draft.ts';
import { draftFromJson, type Registry } from './graph/from-json.ts';
import type { FlowJson } from './graph/json.ts';
import { inputKey, parseKey } from './graph/key.ts';
import { orElse, type Ref, type RefOf, ref, refuseNode } from './graph/ref.ts';
import type { Schema } from './graph/schema.ts';
import { type Checks, check } from './graph/settings.ts';
import type {
  Bindings,
  BoundFor,
  CodeFor,
  NoNodes,
  ParamsFor,
  Resolved,
  StepNode,
} from './wire/arguments.ts';
import type { Restart } from './wire/channel.ts';
import {
  type Code,
  type CodeChunk,
  type CodeParams,
  type CodeResult,
  type Settled,
  type Step,
  toStep,
} from './wire/step.ts';
import type { ToolResult } from './wire/tools.ts';

const afterCheck: Checks = { after: [Array.isArray, 'a list of steps: after: [page]'] };

/** How a step runs, beside its code and its params. */
export interface StepOptions<
  Params = never,
  Result = unknown,
  When extends Condition | undefined = Condition | undefined,
  Again extends keyof Retry = keyof Retry,
  Else = unknown,
> extends Omit<StepSettings, 'when'> {
  /** Steps that must come first, beside those whose results are read. */
  readonly after?: readonly StepNode<unknown>[];
  readonly when?: When;
  /** The names that it gives are inferred: without any, a reader of the chunks hears of no restart. */
  readonly retry?: Retry & { readonly [K in Again]?: unknown };
  readonly cache?: Cache<Params>;
  /** The result when all attempts have failed: a value, or a function that gives it. */
  readonly fallback?: Else | ((error: unknown, params: Params) => Else);
  readonly equals?: (last: Result, next: Result) => boolean;
}

type IfCondition<When> = [When] extends [undefined] ? never : undefined;
type IfRetried<Again> = [Again] extends [never] ? never : Restart;

/**
 * A flow being written down. Steps are values: what one returns is passed to another as a reference, and the reference is the link.
 *
 * @example
 * const flow = new Flow('greet', { input: z.object({ name: z.string() }) })
 * const shout = flow.step('shout', ({ text }) => text.toUpperCase(), { text: flow.input.name })
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
    this.input = ref<Parsed>({ of: 'input', path: [] }, this);
  }

  /**
   * Adds a step: an id, code (a function, a described step, a flow), and what binds its params. A function that is written in place and does
   * not say what it takes gets the types of that. Throws a FlowError at once for an id that is taken or not allowed, an option that cannot be,
   * or a link that would close a cycle.
   */
  step<
    C extends CodeFor<Bound>,
    When extends Condition | undefined = undefined,
    Again extends keyof Retry = never,
    Else = never,
    Bound extends Bindings = Readonly<Record<string, unknown>>,
  >(
    id: string,
    code: C,
    params: BoundFor<C, Bound>,
    options?: StepOptions<CodeParams<C>, CodeResult<C>, When, Again, Else>,
  ): StepNode<
    CodeResult<C> | Exclude<Settled<Else>, CodeResult<C>> | IfCondition<When>,
    CodeChunk<C> | IfRetried<Again>
  > {
    return this.add(id, code, params, (options ?? {}) as never) as never;
  }

  /**
   * Adds a step that an LLM step offers to its model, under the id as its name. It runs once for each call, with the arguments of the call
   * and the params that are bound here, which the model does not get to see. Its result is a list of what came of the calls; a link to
   * another LLM step with `isToolResult` brings it there.
   *
   * @example
   * const search = flow.tool(ask, 'search', findPages, { index: flow.input.index }, { description: 'Finds pages.' })
   * flow.link(search, answer, { isToolResult: true })
   */
  tool<C extends Code>(
    from: StepNode<unknown> | string,
    id: string,
    code: C,
    bound: Partial<ParamsFor<C>> = {},
    options: StepSettings & { readonly description?: string } = {},
  ): StepNode<readonly ToolResult[], never> {
    const { description, ...settings } = options;
    const about = description === undefined ? {} : { description };
    const link = { from: this.idOf(from), isTool: true, ...about };
    return this.add(id, code, bound, settings, link) as never;
  }

  /** Adds a link that no data makes: order, a condition, another outcome to wait for, a tool. Links that say the same merge. */
  link(
    from: StepNode<unknown> | string,
    to: StepNode<unknown> | string,
    options?: LinkOptions,
  ): this {
    ownOf(options?.when, this);
    this.draft.addLink(this.idOf(from), this.idOf(to), options);
    return this;
  }

  /**
   * Remembers the result of a step, or a part of it (to remember an input, let a step give it back), under a name: the runs that continue this one (`parentId`) read it with `memory(name)`.
   * A run that fails remembers what its steps had come to.
   */
  remember(name: string, source: RefOf<unknown>): this {
    const bound = this.bound(source);
    if (keysOf(bound).every((key) => parseKey(key).of === 'input'))
      throw new FlowError(
        'ref-misuse',
        `remember("${name}") takes the result of a step. An input must be given back by one first.`,
      );
    this.draft.bind(inputKey(name), bound);
    return this;
  }

  /**
   * What the run that this one continues has remembered under a name, or `initial` where there is none.
   *
   * @example
   * const history = flow.memory<string[]>('history', [])
   * const reply = flow.step('reply', answer, { history, say: flow.input.say })
   * flow.remember('history', reply.out.history)
   */
  memory<T>(name: string, initial: T): Ref<T> {
    // Read, and nothing more, it stays as it was.
    const key = inputKey(name);
    if (!this.draft.inputs.has(name)) this.draft.bind(key, { key });
    return orElse(ref<T | undefined>({ of: 'input', path: [name] }, this), initial) as Ref<T>;
  }

  /**
   * Names the outputs, checks the whole flow, and makes it one that runs. Throws a FlowError (`invalid-definition`) that lists every
   * problem. What is added to the flow later does not reach the compiled one.
   */
  output<const A extends Readonly<Record<string, unknown>>>(
    outputs: A & NoNodes<A>,
  ): CompiledFlow<Input, Resolved<A>> {
    if (typeof outputs !== 'object' || outputs === null || Array.isArray(outputs)) {
      throw new FlowError(
        'invalid-definition',
        `The outputs of "${this.id}" are ${showValue(outputs)}. Name each of them: output({ title: page.out.title }).`,
      );
    }
    refuseNode(outputs);
    const { draft } = this;
    return reading(`the outputs of "${this.id}"`, () => {
      const bound = Object.entries(outputs).map(([name, arg]) => [name, this.bound(arg)] as const);
      draft.outputs.clear();
      for (const [name, binding] of bound) draft.setOutput(name, binding);
      return new CompiledFlow(define(draft));
    });
  }

  /** A flow from JSON and the code of its steps. Throws a FlowError for a step that the registry lacks, and for every problem of the flow. */
  static fromJSON(json: FlowJson, registry: Registry<Code>): CompiledFlow<unknown, unknown> {
    if (typeof registry?.steps !== 'object' || registry.steps === null) {
      throw new FlowError(
        'invalid-definition',
        'fromJSON() needs the code of the steps: fromJSON(json, { steps: { page } }).',
      );
    }
    const steps = Object.fromEntries(
      Object.entries(registry.steps).map(([id, code]) => [id, toStep(id, code)]),
    );
    const made = (draft: Draft<Step>) => new CompiledFlow(define(draft));
    return reading('the JSON of a flow', () =>
      made(draftFromJson<Step>(json, { ...registry, steps }, made)),
    );
  }

  private add(
    id: string,
    code: unknown,
    params: unknown,
    options: StepOptions<never, never>,
    ...links: readonly LinkFrom[]
  ): StepNode<unknown> {
    if (typeof params !== 'object' || params === null || Array.isArray(params)) {
      throw new FlowError(
        'invalid-definition',
        `The params of step "${id}" are ${showValue(params)}. Write step(id, code, params): an object that binds each param, or {}.`,
      );
    }
    reading(`step "${String(id)}"`, () => {
      const { after = [], ...settings } = options;
      check(`step "${id}"`, { after }, afterCheck);
      refuseNode(params);
      const bound = new Map<string, Binding>(
        Object.entries(params).map(([name, arg]) => [name, this.bound(arg)]),
      );
      ownOf(settings.when, this);
      const stated = [...after.map((node) => ({ from: this.idOf(node) })), ...links];
      this.draft.addStep({ id, step: toStep(id, code), settings }, bound, stated);
    });
    const part = <T>(of: 'return' | 'chunks' | 'error') => ref<T>({ of, step: id, path: [] }, this);
    return { id, out: part('return'), chunks: part('chunks'), error: part('error') };
  }

  private bound(source: unknown): Binding {
    return ownOf(bind(source), this);
  }

  private idOf(node: StepNode<unknown> | string): string {
    if (typeof node === 'string') return node;
    ownOf(node?.out, this);
    return node?.id;
  }
}
