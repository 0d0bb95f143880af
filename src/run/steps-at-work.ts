/** The steps of a run that are at work: starting them, hearing what they tell, stopping them all. */
import { freeze } from '../plain.ts';
import type { Change } from '../state/event.ts';
import { failure, type Outcome, success } from '../state/outcome.ts';
import { Adds, Aside, Asked, Below, Through } from '../wire/aside.ts';
import type { Attempted } from '../wire/attempt.ts';
import { takeIn, takeThrown } from '../wire/call.ts';
import { restart } from '../wire/channel.ts';
import { isResult } from '../wire/consume.ts';
import { Call } from '../wire/context.ts';
import type { Host } from '../wire/host.ts';
import type { Blockable } from '../wire/limiter.ts';
import { placedError } from '../wire/placed-error.ts';
import type { PlanNode } from '../wire/plan.ts';
import type { Handler } from '../wire/step.ts';
import {
  AttemptsWork,
  direct,
  type Retry,
  SimpleWork,
  type StepWork,
  Wait,
  type Work,
  WorkList,
  type Workplace,
} from './work.ts';

/** The engine, as steps at work see it. */
export interface Engine extends Host {
  at(path: string): string;
  start(node: PlanNode, params: unknown): void;
  finish(node: PlanNode, params: unknown, outcome: Outcome, attempts: number): void;
  tell(node: PlanNode, change: Change): void;
  tellBelow(below: Below): void;
  pushChunk(node: PlanNode, chunk: unknown): void;
  /** Goes on with whatever is ready, and last with `task`. */
  goOn(task?: () => void): void;
}

type Blocking = Work & Partial<Blockable>;

export class StepsAtWork implements Workplace {
  private readonly all = new WorkList();
  /** The plain handler that is being called now. */
  private calling: Call | undefined;
  /** It did more than wait when that was last looked at. */
  private busy: Blocking | undefined;
  private readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Whether there is something, and all of it waits for answers, or for a place. */
  get isBlocked(): boolean {
    const { busy, all } = this;
    if (busy?.isListed && !busy.isBlocked) return false;
    let work: Blocking | undefined = all.first;
    while (work?.isBlocked) work = work.after;
    this.busy = work;
    return !!all.first && !work;
  }

  run(node: PlanNode, params: unknown): void {
    const { engine } = this;
    if (!node.isSimple || (engine.limiter && !node.readsChunks) || !direct.isOn) {
      const work = new AttemptsWork(this, node, params);
      this.all.add(work);
      work.call(this.callee(node), engine);
      return;
    }
    engine.start(node, params);
    if (engine.isEnding) return;
    // Whoever reads its chunks comes first, so that it hears the first one.
    if (node.startTargets.length > 0) engine.goOn(() => this.call(node, params));
    else this.call(node, params);
  }

  private call(node: PlanNode, params: unknown): void {
    const outcome = this.answer(node, params);
    if (outcome) this.engine.finish(node, params, outcome, 1);
  }

  /**
   * Calls a plain handler. Most answer at once, and then nothing is at work; for the others it gives nothing back. Never while another one is
   * being called: see `goOn`.
   */
  answer(node: PlanNode, params: unknown): Outcome | undefined {
    const { engine } = this;
    const callee = this.callee(node);
    const { handler, output } = node;
    const call = new Call(engine, callee, 1);
    let outcome: Outcome | undefined;
    let brought: unknown;
    this.calling = call;
    try {
      brought = (handler as Handler<unknown>)(params, call);
      if (isResult(brought) && !output) outcome = success(freeze(brought));
    } catch (error) {
      brought = error;
      outcome = failure(placedError(error, callee.path, 1));
    }
    this.calling = undefined;
    if (outcome && !engine.isEnding) {
      if (outcome.status === 'failure') call.abort();
      return outcome;
    }
    const work = new SimpleWork(this, node, params);
    // The handler may have ended the run itself. What it brings is reported all the same.
    if (engine.isEnding) work.stop();
    else this.all.add(work);
    if (outcome?.status === 'failure') takeThrown(callee, call, brought, work);
    else takeIn(callee, call, brought, work);
    return undefined;
  }

  private callee(node: PlanNode): Attempted {
    const path = this.engine.at(node.path);
    return path === node.path ? node : { ...node, path };
  }

  /** Goes on with an outcome that may take its time. */
  whenThere(outcome: Outcome | Promise<Outcome>, use: (outcome: Outcome) => void): void {
    if (!(outcome instanceof Promise)) {
      use(outcome);
      return;
    }
    const wait = new Wait();
    this.all.add(wait);
    void outcome.then((late) => {
      if (wait.closed) return;
      this.all.delete(wait);
      this.engine.goOn(() => use(late));
    });
  }

  stop(): void {
    this.all.stop();
    this.calling?.abort();
  }

  begin({ node, params }: StepWork, go: () => void): void {
    this.engine.start(node, params);
    if (this.engine.isEnding) return;
    if (node.startTargets.length > 0) this.engine.goOn(go);
    else go();
  }

  chunk(work: StepWork, chunk: unknown): void {
    const { engine } = this;
    if (chunk instanceof Below) engine.tellBelow(chunk);
    else if (engine.isEnding) return;
    else if (!(chunk instanceof Aside)) {
      if (engine.listening) engine.tell(work.node, { type: 'STEP_CHUNK', chunk });
      engine.pushChunk(work.node, chunk);
    } else if (chunk instanceof Through) engine.pushChunk(work.node, chunk.chunk);
    else if (chunk instanceof Adds) work.add(chunk);
    else if (chunk instanceof Asked)
      engine.tell(work.node, { type: 'STEP_WAIT', question: chunk.question });
  }

  retry(work: StepWork, change: Retry): void {
    this.engine.tell(work.node, change);
    this.engine.pushChunk(work.node, restart(change.attempt + 1));
  }

  end(work: StepWork, outcome: Outcome, attempts: number): void {
    this.all.delete(work);
    if (this.engine.isEnding) return;
    this.engine.finish(work.node, work.params, outcome, attempts);
    this.engine.goOn();
  }
}
