/** What a handler gets beside its params. */
import { isAbort } from '../errors.ts';
import type { Host } from './host.ts';
import type { Blockables } from './limiter.ts';
import type { ToolLink } from './plan.ts';
import type { Logger, Step, StepContext } from './step.ts';

/** What a call needs to know of its step. */
export interface Callee {
  readonly id: string;
  readonly path: string;
  readonly step: Step;
  /** The steps that it offers to a model. */
  readonly tools?: readonly ToolLink[] | undefined;
}

/** For code of the library that runs steps below a step. Users' handlers never see it. */
export const hostOf = Symbol('host');

const none: readonly never[] = [];

export class Call implements StepContext {
  readonly path: string;
  readonly attempt: number;
  readonly [hostOf]: Host;
  readonly tools: readonly ToolLink[];
  /** What runs below the call. */
  declare below?: Blockables;
  #abort: AbortController | undefined;

  constructor(host: Host, { path, tools = none }: Callee, attempt: number) {
    this[hostOf] = host;
    this.path = path;
    this.attempt = attempt;
    this.tools = tools;
  }

  get runId(): string {
    return this[hostOf].runId;
  }

  get idempotencyKey(): string {
    return `${this.runId}:${this.path}`;
  }

  // Made on demand: creating and aborting a signal costs more than most synchronous steps.
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  get log(): Logger {
    const { logger } = this[hostOf];
    const at = `[${this.runId} ${this.path}]`;
    const writes =
      (level: keyof Logger) =>
      (...values: unknown[]): void => {
        try {
          logger[level](at, ...values);
        } catch {} // what cannot be logged must not undo the work
      };
    return {
      debug: writes('debug'),
      info: writes('info'),
      warn: writes('warn'),
      error: writes('error'),
    };
  }

  /** Somebody may want to hear that it is stopped. Where nobody does, the next call of the step may have the same context. */
  get hasSignal(): boolean {
    return this.#abort !== undefined;
  }

  abort(): void {
    this.#abort?.abort(new DOMException(`Step "${this.path}" was stopped.`, 'AbortError'));
  }

  heeds(error: unknown): boolean {
    return (
      this.#abort?.signal.aborted === true &&
      (error === this.#abort.signal.reason || isAbort(error))
    );
  }
}
