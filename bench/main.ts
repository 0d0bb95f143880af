/**
 * Runs every case, each in a process of its own, and prints its tables: `npm run bench` at the root. `npm run bench -- chain fan` runs
 * some of them, `--quick` fewer rounds.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';

const cases = [
  'chain',
  'fan',
  'layers',
  'branch',
  'concurrent',
  'chunks',
  'growth',
  'compile',
  'state',
  'sqlite',
  'memory',
  'live',
  'spreadsheet',
];

const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith('--'));
const wanted = args.filter((arg) => !arg.startsWith('--'));
const unknown = wanted.filter((name) => !cases.includes(name));
if (unknown.length > 0) {
  console.error(`There is no case ${unknown.join(', ')}. There are: ${cases.join(', ')}.`);
  process.exit(1);
}

console.log(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}\n`);
for (const name of wanted.length > 0 ? wanted : cases) {
  const { status } = spawnSync(
    process.execPath,
    ['--expose-gc', join(import.meta.dirname, `${name}.ts`), ...flags],
    { stdio: 'inherit' },
  );
  if (status !== 0) process.exitCode = 1;
}
