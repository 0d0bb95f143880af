/** A handler at work in virtual time: is it waiting for virtual time, or doing real work? */
import { asyncContext } from './context.ts';
import type { Patience } from './real-host.ts';

/**
 * A handler that is in flight and waits for no timer of its own must be doing real work: reading a
 * file, computing on another thread. It stands in `busy` then, and virtual time stands still.
 * What a handler within waits for, its surrounding handlers wait for too.
 */
export class Handler {
  readonly label: string;
  readonly parent: Handler | undefined;
  patience: Patience | undefined;
  /** The handlers at real work, of the virtual time that it belongs to. */
  readonly busy: Set<Handler>;
  private calls = 0;
  private holds = 0;
  private givenUp = false;

  constructor(label: string, busy: Set<Handler>, parent?: Handler) {
    this.label = label;
    this.busy = busy;
    this.parent = parent;
  }

  /** A call is under way until the answer of this function is called. */
  enter(): () => void {
    this.calls += 1;
    this.show();
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.calls -= 1;
      this.show();
    };
  }

  /** It waits for something virtual, until the answer of this function is called. */
  hold(): () => void {
    this.add(1);
    let held = true;
    return () => {
      if (held) this.add(-1);
      held = false;
    };
  }

  /** Its real work took too long: time goes on without it, until it waits for virtual time again. */
  giveUp(): void {
    this.givenUp = true;
    this.show();
  }

  private add(count: number): void {
    for (let handler: Handler | undefined = this; handler; handler = handler.parent) {
      handler.holds += count;
      if (count > 0) handler.givenUp = false;
      handler.show();
    }
  }

  private show(): void {
    if (this.calls > 0 && this.holds === 0 && !this.givenUp) {
      this.busy.add(this);
    } else {
      this.busy.delete(this);
      this.patience = undefined;
    }
  }
}

/** The handler whose code is running. Undefined outside of virtual time and on hosts without async contexts. */
export const current = asyncContext<Handler>();
