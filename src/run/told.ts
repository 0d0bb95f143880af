/** The half of a run that speaks: it tells what happens, and how the run ends. */
import type { MonoTypeOperatorFunction, Subscription } from 'rxjs';
import { errorJson, type FlowError } from '../errors.ts';
import { freeze } from '../plain.ts';
import type { Change, FlowEvent } from '../state/event.ts';
import type { Below } from '../wire/aside.ts';
import type { Delivered, Host } from '../wire/host.ts';
import type { Plan, PlanNode } from '../wire/plan.ts';
import { cancelledError, saverFailed } from './changes.ts';
import { Hosted } from './hosted.ts';
import type { RunOptions } from './options.ts';
import type { Listener, Setup } from './setup.ts';
import { Telling } from './telling.ts';

type Gate = MonoTypeOperatorFunction<FlowEvent> | undefined;

/** What a run leaves in the shared memory. */
interface Left {
  readonly data?: Readonly<Record<string, unknown>>;
}

export abstract class Told extends Hosted {
  readonly plan: Plan;
  protected readonly listener: Listener;
  /** Undefined where nobody hears. Then no event is made. */
  protected telling: Telling | undefined;
  /** Nobody hears that steps begin and end, and nothing else keeps them from being called in place. */
  protected isQuiet = false;
  /** The end is on its way: nothing else may happen. */
  private hasEnd = false;
  /** It has been told. */
  private isOver = false;
  /** How many handlers were stopped, or are being called, and have not delivered yet. */
  private deaf = 0;
  private forgetSignal: (() => void) | undefined;
  /** What was delivered while the end was on its way. */
  private afterEnd: (() => void) | undefined;
  private untilHeard: Subscription | undefined;
  private stopLooking: (() => void) | undefined;

  constructor(plan: Plan, options: RunOptions, listener: Listener, setup: Setup) {
    super(options, setup);
    this.plan = plan;
    this.listener = listener;
    const gate = bothGates(options.gate, setup.gate);
    const { before, host } = setup;
    const speak = () => {
      const broken = (error: unknown) =>
        this.fail(saverFailed('gate of the run failed', error, '. The run cannot go on'));
      const { runId, clock } = this;
      this.telling ??= new Telling({ runId, clock, before, gate, listener, broken });
      this.isQuiet = false;
    };
    if (host?.listening === false) this.untilHeard = host.heard?.subscribe(speak);
    else if (gate || listener.event) speak();
  }

  get heard(): Host['heard'] {
    return this.setup.host?.heard;
  }

  /** Stops all that is at work. */
  protected abstract stopWork(): void;
  protected abstract memoryNow(): Left;

  get listening(): boolean {
    return this.telling !== undefined;
  }

  get isEnding(): boolean {
    return this.hasEnd || this.setup.host?.isEnding === true;
  }

  protected get root(): PlanNode {
    return this.plan.nodes[0] as PlanNode;
  }

  tell(node: PlanNode, change: Change, then?: () => void, t?: number): void {
    if (this.telling) this.telling.tell(this.at(node.path), node.id, change, then, t);
    else then?.();
  }

  /** Tells a change of the run itself. */
  tellRun(change: Change): void {
    this.tell(this.root, change);
  }

  /** Each of the runs around this one sees for itself whether it is ending. */
  tellBelow({ path, stepId, change }: Below): void {
    if (!this.hasEnd) this.telling?.tell(path, stepId, change);
  }

  protected tellLate(path: string, stepId: string, delivered: Delivered): void {
    const { afterEnd } = this;
    const tell = () => this.telling?.tell(path, stepId, { type: 'STEP_LATE', ...delivered });
    if (this.hasEnd && !this.isOver)
      this.afterEnd = () => {
        afterEnd?.();
        tell();
      };
    else tell();
  }

  /** A handler that was stopped has not delivered yet (1), or now has (-1). */
  deafness(change: 1 | -1): void {
    this.setup.host?.deafness(change);
    this.deaf += change;
    this.fallSilent();
  }

  /** Opens the gate, and heeds the signal. False where the run is over before it began. */
  protected listen(): boolean {
    this.telling?.open();
    if (this.isEnding) return false;
    const { signal } = this.options;
    if (signal) {
      const abort = () => this.cancel(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      this.forgetSignal = () => signal.removeEventListener('abort', abort);
    }
    return true;
  }

  /** Ends the run at once, whatever its handlers do. */
  cancel(reason?: unknown): void {
    if (this.isOver) return;
    const error = cancelledError(this.plan.definition.id, reason);
    this.end(() => {
      const change: Change = { type: 'FLOW_CANCEL', reason: errorJson(error) };
      this.telling?.report(this.at(''), this.root.id, change);
      this.listener.error(error);
    });
  }

  protected complete(output: unknown): void {
    const tellOutput = () => this.listener.output(output);
    if (!this.telling) {
      this.end(tellOutput);
      return;
    }
    const { usage } = this.telling;
    const told = { output, ...(usage && { usage }), ...this.memoryNow() };
    this.endWith({ type: 'FLOW_OUTPUT', ...told }, tellOutput);
  }

  protected fail(error: FlowError): void {
    if (this.isOver || (this.isEnding && error.code === 'run-failed')) return;
    const told = { error: freeze(errorJson(error)), ...this.memoryNow() };
    this.endWith({ type: 'FLOW_ERROR', ...told }, () => this.listener.error(error));
  }

  /** Whether there is nothing that could go on before an answer is given. */
  abstract readonly isBlocked: boolean;

  /** Looks whether anything but answers is waited for: when all that begins at the same time has begun, not after the first that asks; or now. */
  look(isNow = false): void {
    const { host } = this.setup;
    if (host) host.look?.();
    else if (this.isEnding || !this.listener.suspended || !this.asked?.open.size) return;
    // Not before the question has been told.
    else if (isNow) this.nest.tell({ work: () => this.isBlocked && this.suspend() });
    else
      this.stopLooking ??= this.clock.after(0, () => {
        this.stopLooking = undefined;
        this.look(true);
      });
  }

  /** Ends the run until its questions are answered. */
  private suspend(): void {
    if (this.isEnding || this.telling?.passing.size) return;
    const { all: questions, refused } = this.questions;
    this.endWith({ type: 'FLOW_SUSPEND', questions }, () => {
      if (refused) this.listener.error(refused);
      else this.listener.suspended?.(questions, this.runId);
    });
  }

  giveUp(error: FlowError): void {
    const { host } = this.setup;
    if (host?.giveUp) host.giveUp(error);
    else this.fail(error);
  }

  /** Ends the run with a change that is told like any other, which may take its time. */
  protected endWith(change: Change, then: () => void): void {
    this.hasEnd = true;
    this.stopWork();
    // To tear down may have been the end of it.
    if (!this.isOver) this.tell(this.root, change, () => this.end(then));
  }

  /** Ends the run at once. */
  private end(then: () => void): void {
    this.hasEnd = true;
    this.isOver = true;
    this.stopWork();
    then();
    this.stopLooking?.();
    this.forgetSignal?.();
    this.untilHeard?.unsubscribe();
    this.telling?.close();
    this.afterEnd?.();
    this.fallSilent();
  }

  private fallSilent(): void {
    if (this.isOver && this.deaf === 0) this.listener.silent?.();
  }
}

/** What the gate of the options lets pass goes on to the saver. */
const bothGates = (first: Gate, then: Gate): Gate =>
  first && then ? (events$) => then(first(events$)) : (first ?? then);
