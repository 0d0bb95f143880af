/** The steps of a run that are at work: starting them, hearing what they tell, stopping them all. */
import { errorJson } from '../errors.ts';
import type { Change } from '../state/event.ts';
import type { Outcome } from '../state/outcome.ts';
import { Activity, Adds, Asked, Below, Through } from '../wire/aside.ts';
import type { Attempted, Note } from '../wire/attempt.ts';
import { restart } from '../wire/channel.ts';
import type { Host } from '../wire/host.ts';
import type { PlanNode } from '../wire/plan.ts';
import {
  AttemptsWork,
  direct,
  SimpleWork,
  type StepWork,
  Wait,
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

const waitsOnly = new Activity(0, 1);

export class StepsAtWork implements Workplace {
  private readonly all = new WorkList();
  private readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Whether there is something, and all of it waits for answers. */
  get isBlocked(): boolean {
    const { first } = this.all;
    for (let work = first; work; work = work.after) if (!work.isBlocked) return false;
    return first !== undefined;
  }

  run(node: PlanNode, params: unknown): void {
    const { engine } = this;
    if (!node.isSimple || (engine.limiter && !node.readsChunks) || !direct.isOn) {
      this.call(new AttemptsWork(this, node, params));
      return;
    }
    const work = new SimpleWork(this, node, params);
    engine.start(node, params);
    if (engine.isEnding) return;
    // Whoever reads its chunks comes first, so that it hears the first one.
    if (node.startTargets.length > 0) engine.goOn(() => this.call(work));
    else this.call(work);
  }

  private call(work: SimpleWork | AttemptsWork): void {
    this.all.add(work);
    work.call(this.callee(work.node), this.engine);
  }

  private callee(node: PlanNode): Attempted {
    const { id, path, step, settings, readsChunks, offers } = node;
    const at = this.engine.at(path);
    return at === path ? node : { id, path: at, step, settings, readsChunks, offers };
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
      use(late);
      this.engine.goOn();
    });
  }

  stop(): void {
    for (let work = this.all.first; work; work = work.after) work.stop();
    this.all.clear();
  }

  begin({ node, params }: StepWork, go: () => void): void {
    this.engine.start(node, params);
    if (this.engine.isEnding) return;
    if (node.startTargets.length > 0) this.engine.goOn(go);
    else go();
  }

  chunk(work: StepWork, chunk: unknown): void {
    const { engine } = this;
    if (engine.isEnding) return;
    if (chunk instanceof Below) engine.tellBelow(chunk);
    else if (chunk instanceof Through) engine.pushChunk(work.node, chunk.chunk);
    else if (chunk instanceof Activity) this.note(work, chunk);
    else if (chunk instanceof Adds) work.add(chunk);
    else if (chunk instanceof Asked) {
      engine.tell(work.node, { type: 'STEP_WAIT', question: chunk.question });
      this.note(work, waitsOnly);
    } else {
      engine.tell(work.node, { type: 'STEP_CHUNK', chunk });
      engine.pushChunk(work.node, chunk);
    }
  }

  private note(work: StepWork, activity: Activity): void {
    work.note(activity);
    this.engine.goOn();
  }

  retry({ node }: StepWork, { attempt, delay, error }: Extract<Note, { note: 'retry' }>): void {
    this.engine.tell(node, { type: 'STEP_RETRY', attempt, delay, error: errorJson(error) });
    this.engine.pushChunk(node, restart(attempt + 1));
  }

  end(work: StepWork, outcome: Outcome, attempts: number): void {
    this.all.delete(work);
    if (this.engine.isEnding) return;
    this.engine.finish(work.node, work.params, outcome, attempts);
    this.engine.goOn();
  }
}
