/** The gate of a run that is saved: events pass it when their commits are as safe as the durability asks. */
import { type MonoTypeOperatorFunction, Observable, Subject } from 'rxjs';
import { errorJson, FlowError } from '../errors.ts';
import { commitOf, wholeCommit } from '../state/commit.ts';
import { type Change, type FlowEvent, isFinal } from '../state/event.ts';
import type { Snapshot } from '../state/snapshot.ts';
import type { Durability, Saver } from './saver.ts';

export interface SavingOptions {
  readonly saver: Saver;
  readonly durability?: Durability | undefined;
  /** How many commits may wait to be durable under `async`, before the run waits for them. Default 1000. */
  readonly maxPending?: number | undefined;
  /** The state that is stored already. */
  readonly stored: Snapshot;
  /** The run was begun by another process, which may still be at it. */
  readonly isTakenOver?: boolean | undefined;
  /** The events up to this one are one commit: a fork begins with all that it takes over, or not at all. */
  readonly together?: number | undefined;
  /** Tells a change of the run itself. */
  readonly tell: (change: Change) => void;
}

interface Held {
  readonly event: FlowEvent;
  /** The commit that must be durable; -1 where none must. */
  readonly seq: number;
}

export function savingGate({
  saver,
  durability = 'async',
  maxPending = 1000,
  stored,
  isTakenOver = false,
  together = -1,
  tell,
}: SavingOptions): MonoTypeOperatorFunction<FlowEvent> {
  return (events$) =>
    new Observable((out) => {
      const commits = new Subject<ReturnType<typeof wholeCommit>>();
      const held: Held[] = [];
      const unsaved: number[] = [];
      let snapshot = stored;
      let durable = stored.seq;
      let head = 0;
      let isSaving = true;

      const mayPass = ({ event, seq }: Held): boolean => {
        if (!isSaving || seq <= durable) return true;
        // The first commit of a run that goes on shows that nobody else has taken it over.
        if (
          durability === 'sync' ||
          isFinal(event) ||
          (event.type === 'FLOW_START' && (event.resumed || isTakenOver))
        )
          return false;
        return durability === 'exit' || unsaved.length <= maxPending;
      };
      const release = (): void => {
        while (head < held.length && !out.closed && mayPass(held[head] as Held)) {
          const { event } = held[head++] as Held;
          if (head > 1000) {
            held.splice(0, head);
            head = 0;
          }
          out.next(event);
        }
      };
      const failed = (cause: unknown): void => {
        if (out.closed) return;
        const error = FlowError.is(cause)
          ? cause
          : new FlowError(
              'saver-failed',
              `The saver failed to store the run "${stored.runId}": ${messageOf(cause)}`,
              { cause },
            );
        isSaving = false;
        if (durability === 'async' && error.code !== 'stale-run') {
          tell({ type: 'FLOW_UNSAVED', error: errorJson(error) });
          release();
        } else out.error(error);
      };

      // Not ended with the run: what it was given last, it may still be storing.
      saver.save(commits).subscribe({
        next: (seq) => {
          durable = Math.max(durable, seq);
          while (unsaved.length > 0 && (unsaved[0] as number) <= durable) unsaved.shift();
          release();
        },
        error: failed,
        complete: () => {
          if (isSaving && unsaved.length > 0)
            failed(new Error('it ended its stream before everything was stored'));
        },
      });
      out.add(
        events$.subscribe({
          next: (event) => {
            const commit = isSaving ? commitOf(snapshot, event) : undefined;
            if (commit) snapshot = commit.snapshot;
            const isPart = commit !== undefined && commit.seq < together;
            held.push({ event, seq: commit && !isPart ? commit.seq : -1 });
            if (commit && !isPart) {
              if (durability !== 'exit') unsaved.push(commit.seq);
              const isWhole = durability === 'exit' || commit.seq === together;
              if (durability !== 'exit' || isFinal(event))
                commits.next(isWhole ? wholeCommit(stored, snapshot) : commit);
            }
            release();
          },
          error: (error: unknown) => out.error(error),
          complete: () => out.complete(),
        }),
      );
      out.add(() => commits.complete());
    });
}

const messageOf = (value: unknown): string =>
  typeof value === 'object' && value !== null && 'message' in value
    ? String(value.message)
    : String(value);
