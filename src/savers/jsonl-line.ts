/**
 * The lines of a run's file. The first is its head; each other one holds a batch of commits.
 *
 * L1 A line counts if it is whole and stands where its writer meant it to (`at`): whoever wrote it knew all that stands before it. A line of
 *    another writer that came between moves it from there, and so it never counts for anybody.
 * L2 So of two writers that go on from one state the one whose line comes first has it, and neither needs a lock.
 *    A line that does not count goes on from one that does, all the same: where it does not, the file was changed by something else.
 * L3 What is torn, because its process ended, is no JSON and does not count; the next writer begins a new line.
 */
import type { FileHandle } from 'node:fs/promises';
import { FlowError, type RunStatus } from '../index.ts';
import { decode } from './codec.ts';
import type { StoredCommit, Written } from './record.ts';

/** The first line. */
export interface HeadLine {
  readonly runId: string;
  readonly flowId: string;
  readonly parentId?: string;
  readonly t: number;
  /** The state before the first commit, as text. */
  readonly head: string;
}

export interface BatchLine {
  /** Where the line begins, in bytes from the beginning of the file. */
  readonly at: number;
  /** Lines of two writers are never the same. */
  readonly writer: string;
  readonly prev: number;
  readonly seq: number;
  readonly status: RunStatus;
  readonly t0?: number;
  readonly t1?: number;
  /** Up to this line. */
  readonly written: Written;
  /** The whole state after its last commit, as text. */
  readonly base?: string;
  readonly commits: readonly StoredCommit[];
}

/** A piece of the file between two line ends. */
export interface RawLine {
  readonly at: number;
  readonly bytes: Buffer;
}

const newline = 10;

/** The batch that a line holds, if it counts. */
export function batchIn(raw: RawLine): BatchLine | undefined {
  const batch = writtenIn(raw);
  return batch?.at === raw.at ? batch : undefined;
}

/** The batch that a line holds, wherever it was meant to stand. */
export function writtenIn({ at, bytes }: RawLine): BatchLine | undefined {
  if (at === 0) return undefined;
  const line = parsed(bytes) as Partial<BatchLine> | undefined;
  return line?.commits === undefined ? undefined : (line as BatchLine);
}

export function headIn({ bytes }: RawLine): HeadLine | undefined {
  const line = parsed(bytes) as Partial<HeadLine> | undefined;
  return line?.head === undefined ? undefined : (line as HeadLine);
}

function parsed(bytes: Buffer): unknown {
  // `{`, or it is not worth trying.
  if (bytes[0] !== 123) return undefined;
  try {
    return decode(bytes.toString());
  } catch (error) {
    if (FlowError.is(error)) throw error;
    return undefined;
  }
}

/** Refuses a file that lacks something in the middle. Torn lines do no such harm. */
export function refuseGap(path: string, { at, prev }: BatchLine, known: number): void {
  if (prev === known) return;
  throw damaged(
    path,
    `at byte ${at} it goes on from event ${prev}, but the line before ends at ${known}. What stands between is lost`,
  );
}

/** Refuses a file whose lines were moved: whoever wrote a line, even in vain, knew what it goes on from, and that stood before it. */
export function refuseMoved(path: string, prev: number, known: number): void {
  if (!(prev > known)) return;
  throw damaged(
    path,
    `a line goes on from event ${prev}, but no line before it that stands where it was written reaches further than ${known}. Lines were added, taken away or changed by another program`,
  );
}

export const damaged = (path: string, how: string): FlowError =>
  new FlowError('saver-failed', `The file "${path}" is damaged: ${how}`);

/** The lines in bytes that begin at `at` in the file. */
export function* linesIn(bytes: Buffer, at: number): Generator<RawLine> {
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(newline, start);
    const line = bytes.subarray(start, end < 0 ? bytes.length : end);
    if (line.length > 0) yield { at: at + start, bytes: line };
    start += line.length + 1;
  }
}

/** The lines of a file, from the last to the first. */
export async function* linesFromEnd(file: FileHandle): AsyncGenerator<RawLine> {
  let { size: at } = await file.stat();
  let rest: Buffer = Buffer.alloc(0);
  for (let chunk = 65_536; at > 0; chunk *= 2) {
    const start = Math.max(0, at - chunk);
    rest = Buffer.concat([await readAt(file, start, at - start), rest]);
    at = start;
    for (;;) {
      const end = rest.lastIndexOf(newline);
      if (end < 0) break;
      const bytes = rest.subarray(end + 1);
      if (bytes.length > 0) yield { at: at + end + 1, bytes };
      rest = rest.subarray(0, end);
    }
  }
  if (rest.length > 0) yield { at: 0, bytes: rest };
}

/** The lines of a file, from the first to the last. */
export async function* linesFromStart(file: FileHandle): AsyncGenerator<RawLine> {
  const { size } = await file.stat();
  let rest: Buffer = Buffer.alloc(0);
  let at = 0;
  for (let end = 0, chunk = 65_536; end < size; chunk = Math.max(65_536, 2 * rest.length)) {
    const read = await readAt(file, end, Math.min(chunk, size - end));
    if (read.length === 0) break;
    rest = Buffer.concat([rest, read]);
    end += read.length;
    // What comes after the last line end may not be a whole line yet.
    const whole = end >= size ? rest.length : rest.lastIndexOf(newline) + 1;
    yield* linesIn(rest.subarray(0, whole), at);
    rest = rest.subarray(whole);
    at += whole;
  }
}

/** What stands there; less than asked for where the file ends before. */
export async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let known = 0;
  while (known < length) {
    const { bytesRead } = await file.read(bytes, known, length - known, at + known);
    if (bytesRead === 0) break;
    known += bytesRead;
  }
  return bytes.subarray(0, known);
}
