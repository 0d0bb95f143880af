/**
 * The live engine: the plan of a flow, kept running while its input changes. Each input is a version. A version visits the nodes that it
 * can reach and no others; a node is looked at when all its sources have answered for that version: the counting join of a run, which has
 * one version only. `seat` keeps the versions of a node apart, `turn` says what a busy step does with a newer one.
 */
import { errorJson, FlowError } from '../../errors.ts';
import { equal, isPlain } from '../../plain.ts';
import type { Change, FlowEvent } from '../../state/event.ts';
import { type Outcome, success } from '../../state/outcome.ts';
import { fillParams, refusal } from '../../wire/admit.ts';
import { Aside, Asked, Below, Through } from '../../wire/aside.ts';
import type { Note } from '../../wire/attempt.ts';
import type { Delivered, Host } from '../../wire/call.ts';
import { Channel, restart } from '../../wire/channel.ts';
import { type Clock, schedulerClock } from '../../wire/clock.ts';
import { Limiter } from '../../wire/limiter.ts';
import { type Plan, type PlanNode, successOf, type View } from '../../wire/plan.ts';
import { Questions } from '../../wire/questions.ts';
import type { Logger } from '../../wire/step.ts';
import { stepOutput, stepSkip } from '../changes.ts';
import { checkedInput, checkedParams } from '../checked.ts';
import { newRunId, type RunOptions } from '../options.ts';
import { outputsOf } from '../outputs.ts';
import { ReadyQueue } from '../ready-queue.ts';
import { Telling } from '../telling.ts';
import { AttemptsWork, direct, SimpleWork, type StepWork, type Workplace } from '../work.ts';
import { type Reach, reachOf } from './reach.ts';
import { Seat, type Ticket } from './seat.ts';
import { turnOf } from './turn.ts';

export interface LiveListener {
  readonly event?: ((event: FlowEvent) => void) | undefined;
  output(output: unknown, version: number): void;
  /** Every version so far has been answered. */
  idle(): void;
}

export interface LiveEngineOptions extends RunOptions {
  /** Whether an input is the same as before. Default `Object.is`. */
  readonly equals?: ((before: unknown, now: unknown) => boolean) | undefined;
}

type Values = Readonly<Record<string, unknown>>;
const nothing: Values = Object.freeze({});
const superseded = { message: 'a newer version of the input came' };

export class LiveExecution implements View, Host, Workplace {
  readonly runId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limiter: Limiter | undefined;
  readonly memory = nothing;
  readonly questions = new Questions();
  readonly inputs: unknown[] = [];
  /** What the nodes have answered at the version that is looked at. */
  outcomes: (Outcome | undefined)[];
  private readonly newest: (Outcome | undefined)[];
  private readonly plan: Plan;
  private readonly reach: Reach;
  private readonly equals: (before: unknown, now: unknown) => boolean;
  private readonly listener: LiveListener;
  private readonly telling: Telling;
  private readonly seats: (Seat | undefined)[] = [];
  private readonly works = new Map<StepWork, { readonly seat: Seat; readonly ticket: Ticket }>();
  private readonly channels: (Channel | undefined)[] = [];
  private readonly ready = new ReadyQueue((node) => this.look(this.seat(node.index)));
  /** How many nodes have yet to answer, by version; the oldest version first. */
  private readonly open = new Map<number, number>();
  private version = 0;
  private input: Values | undefined;
  private stopped = false;

  constructor(plan: Plan, options: LiveEngineOptions, listener: LiveListener) {
    this.plan = plan;
    this.reach = reachOf(plan);
    this.listener = listener;
    this.equals = options.equals ?? Object.is;
    this.clock = options.clock ?? schedulerClock;
    this.logger = options.logger ?? console;
    this.runId = options.id ?? newRunId(this.clock.now());
    this.limiter = options.concurrency === undefined ? undefined : new Limiter(options.concurrency);
    this.newest = new Array(plan.nodes.length).fill(undefined);
    this.outcomes = this.newest;
    this.telling = new Telling({
      runId: this.runId,
      clock: this.clock,
      hear: listener.event,
      broken: () => undefined,
    });
  }

  get isIdle(): boolean {
    return this.open.size === 0;
  }

  /** Takes a new input in. */
  push(given: unknown): void {
    if (this.stopped) return;
    const root = this.seat(0);
    const checked = checkedInput(this.plan.definition, given, '');
    if (checked instanceof Promise) throw asynchronousInput(this.plan.definition.id);
    const version = ++this.version;
    const input = successOf(checked) as Values | undefined;
    this.tell(
      root.node,
      { type: 'FLOW_START', flow: this.plan.definition.id, input: input ?? given },
      version,
    );
    if (checked.status === 'failure') {
      this.tell(root.node, { type: 'FLOW_ERROR', error: errorJson(checked.error) }, version);
      return;
    }
    const before = this.input;
    const now = before ? keepSame(before, input as Values) : (input as Values);
    this.input = now;
    const outcome = success(now);
    root.answer(version, outcome, this.oldest);
    this.newest[0] = outcome;
    if (before) this.visit(this.readersOfChanges(before, now), version);
    else this.visitAll(version);
    if (!this.open.has(version)) this.endVersion(version);
    this.goOn();
  }

  stop(): void {
    this.stopped = true;
    for (const work of this.works.keys()) work.stop();
    this.works.clear();
  }

  // What the plan, and calls of handlers, ask of the run.

  get listening(): boolean {
    return this.telling.isOn;
  }

  hasStarted(node: number): boolean {
    return this.seats[node]?.hasStarted === true;
  }

  channel(channel: number): unknown {
    return this.channels[channel]?.chunks$;
  }

  readonly at = (path: string): string => path;

  recorded(): undefined {
    return undefined;
  }

  deafness(): void {}

  late(path: string, stepId: string, delivered: Delivered): void {
    if (!this.stopped) this.telling.report(path, stepId, { type: 'STEP_LATE', ...delivered });
  }

  // Which nodes a version visits.

  private seat(index: number): Seat {
    const known = this.seats[index];
    if (known) return known;
    const seat = new Seat(this.plan.nodes[index] as PlanNode);
    this.seats[index] = seat;
    return seat;
  }

  private get oldest(): number {
    for (const version of this.open.keys()) return version;
    return Number.POSITIVE_INFINITY;
  }

  private visitAll(version: number): void {
    const { nodes, missing } = this.plan;
    this.open.set(version, nodes.length - 1);
    for (let i = 1; i < nodes.length; i++) this.seat(i).add(version).missing = missing[i] as number;
    for (const target of (nodes[0] as PlanNode).targets) this.arrive(target, version, true);
  }

  private readersOfChanges(before: Values, now: Values): ReadonlySet<number> {
    const { readers } = this.reach;
    const found = new Set<number>();
    const add = (name: string) => readers.get(name)?.forEach((reader) => void found.add(reader));
    const names = Object.keys(now);
    for (const name of names) if (!this.equals(before[name], now[name])) add(name);
    for (const name of Object.keys(before)) if (!Object.hasOwn(now, name)) add(name);
    if (found.size > 0 || names.some((name) => !this.equals(before[name], now[name]))) add('');
    return found;
  }

  /** Gives a ticket to every node that the seeds lead to. */
  private visit(seeds: ReadonlySet<number>, version: number): void {
    if (seeds.size === 0) return;
    const todo: number[] = [];
    let count = 0;
    const ticketAt = (index: number): Ticket => {
      const seat = this.seat(index);
      const last = seat.tickets[seat.tickets.length - 1];
      if (last?.version === version) return last;
      count++;
      todo.push(index);
      return seat.add(version);
    };
    for (const seed of seeds) ticketAt(seed).changed = true;
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      const { targets, startTargets } = this.plan.nodes[at] as PlanNode;
      for (const target of targets) ticketAt(target).missing++;
      for (const target of startTargets) ticketAt(target).missing++;
    }
    this.open.set(version, count);
    for (const seed of seeds) this.ready.push(this.plan.nodes[seed] as PlanNode);
  }

  private arrive(target: number, version: number, changed: boolean): void {
    const ticket = this.seat(target).ticket(version);
    if (!ticket) return;
    ticket.missing--;
    ticket.changed ||= changed;
    if (ticket.missing === 0) this.ready.push(this.plan.nodes[target] as PlanNode);
  }

  private goOn(): void {
    this.ready.drain(this);
    if (this.isIdle && this.ready.isIdle && !this.stopped) this.listener.idle();
  }

  get isEnding(): boolean {
    return this.stopped;
  }

  // Looking at a node.

  /** Takes the versions of a node in their order, as far as they are complete and the policy lets them. */
  private look(seat: Seat): void {
    for (;;) {
      const ticket = seat.tickets.find(({ begun }) => !begun);
      if (!ticket || ticket.missing > 0 || this.stopped) return;
      const turn = turnOf(seat, ticket);
      if (turn === 'wait') return;
      if (turn === 'drop') this.supersede(seat, ticket);
      else if (!this.take(seat, ticket)) return;
    }
  }

  /** Answers a version, or begins to work on it. False where it waits for work under way that answers it, too. */
  private take(seat: Seat, ticket: Ticket): boolean {
    const { node } = seat;
    const outcomes = this.outcomesFor(node, ticket.version);
    if (!outcomes) {
      this.supersede(seat, ticket);
      return true;
    }
    const mayDiffer =
      ticket.changed || seat.isUnknown || this.reach.readsInnerInput[node.index] === true;
    if (!mayDiffer) {
      if (seat.newestBegun) return false;
      this.same(seat, ticket);
      return true;
    }
    this.outcomes = outcomes;
    const taken = node.kind === 'close' ? this.close(seat, ticket) : this.admit(seat, ticket);
    this.outcomes = this.newest;
    return taken;
  }

  /** What all nodes had answered at a version, or undefined where an answer that the node reads is unknown. */
  private outcomesFor(
    { index, links }: PlanNode,
    version: number,
  ): (Outcome | undefined)[] | undefined {
    let mixed: (Outcome | undefined)[] | undefined;
    for (const source of this.reach.sources[index] as readonly number[]) {
      const seat = this.seats[source];
      const answer = seat?.at(version);
      if (!seat || !answer) continue;
      if (!answer.outcome) return undefined;
      if (seat.isNewest(answer)) continue;
      mixed ??= Object.create(this.newest) as (Outcome | undefined)[];
      mixed[source] = answer.outcome;
    }
    for (const { link, source } of links) {
      if (!link.stream) continue;
      const answer = this.seats[source]?.at(version);
      if (answer?.version === version && !answer.outcome) return undefined;
    }
    return mixed ?? this.newest;
  }

  private admit(seat: Seat, ticket: Ticket): boolean {
    const { node } = seat;
    const params: Record<string, unknown> = {};
    const refused = refusal(node, this) ?? fillParams(node, this, params);
    if (refused) {
      this.supersedeOlder(seat, ticket);
      if (node.kind !== 'open') this.tellRefused(seat, ticket, refused);
      this.decide(seat, ticket, refused, undefined);
      return true;
    }
    const atWork = seat.newestBegun;
    const known = atWork ? atWork.params : seat.params;
    if (known && sameValues(known, params)) {
      if (atWork) return false;
      this.same(seat, ticket);
      return true;
    }
    const { policy = 'switch' } = node.settings;
    if (policy === 'switch') this.supersedeOlder(seat, ticket);
    ticket.begun = true;
    ticket.params = Object.freeze(params);
    this.check(seat, ticket, params);
    return true;
  }

  private check(seat: Seat, ticket: Ticket, params: Values): void {
    const { node } = seat;
    if (node.kind === 'open') this.started(seat, ticket, params);
    const checked =
      node.kind === 'open'
        ? checkedInput(node.scope.definition, params, node.path)
        : node.step.input
          ? checkedParams(node.step.input, params, node.path)
          : success(params);
    const go = (outcome: Outcome): void => {
      if (outcome.status === 'success' && node.kind === 'step')
        this.run(seat, ticket, outcome.value);
      else {
        if (node.kind === 'step') this.started(seat, ticket, params);
        this.finish(seat, ticket, outcome, 0);
      }
    };
    if (!(checked instanceof Promise)) go(checked);
    else {
      void checked.then((outcome) => {
        if (!this.stopped && seat.tickets.includes(ticket)) go(outcome);
        this.goOn();
      });
    }
  }

  private run(seat: Seat, ticket: Ticket, params: unknown): void {
    const { node } = seat;
    const isSimple = node.isSimple && !this.limiter && direct.isOn;
    const work = isSimple
      ? new SimpleWork(this, node, params)
      : new AttemptsWork(this, node, params);
    ticket.work = work;
    this.works.set(work, { seat, ticket });
    if (isSimple) this.begin(work, () => work.call(node, this));
    else work.call(node, this);
  }

  // What work tells.

  begin(work: StepWork, go: () => void): void {
    const at = this.works.get(work);
    if (!at) return;
    this.started(at.seat, at.ticket, work.params);
    if (work.node.startTargets.length === 0) go();
    else {
      this.ready.push(() => {
        if (!work.closed) go();
      });
      this.goOn();
    }
  }

  chunk(work: StepWork, chunk: unknown): void {
    const at = this.works.get(work);
    if (!at) return;
    const { version } = at.ticket;
    if (chunk instanceof Below)
      this.telling.tell(chunk.path, chunk.stepId, versioned(chunk.change, version));
    else if (chunk instanceof Through) this.pushChunk(work.node, chunk.chunk);
    else if (chunk instanceof Asked)
      this.tell(work.node, { type: 'STEP_WAIT', question: chunk.question }, version);
    else if (!(chunk instanceof Aside)) {
      this.tell(work.node, { type: 'STEP_CHUNK', chunk }, version);
      this.pushChunk(work.node, chunk);
    }
  }

  retry(work: StepWork, { attempt, delay, error }: Extract<Note, { note: 'retry' }>): void {
    const at = this.works.get(work);
    if (!at) return;
    this.tell(
      work.node,
      { type: 'STEP_RETRY', attempt, delay, error: errorJson(error) },
      at.ticket.version,
    );
    this.pushChunk(work.node, restart(attempt + 1));
  }

  end(work: StepWork, outcome: Outcome, attempts: number): void {
    const at = this.works.get(work);
    if (!at) return;
    this.works.delete(work);
    at.ticket.work = undefined;
    this.finish(at.seat, at.ticket, outcome, attempts, work.params);
    this.goOn();
  }

  private started(seat: Seat, ticket: Ticket, params: unknown): void {
    const { node } = seat;
    ticket.started = true;
    seat.hasStarted = true;
    if (node.keepsInput || node.kind === 'open') this.inputs[node.index] = params;
    const stream = node.kind === 'open' ? node.scope.close : node.index;
    for (const channel of this.plan.channelsOf.get(stream) ?? none) {
      this.channels[channel] = new Channel(node.id, true);
    }
    if (this.listening) {
      ticket.startedAt = this.clock.now();
      this.tell(node, { type: 'STEP_START', input: params }, ticket.version);
    }
    for (const target of node.startTargets) this.arrive(target, ticket.version, true);
  }

  private pushChunk({ streams }: PlanNode, chunk: unknown): void {
    for (const stream of streams) {
      for (const channel of this.plan.channelsOf.get(stream) ?? none)
        this.channels[channel]?.push(chunk);
    }
  }

  // Outcomes.

  private close(seat: Seat, ticket: Ticket): boolean {
    const { node } = seat;
    const opened = this.outcomes[node.scope.open];
    if (opened?.status === 'skipped') {
      this.tellRefused(seat, ticket, opened);
      this.decide(seat, ticket, opened, undefined);
    } else if (opened?.status === 'failure') this.finish(seat, ticket, opened, 0);
    else
      this.finish(seat, ticket, outputsOf(this.plan, node, this, undefined), 1, successOf(opened));
    return true;
  }

  private tellRefused(seat: Seat, ticket: Ticket, refused: Outcome): void {
    if (refused.status === 'skipped')
      this.tell(seat.node, stepSkip(refused.skip, this.at), ticket.version);
    else if (refused.status === 'failure') this.tellOutput(seat, ticket, refused, 0, nothing);
  }

  private tellOutput(
    seat: Seat,
    ticket: Ticket,
    outcome: Outcome,
    attempts: number,
    input: unknown,
  ): void {
    if (!this.listening || seat.node.path === '' || seat.node.kind === 'open') return;
    const t1 = this.clock.now();
    const t0 = ticket.startedAt || t1;
    this.tell(seat.node, stepOutput(seat.node, input, outcome, attempts, t0, t1), ticket.version);
  }

  /** Work on a version has come to its end. */
  private finish(
    seat: Seat,
    ticket: Ticket,
    outcome: Outcome,
    attempts: number,
    input?: unknown,
  ): void {
    this.tellOutput(seat, ticket, outcome, attempts, input ?? ticket.params);
    const { policy = 'switch' } = seat.node.settings;
    if (policy !== 'concat') this.supersedeOlder(seat, ticket);
    else if (seat.tickets[0] !== ticket) {
      ticket.result = outcome; // those of older versions go first
      return;
    }
    this.decide(seat, ticket, outcome, ticket.params);
    for (let next = seat.tickets[0]; next?.result; next = seat.tickets[0]) {
      this.decide(seat, next, next.result, next.params);
    }
    this.ready.push(seat.node);
  }

  private same(seat: Seat, ticket: Ticket): void {
    this.decide(seat, ticket, seat.outcome as Outcome, seat.params);
  }

  /** The answer of a node for a version. It travels on as a change, or as the word that nothing has changed. */
  private decide(seat: Seat, ticket: Ticket, outcome: Outcome, params: Values | undefined): void {
    const { node } = seat;
    const { version } = ticket;
    const changed = !isSame(node, seat.outcome, outcome);
    const kept = changed ? outcome : (seat.outcome as Outcome);
    seat.remove(ticket);
    if (changed || seat.isUnknown) seat.answer(version, kept, this.oldest);
    seat.outcome = kept;
    seat.params = params;
    this.newest[node.index] = kept;
    if (kept.status === 'skipped') seat.hasStarted = false;
    if (changed) {
      for (const channel of this.plan.channelsOf.get(node.index) ?? none) {
        this.channels[channel]?.end(kept.status === 'failure' ? { error: kept.error } : {});
      }
      if (node.index === this.plan.root.close && kept.status === 'success')
        this.listener.output(kept.value, version);
    }
    this.passOn(node, ticket, changed);
  }

  private passOn(node: PlanNode, { version, started }: Ticket, changed: boolean): void {
    for (const target of node.targets) this.arrive(target, version, changed);
    if (!started) for (const target of node.startTargets) this.arrive(target, version, changed);
    const left = (this.open.get(version) as number) - 1;
    if (left > 0) this.open.set(version, left);
    else {
      this.open.delete(version);
      this.endVersion(version);
    }
  }

  private supersedeOlder(seat: Seat, ticket: Ticket): void {
    for (let older = seat.tickets[0]; older && older !== ticket; older = seat.tickets[0])
      this.supersede(seat, older);
  }

  /** A version is given up for a later one: what is at work on it stops, and so does what reads its chunks. */
  private supersede(seat: Seat, ticket: Ticket): void {
    const { node } = seat;
    const { work, version } = ticket;
    seat.remove(ticket);
    if (work) {
      this.works.delete(work);
      work.stop();
    }
    if (ticket.begun)
      this.tell(node, { type: 'STEP_SKIP', reason: 'superseded', detail: superseded }, version);
    seat.answer(version, undefined, this.oldest);
    if (ticket.started) {
      for (const target of node.startTargets) {
        const reader = this.seat(target);
        const reading = reader.ticket(version);
        if (reading?.begun) this.supersede(reader, reading);
      }
    }
    this.passOn(node, ticket, true);
  }

  /** Every node that the version visited has answered. */
  private endVersion(version: number): void {
    if (!this.listening) return;
    const answer = this.seat(this.plan.root.close).at(version);
    const root = this.plan.nodes[0] as PlanNode;
    if (answer?.outcome?.status === 'success')
      this.tell(root, { type: 'FLOW_OUTPUT', output: answer.outcome.value }, version);
    else if (answer?.outcome?.status === 'failure') {
      this.tell(root, { type: 'FLOW_ERROR', error: errorJson(answer.outcome.error) }, version);
    }
  }

  private tell(node: PlanNode, change: Change, version: number): void {
    if (this.listening && !this.stopped)
      this.telling.tell(node.path, node.id, versioned(change, version));
  }
}

const none: readonly number[] = [];

const versioned = <C extends Change>(change: C, version: number): C => ({ ...change, version });

/** Parts of the new input that are the same as before stay the same objects, whatever a schema made of them. */
function keepSame(before: Values, now: Values): Values {
  if (!isPlain(before) || !isPlain(now)) return now;
  return Object.freeze(
    Object.fromEntries(
      Object.entries(now).map(([name, value]) => [
        name,
        equal(before[name], value) ? before[name] : value,
      ]),
    ),
  );
}

function sameValues(before: Values, now: Values): boolean {
  const names = Object.keys(now);
  if (names.length !== Object.keys(before).length) return false;
  for (const name of names) if (!Object.is(before[name], now[name])) return false;
  return true;
}

function isSame({ kind, settings }: PlanNode, before: Outcome | undefined, now: Outcome): boolean {
  if (before === now) return true;
  if (before?.status === 'success' && now.status === 'success') {
    if (kind !== 'step') return sameValues(before.value as Values, now.value as Values);
    const same = (settings.equals ?? Object.is) as (last: unknown, next: unknown) => boolean;
    return same(before.value, now.value);
  }
  return (
    before?.status === 'skipped' &&
    now.status === 'skipped' &&
    before.skip.reason === now.skip.reason
  );
}

const asynchronousInput = (flow: string): FlowError =>
  new FlowError(
    'invalid-option',
    `The input schema of "${flow}" is asynchronous, and a live flow cannot wait for it. Check the input in its first step, or before the flow with concatMap`,
  );
