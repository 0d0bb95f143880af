/** What a step of the library may put among its chunks that is no chunk. Users' handlers never see any of it. */
import type { Change } from '../state/event.ts';

export class Aside {}

/** A change of a step below, on its way up to the root, where it is told. */
export class Below extends Aside {
  /** From the root of the run. */
  readonly path: string;
  readonly stepId: string;
  readonly change: Change;

  constructor(path: string, stepId: string, change: Change) {
    super();
    this.path = path;
    this.stepId = stepId;
    this.change = change;
  }
}

/** A chunk that a step below has told already: it goes to the readers of this step's chunks, and is not told again. */
export class Through extends Aside {
  readonly chunk: unknown;

  constructor(chunk: unknown) {
    super();
    this.chunk = chunk;
  }
}

/** The result of a stream that is not its last chunk. */
export class Result extends Aside {
  readonly result: unknown;

  constructor(result: unknown) {
    super();
    this.result = result;
  }
}

/** What a step adds to a list in the shared memory of its run. It counts only if the step succeeds. */
export class Adds extends Aside {
  readonly name: string;
  readonly items: readonly unknown[];

  constructor(name: string, items: readonly unknown[]) {
    super();
    this.name = name;
    this.items = items;
  }
}

/** A step waits for an answer. */
export class Asked extends Aside {
  readonly question: unknown;

  constructor(question: unknown) {
    super();
    this.question = question;
  }
}
