/** How a run is set up: who hears of it, and what it takes over from a run before it or around it. */
import type { MonoTypeOperatorFunction } from 'rxjs';
import type { FlowError } from '../errors.ts';
import type { Change, FlowEvent } from '../state/event.ts';
import type { Snapshot } from '../state/snapshot.ts';
import type { Host, Recorded } from '../wire/host.ts';

/** Who hears of a run. */
export interface Listener {
  event?(event: FlowEvent): void;
  /** A chunk of the run's outputs. */
  chunk?(chunk: unknown): void;
  output(output: unknown): void;
  error(error: FlowError): void;
  /** Ends the run when it waits for answers only. Without it the run stays open for them. */
  suspended?(questions: Readonly<Record<string, unknown>>, runId: string): void;
  /** Nothing will be told any more, not even by deaf handlers. */
  silent?(): void;
}

export interface Setup {
  /** The path of the step around the run, where there is one, and the run that this step belongs to. */
  readonly prefix?: string | undefined;
  readonly host?: Host | undefined;
  /** Saves the run. A gate of its options stands before it. */
  readonly gate?: MonoTypeOperatorFunction<FlowEvent> | undefined;
  /** What became of a step when the run was stored. */
  readonly recorded?: ((path: string) => Recorded | undefined) | undefined;
  /** The state that it goes on from: its events are counted on, and what its steps have used counts. */
  readonly before?: Snapshot | undefined;
  /** The input has been checked when the run was first started. */
  readonly isChecked?: boolean;
  readonly forkOf?: { readonly runId: string; readonly seq: number } | undefined;
  /** What a fork tells of the steps that it takes over. */
  readonly retold?: ReadonlyMap<string, Change>;
  /** Shared memory that the run starts with. */
  readonly memory?: Readonly<Record<string, unknown>> | undefined;
  /** Answers that are given before their questions are asked again. */
  readonly answers?: Readonly<Record<string, unknown>> | undefined;
}
