/** How a step came to its end. Every step of a run has exactly one outcome, and it always travels on. */
import type { FlowError } from '../errors.ts';

export type Outcome =
  | { readonly status: 'success'; readonly value: unknown; readonly adds?: Additions | undefined }
  | { readonly status: 'failure'; readonly error: FlowError }
  | { readonly status: 'skipped'; readonly skip: Skip }
  | { readonly status: 'cancelled' };

/** What a step has added to lists in the shared memory, by the name of the list. */
export type Additions = Readonly<Record<string, readonly unknown[]>>;

export type SkipReason =
  | 'condition-false'
  | 'tool-not-called'
  | 'upstream-skipped'
  | 'upstream-failed'
  | 'missing-input'
  | 'not-needed'
  /** In a live flow: the version was given up, because a newer one came, or as the policy of a step has it. */
  | 'superseded';

/** Why a step did not run. */
export interface Skip {
  readonly reason: SkipReason;
  readonly detail: SkipDetail;
}

export interface SkipDetail {
  /** The reason in a sentence. */
  readonly message: string;
  /** The path of the step that the reason leads to, and so the next one to ask. */
  readonly source?: string;
  /** The link whose condition did not hold. */
  readonly link?: string;
  /** What the condition read. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** The param that has no value. */
  readonly param?: string;
}

export const success = (value: unknown, adds?: Additions): Outcome =>
  adds ? { status: 'success', value, adds } : { status: 'success', value };
export const failure = (error: FlowError): Outcome => ({ status: 'failure', error });
/** `tell` puts the detail together when somebody asks for it, which in most runs nobody does. It reads only what cannot change any more. */
export const skipped = (reason: SkipReason, tell: () => SkipDetail): Outcome => ({
  status: 'skipped',
  skip: new UntoldSkip(reason, tell),
});

class UntoldSkip implements Skip {
  readonly reason: SkipReason;
  private readonly tell: () => SkipDetail;
  private told: SkipDetail | undefined;

  constructor(reason: SkipReason, tell: () => SkipDetail) {
    this.reason = reason;
    this.tell = tell;
  }

  get detail(): SkipDetail {
    this.told ??= this.tell();
    return this.told;
  }
}

/** Whether an outcome keeps the steps after it from running: a failure, or a skip because of one. */
export const isPoison = (outcome: Outcome): boolean =>
  outcome.status === 'failure' ||
  (outcome.status === 'skipped' && outcome.skip.reason === 'upstream-failed');
