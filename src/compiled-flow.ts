/** A flow that can run. */
import {
  concatMap,
  exhaustMap,
  mergeMap,
  type Observable,
  type OperatorFunction,
  switchMap,
} from 'rxjs';
import { FlowError } from './errors.ts';
import type { Binding } from './graph/binding.ts';
import type { FlowDefinition, Link, StepShape } from './graph/definition.ts';
import { linkId } from './graph/definition.ts';
import { type MermaidOptions, toDot, toMermaid } from './graph/drawing.ts';
import { inputJsonSchema, outputJsonSchema } from './graph/inputs.ts';
import { definitionHash, type FlowJson, flowToJson } from './graph/json.ts';
import type { JsonSchema, Schema } from './graph/schema.ts';
import { runBelow } from './run/below.ts';
import type { RunOptions } from './run/options.ts';
import { Run } from './run/run.ts';
import { type Completed, completed, eventsOf, outputOf } from './run/start.ts';
import type { FlowEvent } from './state/event.ts';
import { makePlan, type Plan } from './wire/plan.ts';
import type { Handler, Step, StepContext, StepTypes } from './wire/step.ts';

/** What can be seen of a step of a compiled flow. */
export interface StepInfo extends Pick<StepShape, 'description' | 'metadata'> {
  readonly id: string;
  readonly isLlm: boolean;
  readonly isFlow: boolean;
  /** Its code is an `async` function. */
  readonly isCoroutine: boolean;
  /** Its code is an `async function*`. */
  readonly isAsyncGen: boolean;
}

export interface OperatorOptions extends RunOptions {
  /** What a new input does while runs are at work: wait (`concat`, default), run beside (`merge`), cancel (`switch`), or be dropped (`exhaust`). */
  readonly flatten?: 'concat' | 'merge' | 'switch' | 'exhaust';
}

/** A flow, checked and ready. It is a step too, so that it can be part of other flows. Nothing can change it any more. */
export class CompiledFlow<in Input, out Output> implements Step<Input, Output> {
  readonly id: string;
  readonly isCompiled = true;
  readonly isFlow = true;
  readonly definition: FlowDefinition<Step>;
  readonly input: Schema | undefined;
  readonly description: string | undefined;
  readonly handler: Handler;
  declare readonly '~types'?: StepTypes<Input, Output, unknown>;
  private readonly defaults: RunOptions;
  private planned: Plan | undefined;
  private hashed: string | undefined;

  constructor(definition: FlowDefinition<Step>, defaults: RunOptions = {}) {
    this.id = definition.id;
    this.definition = definition;
    this.input = definition.input;
    this.description = definition.description;
    this.defaults = defaults;
    this.handler = ((params: unknown, context: StepContext) =>
      runBelow(this, params, context, '')) as Handler;
  }

  /** A name of the definition that stays the same as long as the definition does. Code does not count. */
  get hash(): string {
    this.hashed ??= definitionHash(this.definition);
    return this.hashed;
  }

  /** The steps, by id, in an order in which each stands after those that it needs. */
  get steps(): Readonly<Record<string, StepInfo>> {
    return Object.fromEntries(
      this.definition.order.map((id) => [
        id,
        infoOf(id, this.definition.steps.get(id)?.step as Step),
      ]),
    );
  }

  /** Every link, derived ones included, by id. */
  get links(): Readonly<Record<string, Link>> {
    const links = [...this.definition.linksInto.values()].flat();
    return Object.fromEntries(links.map((link) => [linkId(link.from, link.to), link]));
  }

  /** Where params and inputs come from, by key: `step.param`, or the name of an input. */
  get data(): Readonly<Record<string, Binding>> {
    const params = [...this.definition.params].flatMap(([id, bound]) =>
      [...bound].map(([name, binding]) => [`${id}.${name}`, binding] as const),
    );
    return Object.fromEntries([...this.definition.inputs, ...params]);
  }

  get outputs(): Readonly<Record<string, Binding>> {
    return Object.fromEntries(this.definition.outputs);
  }

  /** The JSON Schema of what the flow takes: as declared, or derived from what its steps read. */
  inputSchema(): JsonSchema {
    return inputJsonSchema(this.definition);
  }

  /** The JSON Schema of what the flow gives. */
  outputSchema(): JsonSchema {
    return outputJsonSchema(this.definition);
  }

  /**
   * Cold: each subscription is a run of its own, told as events; unsubscribing cancels it. Steps that are synchronous run before
   * `subscribe` returns. Errors with a FlowError: `invalid-input`, `run-failed` (an output needs a step that failed), `cancelled`.
   *
   * @example
   * digest.run({ url }).subscribe((event) => console.log(event.type, event.path))
   */
  run(input: Input, options?: RunOptions): Observable<FlowEvent> {
    return eventsOf(this.plan(), input, this.with_(options));
  }

  /**
   * Hot: the run is under way at once and goes on whoever looks.
   *
   * @example
   * const run = digest.start({ url })
   * run.state$.subscribe(render)
   */
  start(input: Input, options?: RunOptions): Run<Output> {
    return new Run<Output>(this.plan(), () => this.hash, input, this.with_(options));
  }

  /**
   * Runs the flow and resolves to its output, its id and its last state. Rejects with a FlowError.
   *
   * @example
   * const { output } = await digest.complete({ url })
   */
  async complete(input: Input, options?: RunOptions): Promise<Completed<Output>> {
    return completed<Output>(this.plan(), () => this.hash, input, this.with_(options));
  }

  /**
   * The flow as an RxJS operator: an input in, its output out. A run that fails is the error of the stream.
   *
   * @example
   * urls$.pipe(map((url) => ({ url })), digest.operator({ flatten: 'switch' })).subscribe(render)
   */
  operator(options: OperatorOptions = {}): OperatorFunction<Input, Output> {
    const { flatten = 'concat', concurrency, ...others } = options;
    const run = (input: Input) =>
      outputOf(this.plan(), input, this.with_(others)) as Observable<Output>;
    switch (flatten) {
      case 'concat':
        return concatMap(run);
      case 'merge':
        return mergeMap(run, concurrency);
      case 'switch':
        return switchMap(run);
      case 'exhaust':
        return exhaustMap(run);
      default:
        throw new FlowError(
          'invalid-option',
          `The option "flatten" of operator() is ${JSON.stringify(flatten)}. It takes "concat", "merge", "switch" or "exhaust".`,
        );
    }
  }

  /** A copy of the flow whose runs have these options by default. */
  with(options: RunOptions): CompiledFlow<Input, Output> {
    return new CompiledFlow<Input, Output>(this.definition, this.with_(options));
  }

  /** The flow as plain JSON; `Flow.fromJSON` brings it back. Throws a FlowError (`not-serialisable`) for code in conditions or options. */
  toJSON(): FlowJson {
    return flowToJson(this.definition);
  }

  /** The flow as a Mermaid diagram. */
  toMermaid(options?: MermaidOptions): string {
    return toMermaid(this.definition, options);
  }

  /** The flow as a Graphviz graph. */
  toDot(): string {
    return toDot(this.definition);
  }

  /** How the flow runs. Made once, when it is first needed. */
  plan(): Plan {
    this.planned ??= makePlan(this.definition);
    return this.planned;
  }

  private with_(options: RunOptions = {}): RunOptions {
    return { ...this.defaults, ...options };
  }
}

function infoOf(id: string, step: Step): StepInfo {
  const { description, metadata, isLlm = false, definition, handler } = step;
  const kind = Object.prototype.toString.call(handler);
  return {
    id,
    ...(description !== undefined && { description }),
    ...(metadata && { metadata }),
    isLlm,
    isFlow: definition !== undefined,
    isCoroutine: kind === '[object AsyncFunction]',
    isAsyncGen: kind === '[object AsyncGeneratorFunction]',
  };
}
