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
  <Input, Output>(begin: Begin<Input, Output>, most: number): OperatorFunction<Input, Output> =>
  (source) =>
    new Observable((out) => {
      source.subscribe(new Turns(begin, most, out));
    });

// So many are begun before their places are given back.
const batch = 4096;

class Turns<Input, Output> extends Subscriber<Input> {
  private readonly atWork = new WorkList();
  private readonly waiting: Input[] = [];
  private head = 0;
  private active = 0;
  private isComplete = false;
  private isGoingOn = false;
  private readonly begin: Begin<Input, Output>;
  private readonly most: number;
  readonly out: Subscriber<Output>;

  constructor(begin: Begin<Input, Output>, most: number, out: Subscriber<Output>) {
    super(out);
    this.begin = begin;
    this.most = most;
    this.out = out;
    out.add({ unsubscribe: () => this.atWork.stop() });
  }

  protected override _next(input: Input): void {
    if (this.active < this.most) this.take(input);
    else this.waiting.push(input);
  }

  protected override _complete(): void {
    this.isComplete = true;
    this.unsubscribe();
    this.completeAtEnd();
  }

  private get isWaiting(): boolean {
    return this.head < this.waiting.length;
  }

  ended(turn: Turn<Output>): void {
    this.atWork.delete(turn);
    this.active--;
    if (this.isGoingOn) return;
    this.isGoingOn = true;
    while (this.active < this.most && this.isWaiting && !this.out.closed) {
      this.take(this.waiting[this.head++] as Input);
      if (this.head === batch) {
        this.waiting.splice(0, batch);
        this.head = 0;
      }
    }
    this.isGoingOn = false;
    this.completeAtEnd();
  }

  private take(input: Input): void {
    const turn = new Turn(this);
    this.atWork.add(turn);
    this.active++;
    try {
      this.begin(input, turn);
    } catch (error) {
      turn.error(error);
    }
  }

  private completeAtEnd(): void {
    if (this.isComplete && this.active === 0 && !this.isWaiting) this.out.complete();
  }
}

/** One input at work. */
class Turn<Output> extends Work implements Out<Output> {
  private readonly turns: Pick<Turns<never, Output>, 'out' | 'ended'>;
  private underWay: Unsubscribable | undefined;

  constructor(turns: Pick<Turns<never, Output>, 'out' | 'ended'>) {
    super();
    this.turns = turns;
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
