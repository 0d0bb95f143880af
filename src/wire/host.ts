/** The run around a call of a handler, as the call sees it. */
import type { Observable } from 'rxjs';
import type { ErrorJson, FlowError } from '../errors.ts';
import type { Outcome } from '../state/outcome.ts';
import type { Clock } from './clock.ts';
import type { Limiter } from './limiter.ts';
import type { Nest } from './nest.ts';
import type { Questions } from './questions.ts';
import type { Logger } from './step.ts';

/** The run around a call. */
export interface Host {
  /** It has ended, or its end is on its way: nothing else may happen. */
  readonly isEnding: boolean;
  readonly runId: string;
  /** How many runs it runs inside of. */
  readonly depth?: number;
  /** The runs inside of each other that it is one of. A live run is none of them: what it runs inside of itself begins a nest of its own. */
  readonly nest?: Nest;
  /** Fails the outermost of them at once: nothing is tried again. */
  giveUp?(error: FlowError): void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The limit of the whole run, where it has one. */
  readonly limiter?: Limiter | undefined;
  /** Whether anyone hears what steps below tell. */
  readonly listening: boolean;
  /** Emits when somebody begins to hear, in a live flow that nobody hears. */
  readonly heard?: Observable<void> | undefined;
  /** A handler that was stopped has not delivered yet (1), or now has (-1). */
  deafness(change: 1 | -1): void;
  late(path: string, stepId: string, delivered: Delivered): void;
  /** What became of a step when the run was stored. */
  recorded(path: string): Recorded | undefined;
  /** The step at a path is tried again: what is on record below it counts no more. */
  forget?(path: string): void;
  readonly questions: Questions;
  /** Something has happened: it looks whether anything but answers is waited for. */
  look?(): void;
  /** Whether whoever has these params waits for chunks of a step that is still at work. */
  isReading?(params: unknown): boolean | undefined;
}

/** What a handler delivers after it was stopped. */
export interface Delivered {
  readonly value?: unknown;
  readonly error?: ErrorJson;
}

/** A step as it stood when the run was stored; without an outcome it was at work. */
export interface Recorded {
  readonly input: unknown;
  readonly outcome: Outcome | undefined;
}
