/** Commits on their way to a store: what comes while one write is under way is written by the next. */

import { Observable, type OperatorFunction } from 'rxjs';
import { type Commit, type FlowError, type Patch, type Snapshot, staleRun } from '../index.ts';
import { commitText } from './record.ts';

/** Commits that are stored together, or not at all. */
export interface Batch {
  readonly runId: string;
  /** What must be stored so far. */
  readonly prev: number;
  readonly seq: number;
  /** Each as text. */
  readonly commits: readonly string[];
  readonly size: number;
  /** Whether one of them changes the status of the run, or when it began or ended. */
  readonly isNews: boolean;
  /** The state after the last one; put together when it is read. */
  readonly snapshot: Snapshot;
}

interface Waiting {
  readonly commit: Commit;
  readonly text: string;
}

const largest = 1_000_000;

/**
 * Emits the seq of each batch that has been written. Commits are made into text as they come: what their values do later is not theirs.
 * What has come is written even if nobody waits for it any more.
 */
export function batched(
  write: (batch: Batch) => Promise<unknown>,
  close: () => unknown = () => undefined,
): OperatorFunction<Commit, number> {
  return (commits$) =>
    new Observable((out) => {
      const waiting: Waiting[] = [];
      let last: Commit | undefined;
      let fault: { readonly error: unknown } | undefined;
      let isWriting = false;
      let isComplete = false;

      const end = (): void => {
        if (fault) out.error(fault.error);
        else if (isComplete) out.complete();
        else if (!out.closed) return;
        close();
      };
      const writeAll = async (): Promise<void> => {
        isWriting = true;
        try {
          // Whatever else comes in this turn goes along.
          await undefined;
          while (waiting.length > 0) {
            const batch = nextBatch(waiting);
            await write(batch);
            out.next(batch.seq);
          }
        } catch (error) {
          waiting.length = 0;
          fault = { error };
        }
        isWriting = false;
        end();
      };
      const take = (commit: Commit): void => {
        if (last && commit.prev !== last.seq) throw staleRun(commit, last.seq);
        last = commit;
        waiting.push({ commit, text: commitText(commit) });
        if (!isWriting) void writeAll();
      };
      const heard = commits$.subscribe({
        next: (commit) => {
          if (fault) return;
          try {
            take(commit);
          } catch (error) {
            fault = { error: error as FlowError };
            if (!isWriting) end();
          }
        },
        error: (error: unknown) => {
          fault ??= { error };
          if (!isWriting) end();
        },
        complete: () => {
          isComplete = true;
          if (!isWriting) end();
        },
      });
      out.add(() => {
        heard.unsubscribe();
        if (!isWriting) close();
      });
    });
}

function nextBatch(waiting: Waiting[]): Batch {
  const [first] = waiting as [Waiting];
  let size = 0;
  let count = 0;
  for (const { text } of waiting) {
    size += text.length;
    count += 1;
    if (size >= largest) break;
  }
  const taken = waiting.splice(0, count);
  const { commit } = taken.at(-1) as Waiting;
  return {
    runId: commit.runId,
    prev: first.commit.prev,
    seq: commit.seq,
    commits: taken.map(({ text }) => text),
    size,
    isNews: taken.some(({ commit: { patches } }) => patches.some(isNews)),
    get snapshot() {
      return commit.snapshot;
    },
  };
}

const news = ['status', 't0', 't1'];

const isNews = ({ path }: Patch): boolean => path.length === 1 && news.includes(path[0] as string);
