/** Runs the compilers over programs that a test writes. */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/entries.ts';

export const compilers = ['typescript', 'typescript-5.9'] as const;
export type Compiler = (typeof compilers)[number];

/** A folder of the test's own, below the packages of the repository, so that programs in it find them. */
export function folder(name: string): string {
  const path = join(root, 'node_modules/.cache/millrace', `${name}-${process.pid}`);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

export interface Compiled {
  readonly output: string;
  readonly status: number;
}

/** Compiles with a configuration of its own, which starts from that of the repository, and gives back what was said. */
export function compile(
  compiler: Compiler,
  path: string,
  {
    include,
    ...options
  }: { readonly include: readonly string[]; readonly [name: string]: unknown },
  ...args: readonly string[]
): Promise<Compiled> {
  const config = join(path, `tsconfig.${compiler}.json`);
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { types: [], noUnusedLocals: false, ...options },
      include,
      exclude: [],
    }),
  );
  const file = join(root, 'node_modules', compiler, 'bin/tsc');
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [file, '-p', config, '--pretty', 'false', ...args],
      { cwd: path, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) =>
        resolve({ output: stdout + stderr, status: error ? Number(error.code) || 1 : 0 }),
    ),
  );
}
