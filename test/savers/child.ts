/** Starts scripts of this folder in processes of their own, bundled so that they start fast. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { entries, root } from '../../scripts/entries.ts';

/** Bundles a script into a folder, which no other test writes to; gives back the file to run. */
export async function bundled(name: string, folder: string): Promise<string> {
  // Packages too: to look for all their files takes longer than the rest.
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [join(root, `test/savers/${name}.ts`)],
    bundle: true,
    outfile,
    format: 'esm',
    platform: 'node',
    alias: Object.fromEntries(
      entries.map(({ specifier, source }) => [specifier, join(root, source)]),
    ),
    external: ['better-sqlite3', 'pg-native'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  return outfile;
}

export interface Child {
  readonly process: ChildProcess;
  /** What it has written to stdout, and what to stderr. */
  readonly written: { out: string; err: string };
  /** Ends with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

export function startChild(file: string, task: unknown): Child {
  const child = spawn(process.execPath, [file, JSON.stringify(task)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const written = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written.err += text;
  });
  const ended = new Promise<number | string>((resolve) =>
    child.on('close', (code, signal) => resolve(signal ?? code ?? -1)),
  );
  return { process: child, written, ended };
}
