/** What a flow is: steps, links, where their params come from, outputs. Plain data but for the code of the steps. */
import type { Binding } from './binding.ts';
import type { Condition } from './condition.ts';
import type { Schema } from './schema.ts';

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** What the graph knows of a step's code: what goes in, what comes out, and what kind it is. */
export interface StepShape {
  readonly input?: Schema | undefined;
  readonly output?: Schema | undefined;
  readonly chunk?: Schema | undefined;
  readonly description?: string | undefined;
  readonly metadata?: Readonly<Record<string, Json>> | undefined;
  readonly isLlm?: boolean | undefined;
  /** A flow used as a step. */
  readonly definition?: FlowDefinition | undefined;
}

/** Which of its links must be active before a step runs. */
export type JoinPolicy = 'any' | 'all' | 'settled';

/** What a step of a live flow does with a new version while it still works on an older one. */
export type Policy = 'switch' | 'concat' | 'merge' | 'exhaust' | 'conflate';

export interface Retry {
  /** How many times a failed attempt is tried again. */
  readonly count: number;
  /** Wait before the next attempt, in ms. Default 0. */
  readonly delay?: number;
  /** `fixed` (default): the same delay each time. `exponential`: twice the delay each time. */
  readonly backoff?: 'fixed' | 'exponential';
  /** Longest delay, in ms. */
  readonly maxDelay?: number;
  /** Takes up to this share of the delay away at random, 0 to 1. Default 0. */
  readonly jitter?: number;
  /** Whether this error is worth another attempt. By default every one but validation errors. */
  readonly when?: (error: unknown, attempt: number) => boolean;
}

/** Limits in ms: of one attempt, of all attempts with their delays, and of the silence between chunks. */
export interface Timeout {
  readonly attempt?: number;
  readonly total?: number;
  readonly idle?: number;
}

export interface Cache<Params = never> {
  /** What makes two calls the same. By default the params as JSON. */
  readonly key?: (params: Params) => string;
  /** How long a result is good, in ms. Default: for ever. */
  readonly ttl?: number;
  /** How many results are kept; the least recently used goes first. Default 100. */
  readonly max?: number;
}

/** How a step runs, beside its code and its params. */
export interface StepSettings {
  readonly when?: Condition;
  /** `any` (default): one active link is enough. `all`: every one. `settled`: none; failures are no obstacle either. */
  readonly join?: JoinPolicy;
  readonly retry?: Retry;
  readonly timeout?: Timeout;
  /** The result when all attempts have failed: a value, or a function of the error and the params. */
  readonly fallback?: unknown;
  readonly cache?: Cache;
  /** How many attempts of this step may be at work at once, over all runs of the process. */
  readonly concurrency?: number;
  readonly policy?: Policy;
  /** How many versions may wait under `concat`, and under `merge` with `concurrency`. Default 1000. */
  readonly maxPending?: number;
  /** Whether a new result is the same as the last one; then a live flow does not go on from it. Default `Object.is`. */
  readonly equals?: (last: never, next: never) => boolean;
  readonly metadata?: Readonly<Record<string, Json>>;
}

export interface FlowOptions<Input = unknown> {
  /** What the flow takes. Without it, the inputs are the names that its steps read. */
  readonly input?: Schema<Input, unknown>;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, Json>>;
}

export interface StepEntry<Step extends StepShape = StepShape> {
  readonly id: string;
  readonly step: Step;
  readonly settings: StepSettings;
}

export interface LinkOptions {
  readonly when?: Condition;
  /** Which outcome of its source makes the link active. Default `success`. */
  readonly on?: 'success' | 'failure' | 'settled';
  readonly isTool?: boolean;
  readonly isToolResult?: boolean;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, Json>>;
}

/** A link as its author states it. */
export interface StatedLink extends LinkOptions {
  readonly from: string;
  readonly to: string;
}

/** A link as the flow has it: stated, derived from what a step reads, or both. One per ordered pair. */
export interface Link extends StatedLink {
  readonly id: string;
  readonly on: 'success' | 'failure' | 'settled';
  /** Nobody stated it: it follows from the data. */
  readonly derived: boolean;
  /** It carries chunks only: its target starts when its source starts. */
  readonly stream: boolean;
  /**
   * It helps to decide whether its target runs. A link that only the condition of another link reads, or whose data has a default, is
   * waited for and does not.
   */
  readonly counts: boolean;
  /** All that is read over it has a default: then neither a skip nor a failure of its source is an obstacle. */
  readonly optional: boolean;
}

/** A flow, checked and complete. Nothing of it changes any more. */
export interface FlowDefinition<Step extends StepShape = StepShape> {
  readonly id: string;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, Json>>;
  readonly input?: Schema;
  readonly steps: ReadonlyMap<string, StepEntry<Step>>;
  /** By target, then by source; both in the order of their ids. */
  readonly linksInto: ReadonlyMap<string, readonly Link[]>;
  /** What was written down of it, to make it again with other steps. */
  readonly written: {
    readonly options: FlowOptions;
    readonly inputs: ReadonlyMap<string, Binding>;
    /** Stated links by target, then by source. */
    readonly linksInto: ReadonlyMap<string, ReadonlyMap<string, StatedLink>>;
  };
  /** Where the params of each step come from. */
  readonly params: ReadonlyMap<string, ReadonlyMap<string, Binding>>;
  /** Defaults and other names for inputs of the flow. */
  readonly inputs: ReadonlyMap<string, Binding>;
  /** What the flow leaves in the shared memory, for the runs that continue it; and reads there, as they left it. */
  readonly memory: ReadonlyMap<string, Binding>;
  readonly outputs: ReadonlyMap<string, Binding>;
  /** Step ids, each after all that it has links from; independent of the order in which they were added. */
  readonly order: readonly string[];
}

/** The links over which steps offer a step as a tool. */
export const toolLinksInto = ({ linksInto }: FlowDefinition, id: string): readonly Link[] =>
  (linksInto.get(id) ?? []).filter((link) => link.isTool);

export const linkId = (from: string, to: string): string => `${from}->${to}`;
