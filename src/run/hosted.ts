/** What every run offers to the handlers that it calls, and to the steps that run below them. */

import type { Outcome } from '../state/outcome.ts';
import { nearest } from '../state/table.ts';
import { type Clock, schedulerClock } from '../wire/clock.ts';
import type { Delivered, Host, Recorded } from '../wire/host.ts';
import { Limiter } from '../wire/limiter.ts';
import { Nest } from '../wire/nest.ts';
import type { Plan } from '../wire/plan.ts';
import { Questions } from '../wire/questions.ts';
import type { Logger } from '../wire/step.ts';
import { idOf, type RunOptions } from './options.ts';
import type { Setup } from './setup.ts';

const nothing = Object.freeze({});

export abstract class Hosted implements Host {
  readonly clock: Clock;
  readonly limiter: Limiter | undefined;
  readonly nest: Nest;
  readonly options: RunOptions;
  readonly setup: Setup;
  abstract readonly plan: Plan;
  abstract readonly outcomes: readonly (Outcome | undefined)[];
  /** The nodes that have asked what is in the shared memory. */
  hearers: Set<number> | undefined;
  private id: string | undefined;
  protected asked: Questions | undefined;
  /** Steps that are tried again: what is recorded of them and below them is void. */
  private forgotten: Set<string> | undefined;

  constructor(options: RunOptions, setup: Setup) {
    const { clock = schedulerClock, concurrency } = options;
    this.options = options;
    this.setup = setup;
    this.nest = setup.host?.nest ?? new Nest();
    this.clock = clock;
    this.limiter = concurrency === undefined ? undefined : new Limiter(concurrency);
  }

  // Made when somebody asks: in most runs that nobody hears nobody does.
  get runId(): string {
    this.id ??= this.setup.host?.runId ?? idOf(this.options);
    return this.id;
  }

  get depth(): number {
    const { host } = this.setup;
    return host ? (host.depth ?? 0) + 1 : 0;
  }

  get logger(): Logger {
    return this.options.logger ?? console;
  }

  /** Shared memory as it was when the run began. */
  get memory(): Readonly<Record<string, unknown>> {
    return this.setup.memory ?? nothing;
  }

  // Made when somebody asks: most runs have none.
  get questions(): Questions {
    this.asked ??= this.setup.host?.questions ?? new Questions(this.setup.answers);
    return this.asked;
  }

  abstract readonly listening: boolean;
  abstract readonly isEnding: boolean;

  /** The path of a node of this plan from the root of the whole run. */
  at(path: string): string {
    const { prefix } = this.setup;
    if (prefix === undefined) return path;
    return path === '' ? prefix : `${prefix}.${path}`;
  }

  recorded(path: string): Recorded | undefined {
    const { forgotten } = this;
    if (forgotten && nearest(path, (at) => forgotten.has(at))) return undefined;
    return (this.setup.host ?? this.setup).recorded?.(path);
  }

  forget(path: string): void {
    const { host, recorded } = this.setup;
    if (host) host.forget?.(path);
    else if (recorded?.(path)) {
      this.forgotten ??= new Set();
      this.forgotten.add(path);
    }
  }

  /** A node asks what is in the shared memory. */
  remember(node: number): void {
    this.hearers ??= new Set();
    this.hearers.add(node);
  }

  /** A handler that was stopped delivers all the same: the run at the root tells of it. */
  late(path: string, stepId: string, delivered: Delivered): void {
    if (this.setup.host) this.setup.host.late(path, stepId, delivered);
    else this.tellLate(path, stepId, delivered);
  }

  abstract deafness(change: 1 | -1): void;
  protected abstract tellLate(path: string, stepId: string, delivered: Delivered): void;
}
