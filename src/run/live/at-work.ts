/** A step of a live flow at work on one version: what its handler may ask, and what it tells. */
import type { Change } from '../../state/event.ts';
import type { Outcome } from '../../state/outcome.ts';
import { Adds, Aside, Asked, Below, Through } from '../../wire/aside.ts';
import { restart } from '../../wire/channel.ts';
import type { PlanNode } from '../../wire/plan.ts';
import { toldInput } from '../changes.ts';
import {
  AttemptsWork,
  direct,
  type Retry,
  SimpleWork,
  type StepWork,
  type Workplace,
} from '../work.ts';
import { conclude, startFollowers } from './answering.ts';
import { atVersion } from './at-version.ts';
import type { LiveState } from './live-state.ts';
import { arrive, keepStart } from './passing-on.ts';
import { type Pending, type Seat, streamOf, type Ticket } from './seat.ts';
import { tellBelow } from './told.ts';

/** A step starts: those who read its chunks, or its params, learn of it. */
export function startWork(state: LiveState, seat: Seat, ticket: Ticket, params: unknown): void {
  const { node } = seat;
  const { version } = ticket;
  ticket.started = true;
  if (node.kind === 'open') {
    const ending = state.seat(node.scope.close).ticket(version);
    if (ending) ending.started = true;
  }
  if (seat.feedsFlow) ticket.chunks = [];
  if (state.listening) {
    ticket.startedAt = state.clock.now();
    const input = toldInput(params);
    state.tell(node, { type: 'STEP_START', input, ...(seat.hasBelow && { anew: true }) }, version);
    seat.hasBelow = false;
  }
  if (!seat.keepsStarts) {
    startFollowers(state, seat, ticket);
    return;
  }
  keepStart(state, seat, version, { input: params, at: ticket.startedAt });
  if (state.plan.channels.length > 0)
    state.streams.start(streamOf(node), version.number, state.oldest);
  for (const target of node.startTargets) arrive(state, target, version, true, false);
  startFollowers(state, seat, ticket);
}

/** Calls the handler of a step. `pending`: that has been done already, on the short way, and it has not answered yet. */
export function work(
  state: LiveState,
  seat: Seat,
  ticket: Ticket,
  params: unknown,
  pending?: Pending,
): void {
  // Whoever heard that older work is given up may have ended the flow.
  if (state.isStopped && !pending) return;
  const { node } = seat;
  const place = new AtWork(state, seat, ticket);
  state.streams.allow(node, ticket.number);
  const host = state.hasAdded ? atVersion(state, ticket.version) : state;
  if (!node.isSimple || (state.limiter && !node.readsChunks) || !direct.isOn) {
    const work = new AttemptsWork(place, node, params);
    ticket.work = work;
    work.call(node, host);
    return;
  }
  const work = new SimpleWork(place, node, params);
  ticket.work = work;
  startWork(state, seat, ticket, params);
  if (pending) {
    // The handler may have ended the flow itself.
    if (state.isStopped) work.stop();
    work.take(node, pending.call, pending.returned);
    return;
  }
  const call = () => {
    if (!work.closed) work.call(node, host);
  };
  // Whoever reads its chunks comes first, so that it hears the first one.
  if (node.startTargets.length > 0) state.ready.push(call);
  else call();
}

class AtWork implements Workplace {
  private readonly state: LiveState;
  private readonly seat: Seat;
  private readonly ticket: Ticket;

  constructor(state: LiveState, seat: Seat, ticket: Ticket) {
    this.state = state;
    this.seat = seat;
    this.ticket = ticket;
  }

  begin({ params, closed }: StepWork, go: () => void): void {
    const { state, seat, ticket } = this;
    const isOuter = state.enter();
    startWork(state, seat, ticket, params);
    if (seat.node.startTargets.length > 0) state.ready.push(() => this.ticket.isGone || go());
    else if (!closed) go();
    if (isOuter) state.goOn();
  }

  chunk(work: StepWork, chunk: unknown): void {
    if (this.ticket.isGone) return;
    const { node } = work;
    const isOuter = this.state.enter();
    if (chunk instanceof Below) this.tellBelow(chunk);
    else if (chunk instanceof Through) this.push(chunk.chunk);
    else if (chunk instanceof Adds) work.add(chunk);
    else if (chunk instanceof Asked)
      this.tell(node, { type: 'STEP_WAIT', question: chunk.question });
    else if (!(chunk instanceof Aside)) {
      this.tell(node, { type: 'STEP_CHUNK', chunk });
      this.push(chunk);
    }
    if (isOuter) this.state.goOn();
  }

  retry({ node }: StepWork, change: Retry): void {
    if (this.ticket.isGone) return;
    const isOuter = this.state.enter();
    this.tell(node, change);
    this.push(restart(change.attempt + 1));
    if (isOuter) this.state.goOn();
  }

  end({ params }: StepWork, outcome: Outcome, attempts: number): void {
    const { state, seat, ticket } = this;
    if (ticket.isGone || state.isStopped) return;
    const isOuter = state.enter();
    ticket.work = undefined;
    tellBelow(state, ticket);
    ticket.input = params;
    ticket.attempts = attempts;
    ticket.endedAt = state.time;
    conclude(state, seat, ticket, outcome);
    if (isOuter) state.goOn();
  }

  private tellBelow({ path, stepId, change }: Below): void {
    const { state, seat, ticket } = this;
    const { type } = change;
    seat.hasBelow = true;
    ticket.below ??= new Map();
    if (type === 'STEP_OUTPUT' || type === 'STEP_SKIP') ticket.below.delete(path);
    else ticket.below.set(path, stepId);
    state.tellOf(path, stepId, change, ticket.number);
  }

  private tell(node: PlanNode, change: Change): void {
    this.state.tell(node, change, this.ticket);
  }

  /** To those who read the chunks at this version, and at those that follow it. */
  private push(chunk: unknown): void {
    const { state, seat, ticket } = this;
    const { node } = seat;
    if (node.streams.length === 0) return;
    state.streams.push(node, chunk, ticket.version.number);
    if (!ticket.chunks) return;
    ticket.chunks.push(chunk);
    for (const { version } of seat.followersOf(ticket))
      state.streams.repeat(node, [chunk], version.number);
  }
}
