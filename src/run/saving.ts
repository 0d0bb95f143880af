/** The gate of a run that is saved: events pass it when their commits are as safe as the durability asks. */
import { defer, type MonoTypeOperatorFunction, Observable, Subject } from 'rxjs';
import { errorJson } from '../errors.ts';
import { type Commit, Commits } from '../state/commit.ts';
import { type Change, type FlowEvent, isFinal } from '../state/event.ts';
import type { Snapshot } from '../state/snapshot.ts';
import { saverFailed } from './changes.ts';
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
      const commits = new Subject<Commit>();
      const held: Held[] = [];
      const unsaved: number[] = [];
      const made = new Commits(stored);
      let since = stored;
      let durable = stored.seq;
      let head = 0;
      let isSaving = true;
      let isOpen = false;

      /** The commit that is stored when an event comes. Under `exit` only the first of a run that goes on, and the end with all before it. */
      const commitFor = (event: FlowEvent): Commit | undefined => {
        const isPart =
          durability === 'exit' ? !isFinal(event) && !goesOn(event) : event.seq < together;
        if (isPart || event.seq === together || (durability === 'exit' && isFinal(event))) {
          made.take(event);
          return isPart ? undefined : made.whole(since);
        }
        const commit = made.next(event);
        if (commit && durability === 'exit') since = commit.snapshot;
        return commit;
      };
      /** The first commit of a run that goes on shows that nobody else has taken it over. */
      const goesOn = (event: FlowEvent): boolean =>
        event.type === 'FLOW_START' && (event.resumed === true || isTakenOver);
      const mayPass = ({ event, seq }: Held): boolean => {
        if (!isSaving || seq <= durable) return true;
        if (durability === 'sync' || isFinal(event) || goesOn(event)) return false;
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
        const error = saverFailed(`saver failed to store the run "${stored.runId}"`, cause);
        isSaving = false;
        if (durability === 'async' && error.code !== 'stale-run') {
          tell({ type: 'FLOW_UNSAVED', error: errorJson(error) });
          release();
        } else out.error(error);
      };

      // Not ended with the run: what it was given last, it may still be storing.
      const save = (): void => {
        isOpen = true;
        defer(() => saver.save(commits)).subscribe({
          next: (seq) => {
            durable = Math.max(durable, seq);
            while ((unsaved[0] as number) <= durable) unsaved.shift();
            release();
          },
          error: failed,
          complete: () => {
            if (isSaving) failed(new Error('its stream ended before the run'));
          },
        });
      };
      out.add(
        events$.subscribe({
          next: (event) => {
            const commit = isSaving ? commitFor(event) : undefined;
            const last = held.at(-1)?.event;
            if (event.type === 'FLOW_UNSAVED' && last && isFinal(last)) {
              // It comes before the end, which is held back.
              const { seq, t } = event;
              held.splice(-1, 1, free({ ...event, seq: last.seq }), free({ ...last, seq, t }));
            } else held.push({ event, seq: commit?.seq ?? -1 });
            if (commit) {
              unsaved.push(commit.seq);
              // Not before there is an event: a saver that fails at once could not be told of.
              if (!isOpen) save();
              commits.next(commit);
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

const free = (event: FlowEvent): Held => ({ event: Object.freeze(event), seq: -1 });
