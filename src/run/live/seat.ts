/**
 * What a live run knows of one node: the versions of the input that it has yet to answer, and the answers that it gave.
 *
 * L1 A version that enters a node leaves it as one outcome, or is superseded: then its outcome is unknown from there on, until a later
 *    version is answered. Nobody runs on an outcome that is unknown.
 * L2 A node is asked at a version for what it had answered by then, never for something newer.
 * L3 A node takes its versions up in their order, and answers them in their order.
 * L4 Versions between which nothing has changed that a node reads have one fate there: one answer, or none for either.
 */
import type { Outcome, SkipDetail } from '../../state/outcome.ts';
import type { Call } from '../../wire/context.ts';
import type { PlanNode } from '../../wire/plan.ts';
import type { Work } from '../work.ts';
import { lastUpTo, removeAt } from './by-version.ts';
import { History } from './history.ts';
import type { Straight } from './straight.ts';

export type Values = Readonly<Record<string, unknown>>;

/** A handler that has been called on the short way, and has not answered yet. */
export interface Pending {
  readonly call: Call;
  readonly params: Values;
  /** The params as their schema gives them. */
  readonly given: unknown;
  readonly returned: unknown;
}

/** A version of the input on its way through the flow. */
export class Version {
  readonly number: number;
  /** How many nodes have yet to answer it. */
  left = 0;
  /** It has brought a new output. */
  hasNewOutput = false;
  /** Where its short way ends in the midst of a call. */
  pending: Pending | undefined = undefined;
  /** Why it was given up, where that was first. */
  lost: SkipDetail | undefined = undefined;

  constructor(number: number) {
    this.number = number;
  }
}

const none: readonly unknown[] = [];

/** One version at one node. */
export class Ticket {
  readonly version: Version;
  readonly number: number;
  /** How many sources have yet to answer. */
  missing = 0;
  /** One of them answered something new. */
  changed = false;
  /** One of them will never answer, and the node reads it. */
  isLost = false;
  /** The node has begun to work on it. */
  begun = false;
  /** An older version, not answered yet, from which nothing differs that the node reads: both have one fate. */
  leader: Ticket | undefined = undefined;
  /** It was told that the node started; of a flow, at its end too. */
  started = false;
  startedAt: number | undefined = undefined;
  /** It has been answered or superseded. */
  isGone = false;
  /** Steps below it that are at work, with their ids by path. */
  below: Map<string, string> | undefined = undefined;
  /** What the step is called with, before its schema. */
  params: Values | undefined = undefined;
  work: Work | undefined = undefined;
  /** The chunks that have come of it so far, where they are also those of a flow around. */
  chunks: unknown[] | undefined = undefined;
  /** Its outcome, as soon as that is there. It may have to wait for those of older versions. */
  result: Outcome | undefined = undefined;
  /** What is told of it: what the step was called with, how often, and when it ended. */
  input: unknown = undefined;
  attempts = 0;
  endedAt: number | undefined = undefined;

  constructor(version: Version) {
    this.version = version;
    this.number = version.number;
  }

  /** The node has neither begun to work on it, nor does it follow an older version. */
  get isWaiting(): boolean {
    return !this.begun && !this.leader;
  }
}

/** How a step started: what with, for those who read its params. Undefined where it did not run. */
export interface Start {
  readonly input: unknown;
  readonly at: number | undefined;
}

const noTickets: readonly Ticket[] = [];

export class Seat {
  readonly node: PlanNode;
  /** The oldest first. */
  readonly tickets: Ticket[] = [];
  /** So many of them, at the front, have been compared with the one before. */
  seen = 0;
  /** Those of them that wait for their turn. Versions are taken up in their order. */
  readonly waiting: Ticket[] = [];
  /** How many it works on. Those that have an outcome need no work. */
  atWork = 0;
  /** Those that are complete and cannot be answered. */
  readonly lost: Ticket[] = [];
  /** By version. Undefined where it is unknown. Without any entry, the newest answer has held as long as anyone may ask. */
  readonly answers = new History<Outcome | undefined>();
  readonly starts = new History<Start | undefined>();
  /** How it started is kept. */
  readonly keepsStarts: boolean;
  /** The params of the newest answer that is known; none where the step did not run. */
  params: Values | undefined = undefined;
  /** What is told of that answer, which came at this version. */
  answeredAt = 0;
  /** The params, where it is nothing else. */
  input: unknown = undefined;
  attempts = 0;
  t0: number | undefined = undefined;
  t1: number | undefined = undefined;
  /** Its answer has been told, but then that newer work on it was given up, for this reason: it must be told again. */
  givenUp: SkipDetail | undefined = undefined;
  /** Nothing has to be decided as long as all before it has succeeded. */
  readonly straight: Straight | undefined;
  /** Something has been told below it. */
  hasBelow = false;
  /** The context of its last call on the straight way. */
  call: Call | undefined = undefined;
  /** Others read its params or its chunks. */
  readonly isWatched: boolean;
  /** Its chunks are also those of a flow around. */
  readonly feedsFlow: boolean;
  /** The chunks of the newest answer, if so. */
  chunks: readonly unknown[] = none;

  /** `isStreamed`: others read its chunks. */
  constructor(node: PlanNode, isStreamed: boolean, straight: Straight | undefined) {
    this.node = node;
    this.straight = straight;
    this.isWatched = node.kind !== 'close' && (node.keepsInput || isStreamed);
    this.keepsStarts = node.kind === 'open' || this.isWatched;
    this.feedsFlow = node.streams.some((stream) => stream !== node.index);
  }

  /** Whether the newest answer is unknown. */
  get isUnknown(): boolean {
    const { last } = this.answers;
    return last !== undefined && last.value === undefined;
  }

  /** Notes, on the short way, with what params the node was asked, and what it was called with in the end. */
  note(params: Values | undefined, input: unknown, attempts: number): void {
    this.params = params;
    this.input = input === params ? undefined : input;
    this.attempts = attempts;
    this.t0 = undefined;
    this.t1 = undefined;
  }

  add(version: Version): Ticket {
    const ticket = new Ticket(version);
    this.tickets.push(ticket);
    return ticket;
  }

  /** The ticket of the newest version that has come by. */
  get newest(): Ticket | undefined {
    return this.tickets[this.tickets.length - 1];
  }

  ticket(version: Version): Ticket | undefined {
    const ticket = this.tickets[lastUpTo(this.tickets, version.number)];
    return ticket?.version === version ? ticket : undefined;
  }

  follow(ticket: Ticket, leader: Ticket): void {
    this.leave(ticket);
    ticket.leader = leader;
  }

  begin(ticket: Ticket): void {
    this.leave(ticket);
    ticket.begun = true;
    this.atWork++;
  }

  /** It has its outcome, perhaps before it began. */
  end(ticket: Ticket, result: Outcome): void {
    if (!ticket.begun) this.begin(ticket);
    ticket.result = result;
    this.atWork--;
  }

  remove(ticket: Ticket): void {
    this.leave(ticket);
    if (ticket.begun && !ticket.result) this.atWork--;
    ticket.isGone = true;
    const at = lastUpTo(this.tickets, ticket.number);
    if (at < this.seen) this.seen--;
    removeAt(this.tickets, at);
  }

  /** It waits no longer. */
  private leave(ticket: Ticket): void {
    if (!ticket.isWaiting) return;
    const { waiting } = this;
    const at = lastUpTo(waiting, ticket.number);
    if (waiting[at] === ticket) removeAt(waiting, at);
  }

  /** The versions that share the fate of one. */
  followersOf(ticket: Ticket): readonly Ticket[] {
    const { tickets } = this;
    const first = lastUpTo(this.tickets, ticket.number) + 1;
    if (!tickets[first]?.leader) return noTickets;
    let end = first;
    while (tickets[end]?.leader) end++;
    return tickets.slice(first, end);
  }

  /** The newest version that it works on. */
  get newestBegun(): Ticket | undefined {
    const [next] = this.waiting;
    const at = next ? lastUpTo(this.tickets, next.number) : this.seen;
    const last = at > 0 ? this.tickets[at - 1] : undefined;
    return last?.leader ?? last;
  }
}

/** The stream that a node starts. A flow is known by its end. */
export const streamOf = ({ kind, scope, index }: PlanNode): number =>
  kind === 'open' ? scope.close : index;

/** Why an output is missing is a long story: it may be another one now, though its last sentence is the same. */
export const isPartial = (node: PlanNode, outcome: Outcome | undefined): boolean =>
  outcome?.status !== 'success' || Object.keys(outcome.value as Values).length < node.params.length;
