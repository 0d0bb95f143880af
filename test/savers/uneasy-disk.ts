/**
 * `node:fs/promises` as a disk that takes its time, so that what goes on at once comes in any order; and that knows what would be left
 * of its files if the machine lost its power now.
 */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type * as promises from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

type Disk = typeof promises;
type Method = (...given: unknown[]) => Promise<unknown>;

export const disk = {
  /** How long an operation waits before and after, in ms at most. */
  latency: 0,
  /** By inode, how many bytes of a file are on the disk. */
  lengths: new Map<number, number>(),
  /** By path, the inode of files that are found again. */
  names: new Map<string, number>(),
  /** Folders that are found again. */
  folders: new Set<string>(),
};

/** Forgets what was before. */
export function newDisk(): void {
  disk.latency = 0;
  for (const known of [disk.lengths, disk.names, disk.folders]) known.clear();
}

async function waiting(): Promise<void> {
  if (disk.latency === 0) return;
  await new Promise((resolve) => setTimeout(resolve, Math.random() * disk.latency));
}

const keep = (path: string): void => {
  disk.lengths.set(statSync(path).ino, statSync(path).size);
};

/** What a folder holds is found again. */
function keepNames(folder: string): void {
  for (const path of disk.names.keys()) if (dirname(path) === folder) disk.names.delete(path);
  for (const name of readdirSync(folder)) {
    const found = statSync(join(folder, name));
    if (found.isDirectory()) disk.folders.add(join(folder, name));
    else disk.names.set(join(folder, name), found.ino);
  }
}

/** The operations of a file that make what came before them last. */
function handle(file: promises.FileHandle, path: string): promises.FileHandle {
  const syncing = (sync: Method): Method => {
    return async (...given) => {
      const stats = await file.stat();
      await sync(...given);
      if (stats.isDirectory()) keepNames(path);
      else disk.lengths.set(stats.ino, Math.max(stats.size, disk.lengths.get(stats.ino) ?? 0));
    };
  };
  return new Proxy(file, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const method = member.bind(target) as Method;
      return slowly(name === 'sync' || name === 'datasync' ? syncing(method) : method);
    },
  });
}

const slowly =
  (work: Method): Method =>
  async (...given) => {
    await waiting();
    try {
      return await work(...given);
    } finally {
      await waiting();
    }
  };

/** The module, on this disk. */
export function uneasy(real: Disk): Disk {
  const open = slowly(async (...given) => {
    const [path, ...others] = given as Parameters<Disk['open']>;
    return handle(await real.open(path, ...others), String(path));
  });
  const writeFile = slowly(async (...given) => {
    const [path, text, options] = given as Parameters<Disk['writeFile']>;
    await real.writeFile(path, text, options);
    if ((options as { flush?: boolean } | undefined)?.flush) keep(String(path));
  });
  const others = Object.fromEntries(
    (['link', 'mkdir', 'readdir', 'rm', 'stat'] as const).map((name) => [
      name,
      slowly(real[name] as unknown as Method),
    ]),
  );
  return { ...real, ...others, open, writeFile } as Disk;
}

/**
 * A copy of a folder as it might be after a power cut: of each file what is on the disk, and perhaps some of what is not. The folder, and
 * the one around it, must be found again, too.
 */
export function afterPowerCut(folder: string, copy: string): void {
  rmSync(copy, { recursive: true, force: true });
  cpSync(folder, copy, { recursive: true });
  const isFound = disk.folders.has(folder) && disk.folders.has(dirname(folder));
  for (const name of readdirSync(copy)) {
    const path = join(copy, basename(name));
    const inode = disk.names.get(join(folder, name));
    if (inode === undefined || !isFound) {
      rmSync(path);
      continue;
    }
    const bytes = readFileSync(path);
    const safe = disk.lengths.get(inode) ?? 0;
    const left = safe + Math.floor(Math.random() * (bytes.length - safe + 1));
    const rest = bytes.subarray(0, left);
    // Some file systems know how long a file is before they have its bytes.
    if (Math.random() < 0.3) rest.fill(0, safe);
    writeFileSync(path, rest);
  }
}
