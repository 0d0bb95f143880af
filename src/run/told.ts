/** The half of a run that speaks: it tells what happens, and how the run ends. */
import type { MonoTypeOperatorFunction } from 'rxjs';
import { errorJson, type FlowError } from '../errors.ts';
import { freeze } from '../plain.ts';
import type { Change, FlowEvent } from '../state/event.ts';
import type { Below } from '../wire/aside.ts';
import type { Delivered } from '../wire/host.ts';
import type { Plan, PlanNode } from '../wire/plan.ts';
import { brokenGate, cancelledError } from './changes.ts';
import { Ending } from './ending.ts';
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
  protected readonly plan: Plan;
  protected readonly listener: Listener;
  protected readonly telling: Telling;
  protected readonly ending: Ending;
  private forgetSignal: (() => void) | undefined;

  constructor(plan: Plan, options: RunOptions, listener: Listener, setup: Setup) {
    super(options, setup);
    this.plan = plan;
    this.listener = listener;
    this.telling = new Telling({
      runId: this.runId,
      clock: this.clock,
      seq: setup.seq,
      gate: bothGates(options.gate, setup.gate),
      hear: listener.event,
      broken: (error) => this.fail(brokenGate(error)),
    });
    this.ending = new Ending({
      tell: (change, then) => this.tell(this.root, change, then),
      stop: () => this.stopWork(),
      close: () => {
        this.forgetSignal?.();
        this.telling.close();
      },
      silent: () => listener.silent?.(),
    });
  }

  protected abstract stopWork(): void;
  protected abstract memoryNow(): Left;

  get listening(): boolean {
    return this.telling.isOn;
  }

  get isEnding(): boolean {
    return this.ending.isEnding || this.setup.host?.isEnding === true;
  }

  protected get root(): PlanNode {
    return this.plan.nodes[0] as PlanNode;
  }

  tell(node: PlanNode, change: Change, then?: () => void, t?: number): void {
    if (this.listening) this.telling.tell(this.at(node.path), node.id, change, then, t);
    else then?.();
  }

  /** Tells a change of the run itself. */
  tellRun(change: Change): void {
    this.tell(this.root, change);
  }

  tellBelow({ path, stepId, change }: Below): void {
    if (this.listening) this.telling.tell(path, stepId, change);
  }

  protected tellLate(path: string, stepId: string, delivered: Delivered): void {
    this.telling.report(path, stepId, { type: 'STEP_LATE', ...delivered });
  }

  deafness(change: 1 | -1): void {
    this.setup.host?.deafness(change);
    this.ending.deafness(change);
  }

  /** Opens the gate, and heeds the signal. False where the run is over before it began. */
  protected listen(): boolean {
    this.telling.open();
    if (this.isEnding) return false;
    const { signal } = this.options;
    const abort = () => this.cancel(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.forgetSignal = () => signal?.removeEventListener('abort', abort);
    return true;
  }

  /** Ends the run at once, whatever its handlers do. */
  cancel(reason?: unknown): void {
    if (this.ending.isOver) return;
    const error = cancelledError(this.plan.definition.id, reason);
    this.ending.now(() => {
      const change: Change = { type: 'FLOW_CANCEL', reason: errorJson(error) };
      this.telling.report(this.at(''), this.root.id, change);
      this.listener.error(error);
    });
  }

  protected complete(output: unknown): void {
    const { usage } = this.telling;
    const change: Change = {
      type: 'FLOW_OUTPUT',
      output,
      ...(usage && { usage }),
      ...this.memoryNow(),
    };
    this.ending.with(change, () => this.listener.output(output));
  }

  protected fail(error: FlowError): void {
    if (this.ending.isOver || (this.isEnding && error.code === 'run-failed')) return;
    const change: Change = {
      type: 'FLOW_ERROR',
      error: freeze(errorJson(error)),
      ...this.memoryNow(),
    };
    this.ending.with(change, () => this.listener.error(error));
  }
}

/** What the gate of the options lets pass goes on to the saver. */
const bothGates = (first: Gate, then: Gate): Gate =>
  first && then ? (events$) => then(first(events$)) : (first ?? then);
