/** What every run offers to the handlers that it calls, and to the steps that run below them. */

import { type Clock, schedulerClock } from '../wire/clock.ts';
import type { Delivered, Host, Recorded } from '../wire/host.ts';
import { Limiter } from '../wire/limiter.ts';
import { Questions } from '../wire/questions.ts';
import type { Logger } from '../wire/step.ts';
import { newRunId, type RunOptions } from './options.ts';
import type { Setup } from './setup.ts';

const nothing = Object.freeze({});

export abstract class Hosted implements Host {
  readonly runId: string;
  readonly depth: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limiter: Limiter | undefined;
  /** Shared memory as it was when the run began. */
  readonly memory: Readonly<Record<string, unknown>>;
  protected readonly options: RunOptions;
  protected readonly setup: Setup;
  private asked: Questions | undefined;

  constructor(options: RunOptions, setup: Setup) {
    const { clock = schedulerClock, logger = console, concurrency } = options;
    this.options = options;
    this.depth = setup.host ? (setup.host.depth ?? 0) + 1 : 0;
    this.setup = setup;
    this.clock = clock;
    this.logger = logger;
    this.runId = options.id ?? newRunId(clock.now());
    this.limiter = concurrency === undefined ? undefined : new Limiter(concurrency);
    this.memory = setup.memory ?? nothing;
  }

  // Made when somebody asks: most runs have none.
  get questions(): Questions {
    this.asked ??= this.setup.host?.questions ?? new Questions(this.setup.answers);
    return this.asked;
  }

  abstract readonly listening: boolean;
  abstract readonly isEnding: boolean;

  /** The path of a node of this plan from the root of the whole run. */
  readonly at = (path: string): string => {
    const { prefix } = this.setup;
    if (prefix === undefined) return path;
    return path === '' ? prefix : `${prefix}.${path}`;
  };

  recorded(path: string): Recorded | undefined {
    return this.setup.host ? this.setup.host.recorded(path) : this.setup.recorded?.(path);
  }

  /** A handler that was stopped delivers all the same: the run at the root tells of it. */
  late(path: string, stepId: string, delivered: Delivered): void {
    if (this.setup.host) this.setup.host.late(path, stepId, delivered);
    else this.tellLate(path, stepId, delivered);
  }

  abstract deafness(change: 1 | -1): void;
  protected abstract tellLate(path: string, stepId: string, delivered: Delivered): void;
}
