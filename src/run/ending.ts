/** The end of a run: told once, and then nothing but what deaf handlers still deliver. */
import type { Change } from '../state/event.ts';

export interface EndingOptions {
  /** Tells the final change, perhaps later, and goes on then. */
  tell(change: Change, then: () => void): void;
  /** Stops all that is at work. */
  stop(): void;
  /** Lets go of everything that outlives the work. */
  close(): void;
  /** Nothing will be told any more. */
  silent(): void;
}

export class Ending {
  /** The end is on its way: nothing else may happen. */
  isEnding = false;
  /** It has been told. */
  isOver = false;
  private deaf = 0;
  private readonly options: EndingOptions;

  constructor(options: EndingOptions) {
    this.options = options;
  }

  /** Ends the run with a change that is told like any other, which may take its time. */
  with(change: Change, then: () => void): void {
    this.isEnding = true;
    this.options.stop();
    this.options.tell(change, () => this.now(then));
  }

  /** Ends the run at once. */
  now(then: () => void): void {
    this.isEnding = true;
    this.isOver = true;
    this.options.stop();
    then();
    this.options.close();
    this.fallSilent();
  }

  /** A handler that was stopped has not delivered yet (1), or now has (-1). */
  deafness(change: 1 | -1): void {
    this.deaf += change;
    if (this.isOver) this.fallSilent();
  }

  private fallSilent(): void {
    if (this.deaf === 0) this.options.silent();
  }
}
