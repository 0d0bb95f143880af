/** The chunks of a step on their way to another one, while the first still works. */
import { Observable, type Subscriber } from 'rxjs';
import { FlowError } from '../errors.ts';
import type { Outcome } from '../state/outcome.ts';

const mark = Symbol.for('millrace.restart');

/** Stands among chunks where an attempt failed: what came before belongs to it, what follows to the next one. */
export interface Restart {
  readonly [mark]: true;
  /** The attempt that follows. */
  readonly attempt: number;
}

export const restart = (attempt: number): Restart =>
  Object.freeze({ [mark]: true as const, attempt });

/**
 * Tells the notice of a restart from a chunk.
 *
 * @example
 * tokens$.pipe(scan((all, token) => (isRestart(token) ? '' : all + token), ''))
 */
export const isRestart = (chunk: unknown): chunk is Restart =>
  typeof chunk === 'object' && chunk !== null && mark in chunk;

interface Reader {
  readonly out: Subscriber<unknown>;
  /** Which of the kept chunks is its next one. */
  next: number;
  isReading: boolean;
}

/**
 * Keeps chunks until its reader subscribes, then passes them on. It is read once, so that a stream of any length needs no memory;
 * where the reader may be retried it keeps all.
 */
export class Channel {
  readonly chunks$: Observable<unknown>;
  private readonly kept: unknown[] = [];
  /** Who waits for what it brings. */
  readonly readers = new Set<Reader>();
  /** The only one, where chunks are not kept for another. */
  private reader: Reader | undefined;
  private readonly keepsAll: boolean;
  /** How often it may still be read. */
  left: number;
  private isDropped = false;
  private ended: Outcome | undefined;

  /** `look`: called when somebody begins to wait for what it brings. */
  constructor(source: string, keepsAll: boolean, look?: () => void) {
    this.keepsAll = keepsAll;
    this.left = keepsAll ? Number.POSITIVE_INFINITY : 1;
    this.chunks$ = new Observable((out) => {
      if (this.left < 1) {
        out.error(
          new FlowError(
            'ref-misuse',
            `The chunks of "${source}" are read a second time, but are kept for one reader. Share them: chunks.pipe(share()).`,
          ),
        );
        return;
      }
      this.left--;
      const reader = { out, next: 0, isReading: false };
      this.readers.add(reader);
      if (!keepsAll) this.reader = reader;
      out.add(() => {
        this.readers.delete(reader);
        this.reader = undefined;
      });
      this.handOver(reader);
      look?.();
    });
  }

  push(chunk: unknown): void {
    if (this.isDropped) return;
    const { reader } = this;
    if (reader && !reader.isReading) {
      // It has had all that came before: nothing has to be kept.
      reader.isReading = true;
      reader.out.next(chunk);
      reader.isReading = false;
      if (this.kept.length > 0 || this.ended) this.handOver(reader);
      return;
    }
    if (this.keepsAll || this.left > 0 || this.readers.size > 0) this.kept.push(chunk);
    for (const reader of this.readers) this.handOver(reader);
  }

  /** Nobody will read it any more. */
  drop(): void {
    this.isDropped = true;
    this.kept.length = 0;
  }

  /** The step that it is of has ended so. */
  end(outcome: Outcome): void {
    this.ended = outcome;
    for (const reader of this.readers) this.handOver(reader);
  }

  /** One at a time: a chunk that comes while another one is handed over waits its turn. */
  private handOver(reader: Reader): void {
    if (reader.isReading) return;
    const { out } = reader;
    reader.isReading = true;
    while (reader.next < this.kept.length && !out.closed) out.next(this.kept[reader.next++]);
    reader.isReading = false;
    if (!this.keepsAll) this.kept.length = reader.next = 0;
    if (this.ended) finish(out, this.ended);
  }
}

const finish = (out: Subscriber<unknown>, end: Outcome): void => {
  if (end.status === 'failure') out.error(end.error);
  else out.complete();
};
