/** A flow that can run. */
import { from, type Observable, type OperatorFunction } from 'rxjs';
import type { Binding } from './graph/binding.ts';
import type { FlowDefinition, Link } from './graph/definition.ts';
import { type MermaidOptions, toDot, toMermaid } from './graph/drawing.ts';
import { inputJsonSchema } from './graph/inputs.ts';
import { dataOf, definitionHash, type FlowJson, flowToJson, stepHashes } from './graph/json.ts';
import { outputJsonSchema } from './graph/outputs.ts';
import type { JsonSchema, Schema } from './graph/schema.ts';
import { runBelow } from './run/below.ts';
import { type Flattening, flattened } from './run/flatten.ts';
import { type ForkOptions, forkedRun } from './run/fork.ts';
import type { LiveInputs } from './run/live/inputs.ts';
import { Live } from './run/live/live.ts';
import { checkLiveOptions, type LiveOptions } from './run/live/options.ts';
import { checkOptions, idOf, type RunOptions, withId } from './run/options.ts';
import {
  lazily,
  newRun,
  type Prepared,
  type ResumeOptions,
  type RunnableFlow,
  resumedRun,
  saverOf,
} from './run/prepare.ts';
import { Run } from './run/run.ts';
import type { RunQuery, RunSummary } from './run/saver.ts';
import { type Completed, completed, eventsOf, runForOutput } from './run/start.ts';
import { toolStep } from './run/tool-step.ts';
import type { Out } from './run/turns.ts';
import type { FlowEvent } from './state/event.ts';
import { emptySnapshot } from './state/snapshot.ts';
import type { Plan } from './wire/plan.ts';
import { makePlan } from './wire/planner.ts';
import type { Handler, Step, StepContext, StepTypes } from './wire/step.ts';
import { infoOf, type StepInfo } from './wire/step-info.ts';
import { type ChangeStep, withSteps } from './wire/with-steps.ts';

export interface OperatorOptions extends Omit<RunOptions, 'concurrency'>, Flattening {}

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
  private forRuns: RunnableFlow | undefined;

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
    return definitionHash(this.definition);
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
    return Object.fromEntries(links.map((link) => [link.id, link]));
  }

  /** Where params and inputs come from, by key: `step.param`, or the name of an input. */
  get data(): Readonly<Record<string, Binding>> {
    return dataOf(this.definition);
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
    return eventsOf(this.runnable(), input, this.checked(options));
  }

  /**
   * Hot: the run is under way at once and goes on whoever looks.
   *
   * @example
   * const run = digest.start({ url })
   * run.state$.subscribe(render)
   */
  start(input: Input, options?: RunOptions): Run<Output> {
    const placed = withId(this.checked(options));
    return this.hot(placed.id, newRun(this.runnable(), input, placed));
  }

  /**
   * Runs the flow and resolves to its output, its id and its last state. Rejects with a FlowError.
   *
   * @example
   * const { output } = await digest.complete({ url })
   */
  async complete(input: Input, options?: RunOptions): Promise<Completed<Output>> {
    const placed = withId(this.checked(options));
    return completed<Output>(this.plan(), placed.id, newRun(this.runnable(), input, placed));
  }

  /**
   * The flow as an RxJS operator: an input in, its output out. A run that fails is the error of the stream.
   *
   * @example
   * urls$.pipe(map((url) => ({ url })), digest.operator({ flatten: 'switch' })).subscribe(render)
   */
  operator(options: OperatorOptions = {}): OperatorFunction<Input, Output> {
    // Here the concurrency is that of runs, and not of their steps.
    const { flatten: _, concurrency: __, ordered: ___, ...others } = options;
    const placed = this.checked(others);
    const flow = this.runnable();
    const run = (input: Input, out: Out<Output>) =>
      runForOutput(flow, input, placed, out as Out<unknown>);
    return flattened(run, options);
  }

  /**
   * Keeps the flow running on changing inputs: each new input runs again what depends on a change, cancels what has become stale (see the
   * option `policy` of steps), and never mixes values of different inputs. Operators that span inputs, such as debounce, belong before it.
   *
   * @example
   * digest.live({ url: url$, tone: 'plain' }).output$.subscribe(render)
   */
  live(inputs: LiveInputs<Input>, options: LiveOptions = {}): Live<Input, Output> {
    const placed = this.with_(options);
    checkLiveOptions(placed, this.plan());
    return new Live<Input, Output>(this.plan(), lazily(this.runnable()), inputs, placed);
  }

  /**
   * Goes on with a stored run that is unfinished, suspended or failed. Steps that had succeeded or were skipped are not run again; those
   * that were at work start again, with the same `idempotencyKey`. Options, such as `outputs`, are given again. The run errors with a FlowError: `run-not-found`, `definition-changed`,
   * `invalid-answer`, or `stale-run` where another process has taken it over.
   *
   * @example
   * const { result } = digest.resume(runId, { answers: { approve: { ok: true } } })
   */
  resume(runId: string, options?: ResumeOptions): Run<Output> {
    const placed = { ...this.checked(options, 'answers', 'allowChanged'), id: runId };
    return this.hot(runId, resumedRun(this.runnable(), runId, placed));
  }

  /**
   * Starts a new run from the state of a stored one, at its end or after the event `at`, with edited results or input. Only steps that
   * depend on an edit, or had not ended, run. The stored run is not touched.
   *
   * @example
   * const run = digest.fork(runId, { edit: { 'page.return.title': 'Another title' } })
   */
  fork(runId: string, options: ForkOptions = {}): Run<Output> {
    const given = this.checked(options, 'at', 'edit');
    // Never the id of other runs: a fork is a new one.
    const placed = { ...given, id: idOf({ ...given, id: options.id } as RunOptions) };
    return this.hot(placed.id, forkedRun(this.runnable(), runId, placed));
  }

  /** The stored runs of the flow that fit, newest first. */
  list(query: Omit<RunQuery, 'flowId'> = {}): Observable<readonly RunSummary[]> {
    const saver = saverOf(this.runnable(), this.defaults, 'list');
    return from(saver.list({ ...query, flowId: this.id }));
  }

  /** A copy of the flow whose runs have these options by default. */
  with(options: RunOptions): CompiledFlow<Input, Output> {
    return new CompiledFlow<Input, Output>(this.definition, this.with_(options));
  }

  /**
   * A copy of the flow with other code or settings for its steps: `change` is asked for every step, with its path. The steps of flows
   * inside it are asked for, too (`digest.page`), and what `each` and `repeat` run (`pages[]`, which has no settings of its own), unless
   * they were replaced themselves. It is checked like a flow that was written so: another condition makes other links. A step that stays as
   * it is shares its limit and its cache with the first flow; one that becomes another has its own.
   */
  withSteps(change: ChangeStep): CompiledFlow<Input, Output> {
    return new CompiledFlow<Input, Output>(withSteps(this.definition, change), this.defaults);
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
    this.planned ??= makePlan(this.definition, toolStep);
    return this.planned;
  }

  private with_<Options extends RunOptions>(options: Options | undefined): RunOptions & Options {
    return { ...this.defaults, ...options } as RunOptions & Options;
  }

  private checked<Options extends RunOptions>(
    options: Options | undefined,
    ...more: readonly string[]
  ): RunOptions & Options {
    const all = this.with_(options);
    checkOptions(all, this.plan(), more);
    return all;
  }

  private runnable(): RunnableFlow {
    this.forRuns ??= {
      plan: this.plan(),
      identity: (isSaved) => ({
        id: this.id,
        hash: this.hash,
        ...(isSaved && { steps: stepHashes(this.definition) }),
      }),
    };
    return this.forRuns;
  }

  private hot(id: string, prepared: Prepared | Observable<Prepared>): Run<Output> {
    const pending = emptySnapshot(id, lazily(this.runnable()));
    return new Run<Output>(this.plan(), id, pending, prepared);
  }
}
