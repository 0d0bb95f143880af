/** Checks all types with the newest and the oldest supported compiler, and the core without Node's. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { root } from './entries.ts';

const run = promisify(execFile);

async function tsc(compiler: string, ...args: string[]): Promise<string> {
  const file = `node_modules/${compiler}/bin/tsc`;
  const { stdout } = await run(process.execPath, [file, ...args], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

/** A dependency may bring Node's types in by the back door; then the compiler would not notice a thing. */
async function coreWithoutNode(): Promise<void> {
  const files = await tsc('typescript', '-p', 'tsconfig.core.json', '--listFiles');
  const node = files.split('\n').find((file) => file.includes('@types/node/'));
  if (node) throw { stdout: `The core sees the types of Node: ${node}\n` };
}

const checks: [string, () => Promise<unknown>][] = [
  ['TypeScript 7', () => tsc('typescript', '-p', 'tsconfig.json')],
  ['TypeScript 7, core without Node', coreWithoutNode],
  ['TypeScript 5.9', () => tsc('typescript-5.9', '-p', 'tsconfig.json')],
];

for (const [name, check] of checks) {
  try {
    await check();
    console.log(`ok    ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL  ${name}`);
    const output = (error as { stdout?: string }).stdout || String(error);
    // With --listFiles the compiler names every file it read; only its findings matter here.
    console.log(output.replace(/^\/.*\.(?:d\.)?[cm]?ts\n/gm, ''));
  }
}
