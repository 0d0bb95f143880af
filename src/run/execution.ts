/**
 * The engine: one run of a plan. It counts arrivals, starts what is ready, and tells what happens. `admit` decides what runs, `call` and
 * `attempt` run it, `outputs` gathers the end.
 *
 * E1 A node is begun when its last arrival has come, once, and from a queue: no chain of steps is too long for the stack.
 * E2 A node has one outcome. It is told first, then it travels on; with a gate, only when the gate lets it.
 * E3 After the end nothing is told but what deaf handlers still deliver.
 * E4 Nothing here reads a snapshot. Events are made only when somebody listens.
 */
import { Subject, type Subscription } from 'rxjs';
import { type ErrorJson, errorJson, FlowError } from '../errors.ts';
import { checkInput } from '../graph/inputs.ts';
import { freeze } from '../graph/plain.ts';
import { validate, violation } from '../graph/schema.ts';
import type { Change, FlowEvent, Usage } from '../state/event.ts';
import { failure, type Outcome, type Skip, skipped, success } from '../state/outcome.ts';
import { fillParams, refusal } from '../wire/admit.ts';
import { Below, Through } from '../wire/aside.ts';
import { attempts, type Note } from '../wire/attempt.ts';
import { type Callee, callOnce, type Host, placedError } from '../wire/call.ts';
import { Channel, restart } from '../wire/channel.ts';
import { type Clock, schedulerClock } from '../wire/clock.ts';
import type { Sink } from '../wire/consume.ts';
import { Limiter } from '../wire/limiter.ts';
import { type Plan, type PlanNode, type View, valueOf } from '../wire/plan.ts';
import type { Handler, Logger } from '../wire/step.ts';
import { newRunId, type RunOptions } from './options.ts';
import { failuresIn, neededFor, outputsOf, runFailed } from './outputs.ts';

/** Who hears of a run. */
export interface Listener {
  readonly event?: ((event: FlowEvent) => void) | undefined;
  /** A chunk of the run's outputs. */
  readonly chunk?: ((chunk: unknown) => void) | undefined;
  output(output: unknown): void;
  error(error: FlowError): void;
  /** Nothing will be told any more, not even by deaf handlers. */
  silent?(): void;
  /** Takes over what handlers deliver after they were stopped. */
  late?(
    path: string,
    stepId: string,
    delivered: { readonly value?: unknown; readonly error?: ErrorJson },
  ): void;
  deafness?(change: 1 | -1): void;
}

/** Something at work that can be stopped. */
interface Work {
  stop(): void;
}

export class Execution implements View, Host {
  readonly runId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limiter: Limiter | undefined;
  readonly listening: boolean;
  readonly outcomes: (Outcome | undefined)[];
  readonly inputs: unknown[] = [];
  private readonly plan: Plan;
  private readonly prefix: string;
  private readonly options: RunOptions;
  private readonly listener: Listener;
  private readonly missing: Int32Array;
  private readonly started: Uint8Array;
  private readonly startedAt: number[] = [];
  private readonly needed: Uint8Array | undefined;
  private readonly channels: (Channel | undefined)[] = [];
  private readonly ready: (number | (() => void))[] = [];
  private readonly atWork = new Set<Work>();
  private readonly gate: Subject<FlowEvent> | undefined;
  private readonly passing = new Map<number, () => void>();
  private gateSubscription: Subscription | undefined;
  private usage: Record<string, number> | undefined;
  private seq = 0;
  private head = 0;
  private draining = false;
  private over = false;
  private failing = false;
  private deaf = 0;
  private stopListening: (() => void) | undefined;

  /** `prefix` is the path of the step around the run, where there is one. */
  constructor(plan: Plan, options: RunOptions, listener: Listener, prefix = '') {
    this.prefix = prefix;
    this.plan = plan;
    this.options = options;
    this.listener = listener;
    this.clock = options.clock ?? schedulerClock;
    this.logger = options.logger ?? console;
    this.runId = options.id ?? newRunId(this.clock.now());
    this.limiter = options.concurrency === undefined ? undefined : new Limiter(options.concurrency);
    this.listening = listener.event !== undefined || options.gate !== undefined;
    const { nodes } = plan;
    this.outcomes = new Array(nodes.length).fill(undefined);
    this.missing = plan.missing.slice();
    this.started = new Uint8Array(nodes.length);
    this.needed = options.outputs && neededFor(plan, options.outputs);
    if (options.gate) {
      this.gate = new Subject();
      this.gateSubscription = this.gate.pipe(options.gate).subscribe({
        next: (event) => this.passed(event),
        error: (error: unknown) =>
          this.fail(
            FlowError.is(error)
              ? error
              : new FlowError(
                  'saver-failed',
                  `The gate of the run failed: ${String((error as Error)?.message ?? error)}`,
                  { cause: error },
                ),
          ),
      });
    }
  }

  /** Starts the run. Steps that are synchronous all run before this returns. */
  begin(input: unknown): void {
    const { signal } = this.options;
    if (signal) {
      const abort = () => this.cancel(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.stopListening = () => signal.removeEventListener('abort', abort);
    }
    const checked = this.attempt(this.prefix, () =>
      checkInput(this.plan.definition, input, this.prefix),
    );
    whenThere(checked, (outcome) => {
      if (this.over) return;
      const { parentId, metadata } = this.options;
      this.tell(
        this.root,
        () => ({
          type: 'FLOW_START',
          flow: this.plan.definition.id,
          input: outcome.status === 'success' ? outcome.value : input,
          ...(parentId !== undefined && { parentId }),
          ...(metadata && { metadata }),
        }),
        () => {
          if (signal?.aborted) this.cancel(signal.reason);
          else if (outcome.status === 'failure') this.fail(outcome.error);
          else this.conclude(this.root, outcome);
        },
      );
    });
  }

  /** Ends the run at once, whatever its handlers do. */
  cancel(reason?: unknown): void {
    if (this.over) return;
    const error = new FlowError(
      'cancelled',
      `The run of "${this.plan.definition.id}" was cancelled${reasonText(reason)}`,
      { ...(reason !== undefined && { cause: reason }) },
    );
    this.end();
    this.emit(this.at(''), this.root.id, { type: 'FLOW_CANCEL', reason: errorJson(error) });
    this.listener.error(error);
    this.fallSilent();
  }

  hasStarted(node: number): boolean {
    return this.started[node] === 1;
  }

  channel(index: number): unknown {
    const planned = this.plan.channels[index];
    const outcome = planned && this.outcomes[planned.stream];
    if (outcome?.status === 'skipped' || outcome?.status === 'cancelled') return undefined;
    return this.channelAt(index).chunks$;
  }

  errorJson(outcome: Outcome): unknown {
    return outcome.status === 'failure' ? freeze(errorJson(outcome.error)) : undefined;
  }

  at(path: string): string {
    if (this.prefix === '') return path;
    return path === '' ? this.prefix : `${this.prefix}.${path}`;
  }

  late(
    path: string,
    stepId: string,
    delivered: { readonly value?: unknown; readonly error?: ErrorJson },
  ): void {
    if (this.listener.late) this.listener.late(path, stepId, delivered);
    else this.emit(path, stepId, { type: 'STEP_LATE', ...delivered });
  }

  deafness(change: 1 | -1): void {
    this.listener.deafness?.(change);
    this.deaf += change;
    if (this.deaf === 0 && this.over) this.fallSilent();
  }

  recorded(): Outcome | undefined {
    return undefined;
  }

  private get root(): PlanNode {
    return this.plan.nodes[0] as PlanNode;
  }

  // --- readiness -------------------------------------------------------------------------------------------------------------

  /** One thing that a node waited for has come. */
  private arrive(target: number): void {
    const left = (this.missing[target] as number) - 1;
    this.missing[target] = left;
    if (left === 0) this.ready.push(target);
  }

  private drain(): void {
    if (this.draining) return;
    this.draining = true;
    while (this.head < this.ready.length && !this.over && !this.failing) {
      const next = this.ready[this.head++] as number | (() => void);
      if (typeof next === 'number') this.beginNode(this.plan.nodes[next] as PlanNode);
      else next();
      // Give back what has been worked off, now and then: a run may be long.
      if (this.head === 4096) {
        this.ready.splice(0, this.head);
        this.head = 0;
      }
    }
    this.draining = false;
  }

  private beginNode(node: PlanNode): void {
    if (node.kind === 'close') return this.close(node);
    if (this.needed && this.needed[node.index] === 0) {
      return this.skip(node, skipped('not-needed', { message: 'no wanted output needs it' }));
    }
    const refused = refusal(node, this);
    if (refused) return this.skip(node, refused);
    const params: Record<string, unknown> = {};
    const unresolved = fillParams(node, this, params);
    if (unresolved) return this.skip(node, unresolved);
    Object.freeze(params);
    if (node.kind === 'open') return this.open(node, params);
    const { input } = node.step;
    if (!input) return this.run(node, params);
    const checked = this.attempt(this.at(node.path), () =>
      validate(input, params, (issues) =>
        violation(
          'invalid-params',
          `The params of step "${this.at(node.path)}" are not valid`,
          issues,
          this.at(node.path),
        ),
      ),
    );
    whenThere(checked, (outcome) => {
      if (this.over) return;
      if (outcome.status === 'success') return this.run(node, freeze(outcome.value));
      this.start(node, params);
      this.finish(node, params, outcome, 0);
    });
  }

  /** Something that may throw, or take its time, as an outcome. */
  private attempt(path: string, work: () => unknown): Outcome | Promise<Outcome> {
    const failed = (error: unknown): Outcome =>
      failure(FlowError.is(error) ? error : placedError(error, path, 1));
    try {
      const value = work();
      return value instanceof Promise
        ? value.then((late) => success(freeze(late)), failed)
        : success(freeze(value));
    } catch (error) {
      return failed(error);
    }
  }

  // --- flows as steps --------------------------------------------------------------------------------------------------------

  private open(node: PlanNode, params: Readonly<Record<string, unknown>>): void {
    this.start(node, params);
    const checked = this.attempt(this.at(node.path), () =>
      checkInput(node.scope.definition, params, this.at(node.path)),
    );
    whenThere(checked, (outcome) => {
      if (this.over) return;
      this.conclude(node, outcome);
      this.drain();
    });
  }

  private close(node: PlanNode): void {
    const { scope } = node;
    const opened = this.outcomes[scope.open] as Outcome;
    if (opened.status !== 'success') return this.skipOrFail(node, opened);
    const gathered = outputsOf(this.plan, node, this, this.options.outputs);
    if (node.index === this.plan.root.close) {
      if (gathered.status === 'failure') this.fail(gathered.error);
      else this.complete(valueOf(gathered));
      return;
    }
    this.finish(node, opened.value, gathered, 1);
  }

  private skipOrFail(node: PlanNode, opened: Outcome): void {
    if (opened.status === 'failure') this.finish(node, this.inputs[node.scope.open], opened, 0);
    else this.skip(node, opened);
  }

  // --- steps -----------------------------------------------------------------------------------------------------------------

  private start(node: PlanNode, params: unknown): void {
    const { index } = node;
    this.started[index] = 1;
    if (node.keepsInput || node.kind === 'open') this.inputs[index] = params;
    if (this.listening) {
      this.startedAt[index] = this.clock.now();
      this.tell(node, () => ({ type: 'STEP_START', input: params }));
    }
    for (const target of node.startTargets) this.arrive(target);
  }

  private run(node: PlanNode, params: unknown): void {
    if (!node.isSimple || this.limiter || !direct.isOn) {
      this.runAttempts(node, params);
      return;
    }
    this.start(node, params);
    const call = () => {
      if (this.over) return;
      const work = new SimpleWork(this, node, params);
      work.stopCall = callOnce(
        this.callee(node),
        (context) => (node.step.handler as Handler<unknown>)(params, context),
        this,
        1,
        work,
      );
      if (!work.closed) this.atWork.add(work);
    };
    // Whoever reads its chunks comes first, so that it hears the first one.
    if (node.startTargets.length > 0) this.ready.push(call);
    else call();
  }

  private callee(node: PlanNode): Callee & Pick<PlanNode, 'settings'> {
    const { id, path, step, settings } = node;
    return this.prefix === '' ? node : { id, path: this.at(path), step, settings };
  }

  private runAttempts(node: PlanNode, params: unknown): void {
    const work: Work & { subscription?: Subscription } = {
      stop: () => work.subscription?.unsubscribe(),
    };
    this.atWork.add(work);
    const end = (outcome: Outcome, count: number) => {
      this.atWork.delete(work);
      this.ended(node, params, outcome, count);
    };
    let attempt = 1;
    work.subscription = attempts(this.callee(node), params, this).subscribe({
      next: (note: Note) => {
        switch (note.note) {
          case 'start':
            this.start(node, params);
            if (note.go && node.startTargets.length > 0) {
              this.ready.push(note.go);
              this.drain();
            } else note.go?.();
            break;
          case 'chunk':
            this.chunk(node, note.chunk);
            break;
          case 'retry':
            attempt = note.attempt + 1;
            this.tell(node, () => ({
              type: 'STEP_RETRY',
              attempt: note.attempt,
              delay: note.delay,
              error: errorJson(note.error),
            }));
            this.toStreams(node, restart(attempt));
            break;
          case 'result':
            end(success(note.result), note.attempts || (note.isCached ? 0 : attempt));
        }
      },
      error: (error: unknown) =>
        end(failure(placedError(error, this.at(node.path), attempt)), attempt),
    });
    if (!this.atWork.has(work) || this.over) work.stop();
  }

  /** A simple step has ended by itself. */
  ended(node: PlanNode, params: unknown, outcome: Outcome, count: number): void {
    if (this.over) return;
    this.finish(node, params, outcome, count);
    this.drain();
  }

  leave(work: Work): void {
    this.atWork.delete(work);
  }

  chunk(node: PlanNode, chunk: unknown): void {
    if (this.over) return;
    if (chunk instanceof Below) {
      this.emitLater(chunk.path, chunk.stepId, chunk.change);
      return;
    }
    if (chunk instanceof Through) {
      this.toStreams(node, chunk.chunk);
      return;
    }
    if (this.listening) this.tell(node, () => ({ type: 'STEP_CHUNK', chunk }));
    this.toStreams(node, chunk);
  }

  private toStreams(node: PlanNode, chunk: unknown): void {
    for (const stream of node.streams) {
      for (const channel of this.plan.channelsOf.get(stream) ?? [])
        this.channelAt(channel).push(chunk);
    }
    if (node.feedsRoot) this.listener.chunk?.(chunk);
  }

  private channelAt(index: number): Channel {
    const known = this.channels[index];
    if (known) return known;
    const { source, stream, keepsAll } = this.plan.channels[index] as Plan['channels'][number];
    const made = new Channel(source, keepsAll);
    this.channels[index] = made;
    const outcome = this.outcomes[stream];
    if (outcome) made.end(endOf(outcome));
    return made;
  }

  // --- outcomes --------------------------------------------------------------------------------------------------------------

  private skip(node: PlanNode, outcome: Outcome): void {
    if (node.kind === 'open') {
      // Told at its `close`: a flow that is skipped is one step that is skipped.
      this.conclude(node, outcome);
      return;
    }
    if (!this.listening || outcome.status !== 'skipped') {
      if (outcome.status === 'failure') this.failToStart(node, outcome);
      else this.conclude(node, outcome);
      return;
    }
    this.tell(
      node,
      () => this.stepSkip(outcome.skip),
      () => this.conclude(node, outcome),
    );
  }

  private stepSkip({ reason, detail }: Skip): Change {
    const { source } = detail;
    return {
      type: 'STEP_SKIP',
      reason,
      detail: source === undefined ? detail : { ...detail, source: this.at(source) },
    };
  }

  /** A condition that throws fails the step before it has begun. */
  private failToStart(node: PlanNode, outcome: Outcome): void {
    this.start(node, Object.freeze({}));
    this.finish(node, this.inputs[node.index], outcome, 0);
  }

  private finish(node: PlanNode, input: unknown, outcome: Outcome, count: number): void {
    if (this.listening) {
      this.tell(
        node,
        () => this.stepOutput(node, input, outcome, count),
        () => this.conclude(node, outcome),
      );
    } else this.conclude(node, outcome);
  }

  private stepOutput(node: PlanNode, input: unknown, outcome: Outcome, count: number): Change {
    const usage =
      outcome.status === 'success' ? node.step.usage?.(outcome.value as never) : undefined;
    if (usage) this.addUsage(usage);
    const t1 = this.clock.now();
    return {
      type: 'STEP_OUTPUT',
      input,
      ...(outcome.status === 'success' && { output: outcome.value }),
      ...(outcome.status === 'failure' && { error: errorJson(outcome.error) }),
      t0: this.startedAt[node.kind === 'close' ? node.scope.open : node.index] ?? t1,
      t1,
      attempts: count,
      ...(usage && { usage }),
    };
  }

  private addUsage(usage: Usage): void {
    this.usage ??= {};
    for (const [name, count] of Object.entries(usage))
      this.usage[name] = (this.usage[name] ?? 0) + count;
  }

  /** The outcome travels on. */
  private conclude(node: PlanNode, outcome: Outcome): void {
    const { index } = node;
    if (this.over || this.failing || this.outcomes[index]) return;
    this.outcomes[index] = outcome;
    for (const channel of this.plan.channelsOf.get(index) ?? [])
      this.channels[channel]?.end(endOf(outcome));
    for (const channel of node.reads) this.channels[channel]?.drop();
    if (outcome.status === 'failure' && this.options.onError === 'stop' && node.kind === 'step') {
      this.fail(
        runFailed(
          this.plan,
          failuresIn(this.plan, this.plan.root, this),
          this.at(''),
          'a step failed, and onError is "stop"',
        ),
      );
      return;
    }
    if (this.started[index] === 0) for (const target of node.startTargets) this.arrive(target);
    for (const target of node.targets) this.arrive(target);
    this.drain();
  }

  private complete(output: unknown): void {
    const { usage } = this;
    this.tell(
      this.root,
      () => ({ type: 'FLOW_OUTPUT', output, ...(usage && { usage }) }),
      () => {
        this.end();
        this.listener.output(output);
        this.fallSilent();
      },
    );
  }

  private fail(error: FlowError): void {
    if (this.over || this.failing) return;
    this.failing = true;
    this.stopWork();
    this.tell(
      this.root,
      () => ({ type: 'FLOW_ERROR', error: errorJson(error) }),
      () => {
        this.end();
        this.listener.error(error);
        this.fallSilent();
      },
    );
  }

  private end(): void {
    this.over = true;
    this.stopWork();
    this.stopListening?.();
    this.gateSubscription?.unsubscribe();
  }

  private stopWork(): void {
    for (const work of this.atWork) work.stop();
    this.atWork.clear();
  }

  private fallSilent(): void {
    if (this.deaf === 0) this.listener.silent?.();
  }

  // --- telling ---------------------------------------------------------------------------------------------------------------

  /** Tells a change of a node, then does what follows from it. A gate may keep both back. */
  private tell(node: PlanNode, change: () => Change, then?: () => void): void {
    if (!this.listening) {
      then?.();
      return;
    }
    const event = this.eventOf(this.at(node.path), node.id, change());
    if (!this.gate) {
      this.listener.event?.(event);
      then?.();
      return;
    }
    if (then) this.passing.set(event.seq, then);
    this.gate.next(event);
  }

  private passed(event: FlowEvent): void {
    if (this.over) return;
    this.listener.event?.(event);
    const then = this.passing.get(event.seq);
    this.passing.delete(event.seq);
    then?.();
  }

  /** A change of a step below, already placed. */
  private emitLater(path: string, stepId: string, change: Change): void {
    if (change.type === 'STEP_OUTPUT' && change.usage) this.addUsage(change.usage);
    if (!this.listening) return;
    const event = this.eventOf(path, stepId, change);
    if (this.gate) this.gate.next(event);
    else this.listener.event?.(event);
  }

  /** Tells past the gate: what comes at and after the end. */
  private emit(path: string, stepId: string, change: Change): void {
    if (this.listening) this.listener.event?.(this.eventOf(path, stepId, change));
  }

  private eventOf(path: string, stepId: string, change: Change): FlowEvent {
    return Object.freeze({
      ...change,
      runId: this.runId,
      path,
      stepId,
      seq: this.seq++,
      t: this.clock.now(),
    });
  }
}

/** A step that is one call of its handler. */
class SimpleWork implements Sink, Work {
  closed = false;
  stopCall: (() => void) | undefined;
  private readonly execution: Execution;
  private readonly node: PlanNode;
  private readonly params: unknown;

  constructor(execution: Execution, node: PlanNode, params: unknown) {
    this.execution = execution;
    this.node = node;
    this.params = params;
  }

  chunk(value: unknown): void {
    this.execution.chunk(this.node, value);
  }

  done(result: unknown): void {
    this.close();
    this.execution.ended(this.node, this.params, success(result), 1);
  }

  fail(error: unknown): void {
    this.close();
    this.execution.ended(this.node, this.params, failure(error as FlowError), 1);
  }

  stop(): void {
    this.closed = true;
    this.stopCall?.();
  }

  private close(): void {
    this.closed = true;
    this.execution.leave(this);
  }
}

/** Plain steps are called without operators around. Tests switch this off to show that nothing else depends on it. */
export const direct = { isOn: true };

function whenThere<T>(value: T | Promise<T>, use: (value: T) => void): void {
  if (value instanceof Promise) void value.then(use);
  else use(value);
}

const endOf = (outcome: Outcome): { readonly error?: unknown } =>
  outcome.status === 'failure' ? { error: outcome.error } : {};

const reasonText = (reason: unknown): string => {
  if (reason === undefined) return '';
  return `: ${typeof reason === 'object' && reason !== null && 'message' in reason ? String(reason.message) : String(reason)}`;
};
