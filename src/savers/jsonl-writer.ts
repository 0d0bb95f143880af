/** Appends the commits of one run to its file, as long as nobody else does. */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { staleRun } from '../index.ts';
import type { Batch } from './batched.ts';
import {
  type BatchLine,
  batchIn,
  damaged,
  headIn,
  linesFromEnd,
  linesIn,
  readAt,
} from './jsonl-line.ts';
import { lookAtBase, type Written, writtenAfter } from './record.ts';

export interface JsonlWriterOptions {
  readonly path: string;
  readonly baseEvery: number;
  readonly fsync: boolean;
}

const newline = 10;

export class JsonlWriter {
  private readonly options: JsonlWriterOptions;
  private readonly writer = crypto.randomUUID().slice(0, 8);
  private opened: FileHandle | undefined;
  /** The last event that is known to be stored, and where the line of it begins. */
  private seq = -1;
  private at = 0;
  private written: Written = writtenAfter('');
  /** What is known of the file: its size, and where its last line begins if that has no end. */
  private size = 0;
  private torn: number | undefined;

  constructor(options: JsonlWriterOptions) {
    this.options = options;
  }

  async write(batch: Batch): Promise<void> {
    this.opened ??= await this.open(batch);
    const file = this.opened;
    while (this.seq === batch.prev) {
      const { bytes, at, written } = this.line(batch);
      await append(file, bytes);
      const landedAt = this.size;
      if (await this.hasLanded(file, bytes)) {
        if (this.options.fsync) await file.datasync();
        this.seq = batch.seq;
        this.at = at;
        this.written = written;
        this.size = landedAt + bytes.length;
        this.torn = undefined;
        return;
      }
      // Somebody else has written something: perhaps commits, perhaps only what does not count.
      await this.look(file, batch);
    }
    throw staleRun(batch, this.seq);
  }

  async close(): Promise<void> {
    const file = this.opened;
    this.opened = undefined;
    await file?.close();
  }

  private async open(batch: Batch): Promise<FileHandle> {
    const file = await open(this.options.path, constants.O_RDWR | constants.O_APPEND).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') throw staleRun(batch, undefined);
        throw error;
      },
    );
    // Who claimed the run may have ended before its name was on the disk.
    if (this.options.fsync) await synced(dirname(this.options.path));
    const { size } = await file.stat();
    for await (const line of linesFromEnd(file)) {
      if (line.at >= size) continue;
      if (this.size === 0) this.sized(line.at, size, await readAt(file, size - 1, 1));
      if (line.at === 0) this.written = writtenAfter(headIn(line)?.head ?? '');
      const known = batchIn(line);
      if (!known) continue;
      this.take(known);
      break;
    }
    return file;
  }

  private sized(lastLine: number, size: number, [last]: Buffer): void {
    this.size = size;
    this.torn = last === newline ? undefined : lastLine;
  }

  private take({ at, seq, written }: BatchLine): void {
    this.at = at;
    this.seq = seq;
    this.written = written;
  }

  private line(batch: Batch): { bytes: Buffer; at: number; written: Written } {
    const { prev, seq, commits, size, snapshot } = batch;
    const { status, t0, t1 } = snapshot;
    const before = this.torn === undefined ? '' : '\n';
    const at = this.size + before.length;
    const grown: Written = {
      ...this.written,
      commits: this.written.commits + commits.length,
      size: this.written.size + size,
    };
    const { base, written } = lookAtBase(grown, this.options.baseEvery, batch) ?? {
      written: grown,
    };
    const fields: Omit<BatchLine, 'commits'> = {
      at,
      writer: this.writer,
      prev,
      seq,
      status,
      ...(t0 !== undefined && { t0 }),
      ...(t1 !== undefined && { t1 }),
      written,
      ...(base !== undefined && { base }),
    };
    const start = JSON.stringify(fields).slice(0, -1);
    const text = `${before}${start},"commits":[${commits.join(',')}]}\n`;
    return { bytes: Buffer.from(text), at, written };
  }

  /** Whether what was appended stands where it was meant to. */
  private async hasLanded(file: FileHandle, bytes: Buffer): Promise<boolean> {
    const { size, nlink } = await file.stat();
    // The run was deleted; nobody will find what is written to its file.
    if (nlink === 0) return false;
    return (
      size === this.size + bytes.length ||
      (await readAt(file, this.size, bytes.length)).equals(bytes)
    );
  }

  /** Reads what has come since the last look. */
  private async look(file: FileHandle, batch: Batch): Promise<void> {
    const { size, nlink } = await file.stat();
    if (nlink === 0) throw staleRun(batch, undefined);
    const start = this.torn ?? this.size;
    if (size < this.size)
      throw damaged(this.options.path, 'it has become shorter while this process wrote to it');
    const news = await readAt(file, start, size - start);
    let last = start;
    for (const line of linesIn(news, start)) {
      last = line.at;
      const known = line.at > this.at ? batchIn(line) : undefined;
      if (known) this.take(known);
    }
    this.sized(last, start + news.length, news.subarray(-1));
  }
}

async function append(file: FileHandle, bytes: Buffer): Promise<void> {
  const { bytesWritten } = await file.write(bytes);
  if (bytesWritten < bytes.length) throw new Error('the disk took only a part of it: is it full?');
}

// Windows, and file systems that have no such thing.
const unsyncable = ['EPERM', 'EACCES', 'EISDIR', 'EINVAL', 'ENOTSUP'];

/** Waits until the names in a folder are on the disk, where the system can say so. */
export async function synced(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (!unsyncable.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
