/**
 * The engine: one run of a plan. It counts arrivals, begins what is ready, and passes outcomes on. `admit` decides what runs,
 * `steps-at-work` runs it, `told` tells what happens and how it ends, `outputs` gathers what comes out.
 *
 * E1 A node is begun once, when its last arrival has come, from a queue. As long as all answer at once nobody counts: the order is known.
 * E2 A node has one outcome. It is told first, then it travels on; with a gate, only when the gate lets it.
 * E3 After the end nothing is told but what deaf handlers still deliver.
 * E4 Nothing here reads state back. A run that goes on gets the outcomes that its steps had, and events are made only when somebody hears.
 */
import { type Outcome, success } from '../state/outcome.ts';
import { fillParams, refusal } from '../wire/admit.ts';
import { haltAfter } from '../wire/order.ts';
import { type Plan, type PlanNode, successOf, type View } from '../wire/plan.ts';
import { flowStart, memoryAfter, stepOutput, stepSkip, toldInput } from './changes.ts';
import { checkedInput, checkedParams } from './checked.ts';
import type { RunOptions } from './options.ts';
import { failuresIn, neededFor, notNeeded, outputsOf, runFailed } from './outputs.ts';
import { ReadyQueue } from './ready-queue.ts';
import type { Listener, Setup } from './setup.ts';
import { type Engine, StepsAtWork } from './steps-at-work.ts';
import { Streams } from './streams.ts';
import { Told } from './told.ts';
import { direct } from './work.ts';

const nothing = Object.freeze({});
const started = -1;

export class Execution extends Told implements View, Engine {
  readonly outcomes: (Outcome | undefined)[];
  readonly inputs: unknown[] = [];
  private readonly streams: Streams | undefined;
  /** How many arrivals each node still waits for; of one that has started, `started`. Undefined as long as nodes begin in the order of the plan. */
  private missing: number[] | undefined;
  private readonly startedAt: number[] = [];
  /** When the last step ended: until the next one begins, nothing happens that would take time. */
  private endedAt: number | undefined;
  private readonly needed: Uint8Array | undefined;
  private readonly mayReplay: boolean;
  private readonly ready: ReadyQueue;
  private readonly atWork = new StepsAtWork(this);
  allSucceeded = true;

  constructor(plan: Plan, options: RunOptions, listener: Listener, setup: Setup = {}) {
    super(plan, options, listener, setup);
    this.outcomes = new Array(plan.nodes.length);
    this.ready = new ReadyQueue(this, plan.order);
    if (!plan.order) this.missing = plan.missing.slice();
    this.needed = options.outputs && neededFor(plan, options.outputs);
    if (plan.channels.length > 0)
      this.streams = new Streams(plan, this.outcomes, () => this.look());
    this.isQuiet = !this.telling && !this.streams && !this.limiter && direct.isOn;
    this.mayReplay = setup.recorded !== undefined || setup.host !== undefined;
  }

  /** Starts the run. Steps that are synchronous all run before this returns. */
  begin(input: unknown): void {
    if (!this.listen()) return;
    const { plan, options, setup } = this;
    const checked = setup.isChecked
      ? success(input)
      : checkedInput(plan.definition, input, this.at(''));
    this.atWork.whenThere(checked, (outcome) => {
      if (!this.telling) this.enter(outcome);
      else {
        const given = outcome.status === 'success' ? outcome.value : input;
        this.tell(this.root, flowStart(plan, given, options, setup), () => this.enter(outcome));
      }
    });
  }

  private enter(outcome: Outcome): void {
    const { signal } = this.options;
    for (const [path, change] of this.setup.retold ?? [])
      this.telling?.tell(path, path.slice(path.lastIndexOf('.') + 1), change);
    if (signal?.aborted) this.cancel(signal.reason);
    else if (outcome.status === 'failure') this.fail(outcome.error);
    else this.conclude(this.root, outcome);
  }

  // What the plan, and calls of handlers, ask of the run.

  hasStarted(node: number): boolean {
    return this.missing?.[node] === started;
  }

  channel(channel: number): unknown {
    return this.streams?.read(channel);
  }

  isReading(params: unknown): boolean | undefined {
    return this.streams?.isAwaited(params) || this.setup.host?.isReading?.(params);
  }

  protected stopWork(): void {
    this.atWork.stop();
  }

  protected memoryNow(): ReturnType<typeof memoryAfter> {
    return memoryAfter(this.plan, this);
  }

  // Beginning.

  /** One thing that a node waited for has come. */
  private arrive(target: number): void {
    const missing = this.missing as number[]; // nobody calls this before anything is counted
    const left = (missing[target] as number) - 1;
    missing[target] = left;
    if (left === 0) this.ready.push(this.plan.nodes[target] as PlanNode);
  }

  goOn(task?: () => void): void {
    if (task) {
      this.count();
      this.ready.push(task);
    }
    if (!this.ready.isDraining) this.nest.push(this);
  }

  work(): boolean {
    // A handler that is called may end the run itself, and has yet to return then.
    this.deafness(1);
    const hasMore = this.ready.drain(this.nest);
    this.deafness(-1);
    if (hasMore) return true;
    this.endedAt = undefined;
    this.look(true);
    return false;
  }

  /** Something takes its time: from here on arrivals are counted. */
  private count(): void {
    if (this.missing) return;
    const { missing, ready } = haltAfter(this.plan, this.ready.begun);
    this.missing = missing;
    this.ready.replace(ready);
  }

  beginNode(node: PlanNode): void {
    if (node.kind === 'close') this.close(node);
    else if (!this.mayReplay || !this.replay(node)) this.take(node);
    if (!this.missing && !this.outcomes[node.index] && !this.isEnding) this.count();
  }

  private take(node: PlanNode): void {
    const params: Record<string, unknown> = {};
    if (this.needed?.[node.index] === 0) this.skip(node, notNeeded);
    else if (this.isQuiet && node.isPlain && this.allSucceeded) this.call(node, params);
    else {
      const refused = refusal(node, this) ?? fillParams(node, this, params);
      if (refused) this.skip(node, refused);
      else if (node.kind === 'open') this.open(node, Object.freeze(params));
      else this.admit(node, Object.freeze(params));
    }
  }

  private call(node: PlanNode, params: Record<string, unknown>): void {
    const lacking = fillParams(node, this, params);
    const outcome = lacking ?? this.atWork.answer(node, Object.freeze(params));
    // Where nobody counts, a success has nowhere to go.
    if (outcome?.status === 'success' && !this.missing) this.outcomes[node.index] = outcome;
    else if (outcome) this.conclude(node, outcome);
  }

  /** A step that had ended when the run was stored is not run again, and not told again. */
  private replay(node: PlanNode): boolean {
    const { index, path } = node;
    const { input, outcome } = this.recorded(this.at(path)) ?? {};
    if (!outcome) return false;
    this.inputs[index] = input;
    if (node.kind === 'open' && outcome.status !== 'skipped') {
      // The flow had ended, and its steps are asked one by one. A stream that it was given is not stored.
      const given: unknown = node.readsChunks ? {} : input;
      if (node.readsChunks) fillParams(node, this, given as Record<string, unknown>);
      if (this.missing) this.missing[index] = started;
      for (const target of node.startTargets) this.arrive(target);
      // Its result was edited before it began: then nothing in it runs.
      this.conclude(node, given === undefined ? notNeeded : success(given));
    } else {
      this.streams?.replay(node, outcome);
      this.conclude(node, outcome);
    }
    return true;
  }

  private admit(node: PlanNode, params: Readonly<Record<string, unknown>>): void {
    const { schema } = node;
    if (!schema) this.atWork.run(node, params);
    else
      this.atWork.whenThere(checkedParams(schema, params, this.at(node.path)), (outcome) => {
        if (outcome.status === 'success') this.atWork.run(node, outcome.value);
        else this.failToStart(node, params, outcome);
      });
  }

  private open(node: PlanNode, params: unknown): void {
    this.start(node, params);
    const checked = checkedInput(node.scope.definition, params, this.at(node.path));
    this.atWork.whenThere(checked, (outcome) => this.conclude(node, outcome));
  }

  start(node: PlanNode, params: unknown): void {
    const { index } = node;
    if (this.missing) this.missing[index] = started;
    if (node.keepsInput || node.kind === 'open') this.inputs[index] = params;
    if (this.telling) {
      const t = this.endedAt ?? this.clock.now();
      this.endedAt = undefined;
      this.startedAt[index] = t;
      this.tell(node, { type: 'STEP_START', input: toldInput(params) }, undefined, t);
    }
    for (const target of node.startTargets) this.arrive(target);
  }

  pushChunk(node: PlanNode, chunk: unknown): void {
    this.streams?.push(node, chunk);
    if (node.feedsRoot) this.listener.chunk?.(chunk);
  }

  // Outcomes.

  private skip(node: PlanNode, outcome: Outcome): void {
    // A flow that is skipped is one step that is skipped: it is told at its `close`.
    if (node.kind === 'open') this.conclude(node, outcome);
    else if (outcome.status !== 'skipped') this.failToStart(node, nothing, outcome);
    else if (!this.telling) this.conclude(node, outcome);
    else {
      const change = stepSkip(outcome.skip, this);
      this.tell(node, change, () => this.conclude(node, outcome), this.endedAt);
    }
  }

  private failToStart(node: PlanNode, params: unknown, outcome: Outcome): void {
    this.start(node, params);
    this.finish(node, params, outcome, 0);
  }

  finish(node: PlanNode, input: unknown, outcome: Outcome, attempts: number): void {
    // Whoever heard of the start may have ended the run.
    if (this.isEnding) return;
    if (!this.telling) {
      this.conclude(node, outcome);
      return;
    }
    const t1 = this.clock.now();
    this.endedAt = t1;
    const t0 = this.startedAt[node.kind === 'close' ? node.scope.open : node.index] ?? t1;
    const change = stepOutput(node, toldInput(input), outcome, attempts, t0, t1);
    this.tell(node, change, () => this.conclude(node, outcome), t1);
  }

  /** The outcome travels on. */
  private conclude(node: PlanNode, outcome: Outcome): void {
    const { index, kind } = node;
    if (this.isEnding || this.outcomes[index]) return;
    this.outcomes[index] = outcome;
    if (outcome.status !== 'success') this.allSucceeded = false;
    this.streams?.end(node, outcome);
    if (outcome.status === 'failure' && kind !== 'open' && this.options.onError === 'stop') {
      const errors = failuresIn(this.plan, this.plan.root, this);
      this.fail(runFailed(this.plan, errors, this.at(''), 'a step failed, and onError is "stop"'));
      return;
    }
    // Of a step that never started its end is the start. A flow that did not begin ends at its `close`.
    const begun = kind === 'close' ? (this.plan.nodes[node.scope.open] as PlanNode) : node;
    if (kind !== 'open' && !this.hasStarted(begun.index))
      for (const target of begun.startTargets) this.arrive(target);
    if (this.missing) for (const target of node.targets) this.arrive(target);
    this.goOn();
  }

  /** All steps of a flow have ended. */
  private close(node: PlanNode): void {
    const { open } = node.scope;
    const opened = this.outcomes[open] as Outcome;
    const isRoot = node.index === this.plan.root.close;
    if (!isRoot && this.mayReplay && this.replay(node)) return;
    if (opened.status === 'skipped') this.skip(node, opened);
    else if (opened.status !== 'success') this.finish(node, this.inputs[open], opened, 0);
    else {
      const gathered = outputsOf(this.plan, node, this, this.options.outputs);
      if (!isRoot) this.finish(node, opened.value, gathered, 1);
      else if (gathered.status === 'failure') this.fail(gathered.error);
      else this.complete(successOf(gathered));
    }
  }

  /** Whether there is nothing that could go on before an answer is given. */
  get isBlocked(): boolean {
    return this.ready.isIdle && this.atWork.isBlocked;
  }
}
