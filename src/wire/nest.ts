/**
 * Runs inside of each other, and steps that run steps. The outer ones call the inner ones, as far as the stack is sure to hold. Further in,
 * one loop works all of them off, and whoever runs something inside of itself is at work until that has ended. So no depth is too deep for
 * the stack: on the way in, on the way back, to tell and to stop.
 */

/** Something to work off. */
interface Piece {
  /** Works until nothing is left, or until something has come up that goes first: then it says so with `true`. */
  work(): unknown;
}

/** How many pieces may be worked off within each other. Tests take one, to show that nothing depends on it. */
export const nested = { most: 8 };

export class Nest {
  /** What the piece at work has brought up: it goes first, in its order. Made when there is some: most runs have no other run inside of them. */
  private next: Piece[] | undefined;
  private level = 0;
  /** Made when something is told. */
  private told: Nest | undefined;
  private readonly most: number;

  constructor(most = nested.most) {
    this.most = most;
  }

  get hasNext(): boolean {
    return this.next !== undefined && this.next.length > 0;
  }

  private get isFree(): boolean {
    return this.level < this.most && !this.told?.level;
  }

  /** Works a piece off: at once, or before the one at work goes on. */
  push(piece: Piece): void {
    if (this.isFree) this.work(piece);
    else {
      this.next ??= [];
      this.next.push(piece);
    }
  }

  /** Tells what is on its way out. What that brings about comes after it. */
  tell(piece: Piece): void {
    this.told ??= new Nest(1);
    this.told.push(piece);
    if (this.isFree) this.work();
  }

  /** `before`: what comes after what comes up, the innermost last. */
  private work(first?: Piece, before?: Piece[]): void {
    let piece = first;
    let rest = before;
    this.level++;
    try {
      do {
        if (piece?.work()) {
          rest ??= [];
          rest.push(piece);
        }
        for (let next = this.next?.pop(); next; next = this.next?.pop()) {
          rest ??= [];
          rest.push(next);
        }
        piece = rest?.pop();
      } while (piece);
    } finally {
      this.level--;
      // What has thrown does not stop the others.
      if (rest?.length || this.hasNext) this.work(undefined, rest);
    }
  }
}

/** What is stopped, on its way in. */
export const stops = new Nest(1);
