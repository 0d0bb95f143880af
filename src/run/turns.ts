/** Inputs that take turns: so many are at work at once, and the others wait. */
import { Observable, type OperatorFunction, Subscriber, type Unsubscribable } from 'rxjs';
import { Work, WorkList } from './work.ts';

/** Who gets what comes of one input. */
export interface Out<Output> {
  readonly closed: boolean;
  next(output: Output): void;
  error(error: unknown): void;
  complete(): void;
  /** Takes what stops the work on the input. */
  add(stop: Unsubscribable): void;
}

/** Works on one input: at once, or by and by. */
export type Begin<Input, Output> = (input: Input, out: Out<Output>) => void;

/**
 * What `mergeMap` does, but in a loop: there, what answers at once and had to wait is begun from within what it waited for, and some
 * hundred such inputs are too many for the stack.
 */
export const inTurns =
  <Input, Output>(
    begin: Begin<Input, Output>,
    most = Number.POSITIVE_INFINITY,
  ): OperatorFunction<Input, Output> =>
  (source) =>
    new Observable((out) => {
      source.subscribe(new Turns(begin, most, out));
    });

class Turns<Input, Output> extends Subscriber<Input> {
  private readonly atWork = new WorkList();
  /** Made when somebody has to wait. */
  private waiting: Set<Turn<Input, Output>> | undefined;
  private active = 0;
  private isComplete = false;
  private isGoingOn = false;
  private readonly most: number;
  readonly begin: Begin<Input, Output>;
  readonly out: Subscriber<Output>;

  constructor(begin: Begin<Input, Output>, most: number, out: Subscriber<Output>) {
    super();
    this.begin = begin;
    this.most = most;
    this.out = out;
    out.add(() => {
      this.unsubscribe();
      this.atWork.stop();
    });
  }

  protected override _next(input: Input): void {
    const turn = new Turn(this, input);
    if (this.active < this.most) this.take(turn);
    else {
      this.waiting ??= new Set();
      this.waiting.add(turn);
    }
  }

  protected override _error(error: unknown): void {
    this.out.error(error);
  }

  protected override _complete(): void {
    this.isComplete = true;
    this.unsubscribe();
    this.goOn();
  }

  ended(turn: Turn<Input, Output>): void {
    this.atWork.delete(turn);
    this.active--;
    this.goOn();
  }

  private goOn(): void {
    if (this.isGoingOn) return;
    this.isGoingOn = true;
    for (const turn of this.waiting ?? none) {
      if (this.active === this.most || this.out.closed) break;
      this.waiting?.delete(turn);
      this.take(turn);
    }
    this.isGoingOn = false;
    if (this.isComplete && this.active === 0) this.out.complete();
  }

  private take(turn: Turn<Input, Output>): void {
    this.atWork.add(turn);
    this.active++;
    turn.begin();
  }
}

const none: readonly never[] = [];

/** One input: waiting, or at work. */
class Turn<Input, Output> extends Work implements Out<Output> {
  private readonly turns: Turns<Input, Output>;
  private readonly input: Input;
  private underWay: Unsubscribable | undefined;

  constructor(turns: Turns<Input, Output>, input: Input) {
    super();
    this.turns = turns;
    this.input = input;
  }

  begin(): void {
    try {
      this.turns.begin(this.input, this);
    } catch (error) {
      this.error(error);
    }
  }

  add(underWay: Unsubscribable): void {
    this.underWay = underWay;
    if (this.closed) underWay.unsubscribe();
  }

  next(output: Output): void {
    if (!this.closed) this.turns.out.next(output);
  }

  error(error: unknown): void {
    if (this.closed) return;
    this.closed = true;
    this.turns.out.error(error);
  }

  complete(): void {
    if (this.closed) return;
    this.closed = true;
    this.turns.ended(this);
  }

  stop(): void {
    this.closed = true;
    this.underWay?.unsubscribe();
  }
}
