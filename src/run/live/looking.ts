/** Looking at a node: which of its versions can be answered, or worked on, as its policy has it. */
import type { Outcome } from '../../state/outcome.ts';
import { fillParams, refusal } from '../../wire/admit.ts';
import { checkedInput, checkedParams } from '../checked.ts';
import { earlier } from '../lists.ts';
import {
  answerAll,
  conclude,
  follow,
  repeatAnswer,
  supersede,
  supersedeOlder,
} from './answering.ts';
import { startWork, work } from './at-work.ts';
import { closed } from './closed.ts';
import type { LiveState } from './live-state.ts';
import { hasChangedBeyond, isKnown, viewAt } from './past.ts';
import { sameParams } from './same.ts';
import { isPartial, type Seat, type Ticket, type Values } from './seat.ts';
import { newer } from './told.ts';
import { droppedBy, outruns, takesNewest, turnOf } from './turn.ts';

const nothing: Values = Object.freeze({});

/** Answers the versions of a node in their order, and takes up new ones as far as they are complete and the policy lets them. */
export function look(state: LiveState, seat: Seat): void {
  const { lost } = seat;
  // Versions that cannot be answered go at once, whatever they stand behind.
  if (lost.length > 0)
    for (const ticket of lost.splice(0).sort((one, other) => one.number - other.number))
      supersede(state, seat, ticket);
  // One that has its outcome may have waited for one that was given up.
  answerAll(state, seat);
  while (!state.isStopped) {
    const ticket = nextOf(state, seat);
    if (!ticket) return;
    if (!isKnown(state, seat.node, ticket.version)) supersede(state, seat, ticket);
    else if (!take(state, seat, ticket)) return;
  }
}

/**
 * The next version to look at, which is the oldest that waits. Of several that are ready most nodes take the newest. No ticket is compared
 * a second time: what that found cannot change, because the older ones go first.
 */
function nextOf(state: LiveState, seat: Seat): Ticket | undefined {
  const { node, tickets, waiting } = seat;
  for (let ticket = tickets[seat.seen]; ticket?.missing === 0; ticket = tickets[seat.seen]) {
    const before = seat.seen > 0 ? tickets[seat.seen - 1] : undefined;
    if (!ticket.isWaiting) seat.seen++;
    else if (before && isAsAt(state, seat, before, ticket)) follow(state, seat, ticket, before);
    else {
      if (waiting.length > 0 && takesNewest(node) && isKnown(state, node, ticket.version))
        for (let older = waiting[0]; older; older = waiting[0])
          supersede(state, seat, older, newer);
      waiting.push(ticket);
      seat.seen++;
    }
  }
  return waiting[0];
}

/** Whether nothing that a node reads has changed from the version before, which has no answer yet. */
function isAsAt(state: LiveState, seat: Seat, before: Ticket, now: Ticket): boolean {
  const { node, answers } = seat;
  const { number } = before.version;
  if (now.changed || node.kind === 'close' || hearsMore(state, seat, number)) return false;
  // One between has been given up.
  if ((answers.last?.number ?? 0) > number) return false;
  return !hasChangedBeyond(state, node, number, now.version);
}

/** Answers a version, or begins to work on it. False where it has to wait, and with it all after it. */
function take(state: LiveState, seat: Seat, ticket: Ticket): boolean {
  const { node } = seat;
  const atWork = seat.newestBegun;
  const readsBeyond = (state.reach.beyond[node.index] as readonly number[]).length > 0;
  const isTold = hearsMore(state, seat, seat.answeredAt);
  const mayDiffer = ticket.changed || seat.isUnknown || readsBeyond || isTold;
  if (node.kind === 'close') {
    if (mayDiffer || ticket.started || isPartial(node, state.outcomes[node.index]))
      close(state, seat, ticket);
    else repeatAnswer(state, seat, ticket);
    return true;
  }
  if (!mayDiffer && !atWork) {
    repeatAnswer(state, seat, ticket);
    return true;
  }
  const view = viewAt(state, ticket.version);
  const params: Record<string, unknown> = {};
  const refused = refusal(node, view) ?? fillParams(node, view, params);
  if (
    !refused &&
    atWork?.params &&
    mayFollow(seat, atWork) &&
    !hearsMore(state, seat, atWork.version.number) &&
    sameParams(node, atWork.params, params)
  ) {
    follow(state, seat, ticket, atWork);
    return true;
  }
  const isAsBefore = !refused && !isTold && seat.params && sameParams(node, seat.params, params);
  if (isAsBefore && !beginsAnew(seat) && (!atWork || canGoBack(seat))) {
    supersedeOlder(state, seat, ticket);
    repeatAnswer(state, seat, ticket);
    return true;
  }
  const turn = turnOf(seat);
  if (turn === 'wait') return false;
  if (turn === 'drop') supersede(state, seat, ticket, droppedBy(node));
  else if (refused) refuse(state, seat, ticket, refused);
  else begin(state, seat, ticket, Object.freeze(params));
  return true;
}

/** Whether a step would hear more in the shared memory than it did at a version: steps before it have answered anew. */
const hearsMore = (state: LiveState, seat: Seat, since: number): boolean =>
  state.hasAdded &&
  mayHear(state, seat) &&
  earlier(state.plan, seat.node.index).some((before) => {
    const outcome = state.outcomes[before];
    const mayAdd = outcome?.status !== 'success' || outcome.adds;
    return mayAdd && state.seat(before).answeredAt > since;
  });

/** Whether a step asks what is in the shared memory. One that has not been called yet may. */
const mayHear = ({ hearers }: LiveState, seat: Seat): boolean =>
  hearers?.has(seat.node.index) || (seat.attempts === 0 && !seat.newestBegun);

/** A flow whose chunks are read, after a version that was given up: what it tells from then on is a stream of its own, as its steps may part from older ones. */
const beginsAnew = ({ node, isUnknown }: Seat): boolean =>
  node.kind === 'open' && isUnknown && node.startTargets.length > 0;

/** Whether what is at work can answer a newer version, too. Not where others have seen one between start, and be given up. */
const mayFollow = ({ starts }: Seat, { version }: Ticket): boolean =>
  starts.last?.value === starts.at(version.number)?.value;

/** Whether a step that works on something newer can just take its last answer back. */
const canGoBack = (seat: Seat): boolean =>
  outruns(seat.node) && turnOf(seat) === 'go' && !seat.keepsStarts;

/** A step that does not run. One that failed before it could is told as any other that failed. */
function refuse(state: LiveState, seat: Seat, ticket: Ticket, refused: Outcome): void {
  if (refused.status === 'failure' && seat.node.kind === 'step')
    endAtOnce(state, seat, ticket, nothing, refused);
  else conclude(state, seat, ticket, refused);
}

function endAtOnce(
  state: LiveState,
  seat: Seat,
  ticket: Ticket,
  params: Values,
  outcome: Outcome,
): void {
  startWork(state, seat, ticket, params);
  ticket.input = params;
  ticket.endedAt = state.time;
  conclude(state, seat, ticket, outcome);
}

function begin(state: LiveState, seat: Seat, ticket: Ticket, params: Values): void {
  const { node } = seat;
  if (outruns(node) && seat.node.settings.policy !== 'merge') supersedeOlder(state, seat, ticket);
  seat.begin(ticket);
  ticket.params = params;
  const end = (outcome: Outcome) => conclude(state, seat, ticket, outcome);
  if (node.kind === 'open') {
    startWork(state, seat, ticket, params);
    whenThere(state, ticket, checkedInput(node.scope.definition, params, node.path), end);
    return;
  }
  const { schema } = node;
  if (!schema) {
    work(state, seat, ticket, params);
    return;
  }
  whenThere(state, ticket, checkedParams(schema, params, node.path), (outcome) => {
    if (outcome.status === 'success') work(state, seat, ticket, outcome.value);
    else endAtOnce(state, seat, ticket, params, outcome);
  });
}

/** Goes on with an outcome that may take its time. */
function whenThere(
  state: LiveState,
  ticket: Ticket,
  outcome: Outcome | Promise<Outcome>,
  use: (outcome: Outcome) => void,
): void {
  if (!(outcome instanceof Promise)) {
    use(outcome);
    return;
  }
  void outcome.then((late) => {
    if (state.isStopped || ticket.isGone) return;
    const isOuter = state.enter();
    use(late);
    if (isOuter) state.goOn();
  });
}

/** All steps of a flow have answered. */
function close(state: LiveState, seat: Seat, ticket: Ticket): void {
  const { outcome, input, attempts } = closed(state, seat.node, viewAt(state, ticket.version));
  ticket.attempts = attempts;
  ticket.input = input;
  ticket.endedAt = state.time;
  conclude(state, seat, ticket, outcome);
}
