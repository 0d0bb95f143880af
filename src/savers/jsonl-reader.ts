/** Reads the file of a run. */
import { type FileHandle, open } from 'node:fs/promises';
import { type Commit, FlowError, type RunSummary, type Snapshot } from '../index.ts';
import {
  type BatchLine,
  batchIn,
  damaged,
  type HeadLine,
  headIn,
  linesFromEnd,
  linesFromStart,
  type RawLine,
  refuseGap,
  refuseMoved,
  writtenIn,
} from './jsonl-line.ts';
import { folding, restored } from './record.ts';

/** With the time of its claim. */
export type ClaimedRun = RunSummary & { readonly t: number };

/** What is read from a file; undefined where there is none. */
export async function reading<T>(
  path: string,
  read: (file: FileHandle, path: string) => Promise<T>,
): Promise<T | undefined> {
  const file = await open(path, 'r').catch(unlessMissing);
  try {
    return file && (await read(file, path));
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await file?.close();
  }
}

/** Every commit in the file, in order. */
export async function* commitsIn(path: string): AsyncGenerator<Commit> {
  const file = await open(path, 'r').catch(unlessMissing);
  if (!file) return;
  try {
    let seq = -1;
    let fold: ReturnType<typeof folding> | undefined;
    for await (const line of linesFromStart(file)) {
      if (!fold) {
        const head = await wholeHead(line, file, path);
        if (!head) return;
        fold = folding(head.head);
        continue;
      }
      const batch = writtenIn(line);
      if (!batch) continue;
      if (batch.at !== line.at) {
        refuseMoved(path, batch.prev, seq);
        continue;
      }
      refuseGap(path, batch, seq);
      seq = batch.seq;
      for (const commit of batch.commits) yield fold(commit);
    }
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    await file.close();
  }
}

/** The last state of a run: the nearest whole state, and the commits after it. */
export async function stateIn(file: FileHandle, path: string): Promise<Snapshot | undefined> {
  const batches: BatchLine[] = [];
  let base: string | undefined;
  // What a line that does not count goes on from.
  let reached = -1;
  for await (const line of linesFromEnd(file)) {
    const batch = writtenIn(line);
    if (!batch) continue;
    if (batch.at !== line.at) {
      if (batch.prev > reached) reached = batch.prev;
      continue;
    }
    refuseMoved(path, reached, batch.seq);
    reached = -1;
    const later = batches.at(-1);
    if (later) refuseGap(path, later, batch.seq);
    base = batch.base;
    if (base !== undefined) break;
    batches.push(batch);
  }
  const first = batches.at(-1);
  if (base === undefined && first) refuseGap(path, first, -1);
  if (base === undefined && !first) refuseMoved(path, reached, -1);
  const head = await wholeHeadOf(file, path);
  const commits = batches.reverse().flatMap((batch) => batch.commits);
  return head && restored(head.head, base, commits);
}

/** What the first and the last line tell of a run. */
export async function summaryIn(file: FileHandle): Promise<ClaimedRun | undefined> {
  const head = await headOf(file);
  if (!head) return undefined;
  const { head: _, ...claim } = head;
  for await (const line of linesFromEnd(file)) {
    const batch = batchIn(line);
    if (!batch) continue;
    const { status, seq, t0, t1 } = batch;
    return {
      ...claim,
      status,
      seq,
      ...(t0 !== undefined && { t0 }),
      ...(t1 !== undefined && { t1 }),
    };
  }
  return { ...claim, status: 'pending', seq: -1 };
}

/** The head; undefined where the process that claimed the run ended in the middle of it. */
async function wholeHeadOf(file: FileHandle, path: string): Promise<HeadLine | undefined> {
  for await (const line of linesFromStart(file)) return wholeHead(line, file, path);
  return undefined;
}

async function wholeHead(
  first: RawLine,
  file: FileHandle,
  path: string,
): Promise<HeadLine | undefined> {
  const head = first.at === 0 ? headIn(first) : undefined;
  if (head || first.bytes.length === (await file.stat()).size) return head;
  throw damaged(path, 'its first line is not that of a run. What it says of the run is lost');
}

/** An error that says in which file it is. */
function unreadable(path: string, error: unknown): FlowError {
  const text = error instanceof Error ? error.message : String(error);
  if (FlowError.is(error) && text.includes(path)) return error;
  return new FlowError('saver-failed', `The file "${path}" cannot be read: ${text}`, {
    cause: error,
  });
}

async function headOf(file: FileHandle): Promise<HeadLine | undefined> {
  for await (const line of linesFromStart(file)) return headIn(line);
  return undefined;
}

export function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
