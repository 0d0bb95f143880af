/**
 * What a live run knows of one node: the versions of the input that it has yet to answer, and the answers that it gave.
 *
 * L1 A version that enters a node leaves it as one outcome, or is superseded: then its outcome is unknown from there on, until a later
 *    version is answered. Nobody runs on an outcome that is unknown.
 * L2 A node is asked at a version for what it had answered by then, never for something newer.
 */
import type { Outcome } from '../../state/outcome.ts';
import type { PlanNode } from '../../wire/plan.ts';
import type { StepWork } from '../work.ts';

/** One version on its way through one node. */
export interface Ticket {
  readonly version: number;
  /** How many sources have yet to answer for the version. */
  missing: number;
  /** Whether one of them answered something new. */
  changed: boolean;
  /** The node has begun to work on it. */
  begun: boolean;
  /** The steps that read its chunks have been told that it started. */
  started: boolean;
  startedAt: number;
  /** What the step is called with, before its schema. */
  params: Readonly<Record<string, unknown>> | undefined;
  work: StepWork | undefined;
  /** An outcome that waits for those of older versions. */
  result: Outcome | undefined;
}

interface Answer {
  readonly version: number;
  /** Undefined where it is unknown: the version was superseded. */
  readonly outcome: Outcome | undefined;
}

export class Seat {
  readonly node: PlanNode;
  /** The oldest first. */
  readonly tickets: Ticket[] = [];
  /** What was last answered, and for which params; none where the step did not run. */
  outcome: Outcome | undefined;
  params: Readonly<Record<string, unknown>> | undefined;
  hasStarted = false;
  private readonly answers: Answer[] = [];

  constructor(node: PlanNode) {
    this.node = node;
  }

  add(version: number): Ticket {
    const ticket: Ticket = {
      version,
      missing: 0,
      changed: false,
      begun: false,
      started: false,
      startedAt: 0,
      params: undefined,
      work: undefined,
      result: undefined,
    };
    this.tickets.push(ticket);
    return ticket;
  }

  ticket(version: number): Ticket | undefined {
    for (let i = this.tickets.length - 1; i >= 0; i--) {
      const ticket = this.tickets[i] as Ticket;
      if (ticket.version === version) return ticket;
    }
    return undefined;
  }

  remove(ticket: Ticket): void {
    if (this.tickets[0] === ticket) this.tickets.shift();
    else this.tickets.splice(this.tickets.indexOf(ticket), 1);
  }

  /** The newest version that the node works on. */
  get newestBegun(): Ticket | undefined {
    for (let i = this.tickets.length - 1; i >= 0; i--) {
      const ticket = this.tickets[i] as Ticket;
      if (ticket.begun) return ticket;
    }
    return undefined;
  }

  /** Whether the newest answer is unknown. */
  get isUnknown(): boolean {
    const newest = this.answers[this.answers.length - 1];
    return newest !== undefined && newest.outcome === undefined;
  }

  /** Takes an answer in. `oldest` is the oldest version that anyone may still ask at. */
  answer(version: number, outcome: Outcome | undefined, oldest: number): void {
    const { answers } = this;
    let at = answers.length;
    while (at > 0 && (answers[at - 1] as Answer).version > version) at--;
    if (at === answers.length) answers.push({ version, outcome });
    else answers.splice(at, 0, { version, outcome });
    let needed = answers.length - 1;
    while (needed > 0 && (answers[needed] as Answer).version > oldest) needed--;
    if (needed > 0) answers.splice(0, needed);
  }

  /** The answer that holds at a version. */
  at(version: number): Answer | undefined {
    for (let i = this.answers.length - 1; i >= 0; i--) {
      const answer = this.answers[i] as Answer;
      if (answer.version <= version) return answer;
    }
    return undefined;
  }

  isNewest(answer: Answer): boolean {
    return answer === this.answers[this.answers.length - 1];
  }
}
