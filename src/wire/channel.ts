/** The chunks of a step on their way to another one, while the first still works. */
import { Observable, type Subscriber } from 'rxjs';
import { FlowError } from '../errors.ts';

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

type End = { readonly error?: unknown };

/**
 * Keeps chunks until its reader subscribes, then passes them on. It is read once, so that a stream of any length needs no memory;
 * where the reader may be retried it keeps all.
 */
export class Channel {
  readonly chunks$: Observable<unknown>;
  private kept: unknown[] = [];
  private readonly readers = new Set<Subscriber<unknown>>();
  private readonly keepsAll: boolean;
  private wasRead = false;
  private ended: End | undefined;

  constructor(source: string, keepsAll: boolean) {
    this.keepsAll = keepsAll;
    this.chunks$ = new Observable((out) => {
      if (this.wasRead && !keepsAll) {
        out.error(
          new FlowError(
            'ref-misuse',
            `The chunks of "${source}" are read a second time, but they are kept for one reader only. Share them: chunks.pipe(share()).`,
          ),
        );
        return;
      }
      this.wasRead = true;
      this.flush(out);
      out.add(() => this.readers.delete(out));
    });
  }

  push(chunk: unknown): void {
    if (this.keepsAll || !this.wasRead) this.kept.push(chunk);
    for (const reader of this.readers) reader.next(chunk);
  }

  /** Nobody will read it any more. */
  drop(): void {
    this.wasRead = true;
    if (this.readers.size === 0) this.kept = [];
  }

  end(end: End): void {
    this.ended = end;
    for (const reader of [...this.readers]) finish(reader, end);
  }

  private flush(out: Subscriber<unknown>): void {
    const kept = this.kept;
    if (!this.keepsAll) this.kept = [];
    // By index: a chunk that arrives meanwhile is the next in the list.
    for (let i = 0; i < kept.length && !out.closed; i++) out.next(kept[i]);
    if (this.ended) finish(out, this.ended);
    else this.readers.add(out);
  }
}

const finish = (reader: Subscriber<unknown>, end: End): void => {
  if ('error' in end) reader.error(end.error);
  else reader.complete();
};
