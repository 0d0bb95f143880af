/** All that a live run knows. What the plan reads of it is the newest; `Past` is the same at an older version. */
import { Subject } from 'rxjs';
import type { ErrorJson, FlowError } from '../../errors.ts';
import { type Alone, inputsAlone } from '../../graph/check-input.ts';
import type { Schema } from '../../graph/schema.ts';
import type { Change } from '../../state/event.ts';
import type { Outcome, SkipDetail } from '../../state/outcome.ts';
import type { Delivered } from '../../wire/host.ts';
import type { Plan, PlanNode, View } from '../../wire/plan.ts';
import { Hosted } from '../hosted.ts';
import type { RunOptions } from '../options.ts';
import { ReadyQueue } from '../ready-queue.ts';
import { LiveStreams } from './live-streams.ts';
import { LiveTale } from './live-tale.ts';
import { type Reach, reachOf } from './reach.ts';
import { type Route, routesOf } from './route.ts';
import { Seat, streamOf, type Values, type Version } from './seat.ts';
import { straightOf } from './straight.ts';

/** Who hears of a live run. */
export interface LiveListener {
  output(output: unknown): void;
  /** Every version so far has been answered. */
  idle(): void;
  /** It cannot go on. */
  error(error: unknown): void;
}

/** What is done with it. */
export interface LiveCode {
  /** A node may have something to do. */
  look(state: LiveState, seat: Seat): void;
  /** There is a new input. */
  take(state: LiveState, input: unknown, names: readonly string[] | undefined): void;
}

/** One input by itself. */
export interface Entrance {
  readonly name: string;
  /** Undefined where it can only be checked together with others. */
  readonly schemas: readonly Schema[] | undefined;
  readonly route: Route;
}

export class LiveState extends Hosted implements View {
  readonly plan: Plan;
  readonly reach: Reach;
  readonly listener: LiveListener;
  readonly tale: LiveTale;
  readonly streams: LiveStreams;
  readonly routeOf: (names: readonly string[] | undefined) => Route;
  readonly alone: Alone;
  readonly seats: readonly Seat[];
  readonly ready: ReadyQueue;
  readonly outcomes: (Outcome | undefined)[];
  readonly inputs: unknown[] = [];
  /** The versions that are not answered by all nodes yet; the oldest first. */
  readonly open: Version[] = [];
  /** The number of the newest version. */
  newest = 0;
  /** The version that ended last, of those that were not answered at once. */
  ended = 0;
  /** The input of the newest version that was valid. */
  input: Values | undefined = undefined;
  /** The newest input, where that was not valid. */
  refused: { readonly input: unknown; readonly error: FlowError } | undefined = undefined;
  /** Why the version that ended last was given up, if it was, and none has come since. */
  lost: SkipDetail | undefined = undefined;
  /** On the short way: 1 where something has changed that a node waits for, 2 where that is not known. */
  readonly marks: Uint8Array;
  /** How many seats have an unknown answer last. */
  unknowns = 0;
  /** How many nodes have an answer that is no success. */
  troubles = 0;
  /** A step has added something to the shared memory. */
  hasAdded = false;
  isStopped = false;
  /** After the end nothing is told but what has become of each step, to somebody who looks. */
  isMute = false;
  /** Why it was stopped while something was at work. */
  cancelled: ErrorJson | undefined = undefined;
  private lastEntrance: Entrance | undefined;
  /** Inputs that came while something else was going on. */
  private readonly waiting: {
    readonly input: unknown;
    readonly names: readonly string[] | undefined;
  }[] = [];
  /** Tells the runs below its steps that began while nobody heard that somebody does. */
  readonly heard = new Subject<void>();
  private readonly code: LiveCode;
  private isBusy = false;
  /** How much has happened so far. */
  changes = 0;
  /** Something has happened below a step: it may be seen by nobody but whoever looks at the state. */
  readonly look = (): void => {
    this.changes++;
  };

  constructor(plan: Plan, options: RunOptions, listener: LiveListener, code: LiveCode) {
    super(options, {});
    this.plan = plan;
    this.reach = reachOf(plan);
    this.listener = listener;
    this.tale = new LiveTale(this.runId, this.clock);
    this.streams = new LiveStreams(plan);
    this.routeOf = routesOf(plan, this.reach);
    this.alone = inputsAlone(plan.definition);
    this.marks = new Uint8Array(plan.nodes.length);
    const straight = straightOf(plan);
    this.seats = plan.nodes.map(
      (node) => new Seat(node, plan.channelsOf.has(streamOf(node)), straight[node.index]),
    );
    this.outcomes = plan.nodes.map(() => undefined);
    this.code = code;
    this.ready = new ReadyQueue(this);
  }

  /** Takes a new input in: at once, or after what is going on. */
  push(input: unknown, names?: readonly string[]): void {
    if (!this.enter()) {
      this.waiting.push({ input: names ? { ...(input as Values) } : input, names });
      return;
    }
    this.code.take(this, input, names);
    this.goOn();
  }

  /** Whatever happens begins with this. True where nothing else is going on: then `goOn` must follow. */
  enter(): boolean {
    const isOuter = !this.isBusy;
    this.isBusy = true;
    return isOuter;
  }

  /** Does all that can be done now. Users' code is called meanwhile, and what it brings about is done here too, never in the midst of something. */
  goOn(): void {
    this.ready.drain();
    while (this.waiting.length > 0 && !this.isStopped) {
      const { input, names } = this.waiting.shift() as (typeof this.waiting)[number];
      this.code.take(this, input, names);
      this.ready.drain();
    }
    this.isBusy = false;
    this.changes++;
    if (this.isIdle && !this.isStopped) this.listener.idle();
  }

  beginNode({ index }: PlanNode): void {
    this.code.look(this, this.seat(index));
  }

  get isIdle(): boolean {
    return this.open.length === 0 && !this.isBusy;
  }

  /** What an input is checked with, and where a change of it leads. Inputs tend to change several times in a row. */
  entrance(name: string): Entrance {
    if (this.lastEntrance?.name !== name)
      this.lastEntrance = { name, schemas: this.alone.get(name), route: this.routeOf([name]) };
    return this.lastEntrance;
  }

  seat(index: number): Seat {
    return this.seats[index] as Seat;
  }

  get root(): PlanNode {
    return this.plan.nodes[0] as PlanNode;
  }

  /** The oldest version that anyone may still ask at. */
  get oldest(): number {
    return this.open[0]?.number ?? this.newest;
  }

  /** Whether at a version the newest of everything is what holds. */
  isUpToDate({ number }: Pick<Version, 'number'>): boolean {
    return this.open.length === 1 && number === this.newest && this.unknowns === 0;
  }

  /** What holds at a version. */
  outcomeAt(index: number, version: number): Outcome | undefined {
    const { answers } = this.seat(index);
    return answers.last ? answers.at(version)?.value : this.outcomes[index];
  }

  /** What a node has answered last. */
  keepOutcome(index: number, outcome: Outcome): void {
    const before = this.outcomes[index];
    if (before && before.status !== 'success') this.troubles--;
    if (outcome.status !== 'success') this.troubles++;
    else if (outcome.adds) this.hasAdded = true;
    this.outcomes[index] = outcome;
  }

  get allSucceeded(): boolean {
    return this.troubles === 0;
  }

  get isEnding(): boolean {
    return this.isStopped;
  }

  get listening(): boolean {
    return this.tale.hear !== undefined;
  }

  /** Where nobody listens there is none. */
  get time(): number | undefined {
    return this.listening ? this.clock.now() : undefined;
  }

  hasStarted(node: number): boolean {
    return this.seat(node).starts.last?.value !== undefined;
  }

  channel(channel: number): unknown {
    return this.streams.read(channel, this.newest);
  }

  /** What deaf handlers deliver is told as long as the flow lives. */
  deafness(): void {}

  protected tellLate(path: string, stepId: string, delivered: Delivered): void {
    const isOuter = this.enter();
    this.tellOf(path, stepId, { type: 'STEP_LATE', ...delivered }, undefined);
    if (isOuter) this.goOn();
  }

  /** `isAgain`: it has been told before. */
  tell(
    { path, id }: PlanNode,
    change: Change,
    { number }: Pick<Version, 'number'>,
    isAgain?: boolean,
  ): void {
    this.tellOf(path, id, change, number, isAgain);
  }

  tellOf(
    path: string,
    stepId: string,
    change: Change,
    version: number | undefined,
    isAgain?: boolean,
  ): void {
    if (!this.isMute) this.tale.tell(path, stepId, change, version, isAgain);
  }
}
