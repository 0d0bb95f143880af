/** Keeps runs in a folder, in one file of JSON lines each. */
import { createHash } from 'node:crypto';
import { link, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { defer, from, type Observable } from 'rxjs';
import {
  type Claim,
  type Commit,
  checkedLimit,
  expiredRuns,
  type Retention,
  type RunQuery,
  type RunSummary,
  runExists,
  type Saver,
  type Snapshot,
} from '../index.ts';
import { batched } from './batched.ts';
import type { HeadLine } from './jsonl-line.ts';
import {
  type ClaimedRun,
  commitsIn,
  reading,
  stateIn,
  summaryIn,
  unlessMissing,
} from './jsonl-reader.ts';
import { JsonlWriter, synced } from './jsonl-writer.ts';
import { checkedBaseEvery, checkIds, headText, soughtId } from './record.ts';

export interface JsonlOptions {
  /** Waits for the disk before a commit counts as stored, so that it survives a power cut. Default false: it survives the process. */
  readonly fsync?: boolean;
  /** How many commits of a run are stored, at least, before its whole state is stored again. Default 100. */
  readonly baseEvery?: number;
}

const ending = '.jsonl';
// File systems that know no second name for a file, such as those of USB sticks.
const withoutLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/**
 * A saver on a folder: a file per run, a line per batch of commits, to be read with any tool. For some thousand runs on one machine:
 * `list` and `last` look into every file. The file system must be a local one.
 *
 * @example
 * const flow = digest.with({ saver: new JsonlSaver('runs') })
 */
export class JsonlSaver implements Saver {
  private readonly folder: string;
  private readonly fsync: boolean;
  private readonly baseEvery: number;
  private isFolderKept = false;

  constructor(folder: string, { fsync = false, baseEvery }: JsonlOptions = {}) {
    this.folder = folder;
    this.fsync = fsync;
    this.baseEvery = checkedBaseEvery(baseEvery);
  }

  claim(run: Claim): Observable<void> {
    return defer(async () => {
      checkIds(run);
      const { runId, flow, parentId, t } = run;
      const head: HeadLine = {
        runId,
        flowId: flow.id,
        ...(parentId !== undefined && { parentId }),
        t,
        head: headText(run),
      };
      const made = await mkdir(this.folder, { recursive: true });
      if (this.fsync) await this.keepFolder(made);
      const isNew = await this.create(this.pathOf(runId), `${JSON.stringify(head)}\n`);
      if (!isNew) throw runExists(runId);
    });
  }

  save(commits$: Observable<Commit>): Observable<number> {
    return defer(() => {
      let writer: JsonlWriter | undefined;
      return commits$.pipe(
        batched(
          (batch) => {
            const { fsync, baseEvery } = this;
            writer ??= new JsonlWriter({ path: this.pathOf(batch.runId), fsync, baseEvery });
            return writer.write(batch);
          },
          () => writer?.close(),
        ),
      );
    });
  }

  load(runId: string): Observable<Snapshot | undefined> {
    return defer(() => reading(this.pathOf(runId), stateIn));
  }

  last(query: Pick<RunQuery, 'flowId' | 'parentId'>): Observable<Snapshot | undefined> {
    return defer(async () => {
      const [run] = await this.newest(query);
      return run && reading(this.pathOf(run.runId), stateIn);
    });
  }

  list(query: RunQuery): Observable<readonly RunSummary[]> {
    return defer(async () => {
      const limit = checkedLimit(query);
      const runs = await this.newest(query);
      return runs.slice(0, limit).map(({ t: _, ...summary }) => summary);
    });
  }

  history(runId: string): Observable<Commit> {
    return from(commitsIn(this.pathOf(runId)));
  }

  delete(runId: string): Observable<void> {
    return defer(() => rm(this.pathOf(runId), { force: true }));
  }

  prune(retention: Retention): Observable<number> {
    return defer(async () => {
      const runs = await this.newest({});
      const expired = new Set(expiredRuns(runs, retention));
      let deleted = 0;
      for (const run of runs)
        if (expired.has(run.runId)) deleted += Number(await this.deleteAsItWas(run));
      await this.sweep();
      return deleted;
    });
  }

  /** Deletes a run, unless it has gone on in the meantime. */
  private async deleteAsItWas({ runId, seq }: ClaimedRun): Promise<boolean> {
    const path = this.pathOf(runId);
    const isDeleted = await reading(path, async (file) => {
      await rm(path, { force: true });
      // Nobody writes to it from here on: who wrote before was perhaps told that it is stored.
      if ((await summaryIn(file))?.seq === seq) return true;
      await this.create(path, await file.readFile('utf8'));
      return false;
    });
    return isDeleted ?? false;
  }

  /** Makes sure, once, that the folder is found again, and those around it that were made with it. */
  private async keepFolder(made = this.folder): Promise<void> {
    if (this.isFolderKept) return;
    const first = resolve(made);
    for (let folder = resolve(this.folder); ; folder = dirname(folder)) {
      await synced(dirname(folder));
      if (folder.length <= first.length) break;
    }
    this.isFolderKept = true;
  }

  private pathOf(runId: string): string {
    // Names that some file system would not take, or take for another one.
    const isPlain = /^[a-z0-9][a-z0-9_-]{0,99}$/.test(runId);
    const name = isPlain ? runId : `~${createHash('sha256').update(soughtId(runId)).digest('hex')}`;
    return join(this.folder, name + ending);
  }

  /** Makes a file that is there with all of its text, or not at all. False where there is one already. */
  private async create(path: string, text: string): Promise<boolean> {
    const draft = `${path}.${crypto.randomUUID()}.tmp`;
    try {
      await writeFile(draft, text, { flag: 'wx', flush: this.fsync });
      await link(draft, path);
      if (this.fsync) await synced(this.folder);
      return true;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return false;
      if (!withoutLinks.includes(code)) throw error;
      return await writeFile(path, text, { flag: 'wx', flush: this.fsync }).then(
        () => true,
        unlessThere,
      );
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Deletes what processes left behind that ended in the middle of a claim. */
  private async sweep(): Promise<void> {
    const hour = 3_600_000;
    for (const name of await this.names('.tmp')) {
      const { mtimeMs } = await stat(join(this.folder, name)).catch(() => ({ mtimeMs: Infinity }));
      if (mtimeMs < Date.now() - hour) await rm(join(this.folder, name), { force: true });
    }
  }

  private async names(end: string): Promise<readonly string[]> {
    const names = await readdir(this.folder).catch(unlessMissing);
    return (names ?? []).filter((name) => name.endsWith(end));
  }

  private async newest({ flowId, parentId, status }: RunQuery): Promise<readonly ClaimedRun[]> {
    const found: ClaimedRun[] = [];
    for (const name of await this.names(ending)) {
      const run = await reading(join(this.folder, name), summaryIn);
      if (
        run &&
        (flowId === undefined || run.flowId === flowId) &&
        (parentId === undefined || run.parentId === parentId) &&
        (status === undefined || run.status === status)
      )
        found.push(run);
    }
    return found.sort((a, b) => b.t - a.t || (a.runId < b.runId ? 1 : -1));
  }
}

function unlessThere(error: NodeJS.ErrnoException): false {
  if (error.code !== 'EEXIST') throw error;
  return false;
}
