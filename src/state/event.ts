/** What a run tells: one discriminated union on `type`. Plain data, errors included, so that JSON carries it. */
import type { ErrorJson } from '../errors.ts';
import type { Additions, SkipDetail, SkipReason } from './outcome.ts';

/** Counts of an LLM call, such as `inputTokens`; counts of the same name are added up over a run. */
export type Usage = Readonly<Record<string, number>>;

export type StepEvent =
  /** A step begins its work. `anew`, in a live flow: what was told below it is of an older version, and void. */
  | { readonly type: 'STEP_START'; readonly input: unknown; readonly anew?: true }
  /** An intermediate value, as it comes. */
  | { readonly type: 'STEP_CHUNK'; readonly chunk: unknown }
  /** Attempt number `attempt` failed; the next one starts in `delay` ms. `anew`: what was told below the step is void. */
  | {
      readonly type: 'STEP_RETRY';
      readonly attempt: number;
      readonly delay: number;
      readonly error: ErrorJson;
      readonly anew?: true;
    }
  /** A step waits for an answer. */
  | { readonly type: 'STEP_WAIT'; readonly question: unknown }
  /** A step has ended: with `error` in failure, without in success. */
  | {
      readonly type: 'STEP_OUTPUT';
      readonly input: unknown;
      readonly output?: unknown;
      readonly error?: ErrorJson;
      readonly t0: number;
      readonly t1: number;
      readonly attempts: number;
      readonly usage?: Usage;
      /** What it adds to lists in the shared memory. */
      readonly adds?: Additions;
    }
  /** A step will not run. */
  | { readonly type: 'STEP_SKIP'; readonly reason: SkipReason; readonly detail: SkipDetail }
  /** A handler that did not heed its signal delivered after its step had ended. */
  | { readonly type: 'STEP_LATE'; readonly value?: unknown; readonly error?: ErrorJson };

export type RunEvent =
  | {
      readonly type: 'FLOW_START';
      readonly input: unknown;
      readonly flow: string;
      readonly parentId?: string;
      readonly metadata?: unknown;
      /** Shared memory that the run starts with. */
      readonly data?: Readonly<Record<string, unknown>>;
      /** The run goes on from where it was stored. */
      readonly resumed?: true;
      /** The run began as a copy of another one at that event. */
      readonly forkOf?: { readonly runId: string; readonly seq: number };
    }
  | {
      readonly type: 'FLOW_OUTPUT';
      readonly output: unknown;
      readonly usage?: Usage;
      /** Shared memory as the run leaves it. */
      readonly data?: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: 'FLOW_ERROR';
      readonly error: ErrorJson;
      readonly data?: Readonly<Record<string, unknown>>;
    }
  | { readonly type: 'FLOW_SUSPEND'; readonly questions: Readonly<Record<string, unknown>> }
  /** `current`, in a live flow: an older version that is still under way, and goes on. */
  | { readonly type: 'FLOW_CANCEL'; readonly reason: ErrorJson; readonly current?: number }
  /** The saver failed, and the run goes on without it (`durability: 'async'`). */
  | { readonly type: 'FLOW_UNSAVED'; readonly error: ErrorJson };

export type Change = StepEvent | RunEvent;

/** What every event carries, whatever its type. */
export interface EventPlace {
  readonly runId: string;
  /** The ids from the root of the run to the step, joined by `.`; empty for the run itself. */
  readonly path: string;
  /** The last of these ids; the flow's id for the run itself. */
  readonly stepId: string;
  /** 0, 1, 2 … without a gap over the whole run. */
  readonly seq: number;
  /** When, in ms since 1970. */
  readonly t: number;
  /** In a live flow, which input it belongs to: 1, 2, 3 … */
  readonly version?: number;
}

export type FlowEvent = EventPlace & Change;

/** Whether an event is the last one of its run, but for reports of late handlers. */
export const isFinal = ({ type }: Change): boolean =>
  type.startsWith('FLOW_') && type !== 'FLOW_START' && type !== 'FLOW_UNSAVED';

/** The counts so far, and those of one more step. */
export function summed(usage: Usage | undefined, more: Usage | undefined): Usage | undefined {
  if (!more) return usage;
  const sum: Record<string, number> = { ...usage };
  for (const [name, count] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
