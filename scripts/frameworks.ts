/**
 * Runs the examples of frameworks as their users would: each in a copy outside of this repository, with the packed library, `npm ci`
 * and `npm test`. `npm run frameworks`, or some of them: `npm run frameworks react nest`.
 *
 * `npm run frameworks -- --lock react` installs in place instead, and writes the lock file anew: after a change of what an example, or
 * the library, depends on. What stands there afterwards can be worked on.
 */

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { root } from './entries.ts';

interface Result {
  readonly name: string;
  readonly passed: boolean;
}

const home = join(root, 'examples/frameworks');
/** Made by an installation or a build: not part of an example. */
const made = new Set(['node_modules', 'dist', 'millrace.tgz']);

// The Node of this process, and nothing that this repository has installed.
const PATH = [dirname(process.execPath), ...(process.env.PATH ?? '').split(delimiter)]
  .filter((folder, i) => i === 0 || !folder.includes('node_modules'))
  .join(delimiter);

/** Runs a command and gives back what it said, or throws it. */
function run(command: string, cwd: string, minutes: number): string {
  const { status, stdout, stderr, error } = spawnSync(command, {
    cwd,
    shell: true,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: minutes * 60_000,
    env: { ...process.env, PATH },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw `${command}: ${error?.message ?? `status ${status}`}\n${stdout}${stderr}`;
  return stdout;
}

function pack(folder: string): void {
  const stdout = run(`npm pack --json --ignore-scripts --pack-destination "${folder}"`, root, 2);
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  renameSync(join(folder, filename), join(folder, 'millrace.tgz'));
}

/** The size of what is installed, in MB. */
const installed = (folder: string): number =>
  Number.parseInt(run('du -sm node_modules', folder, 1), 10);

/** Runs an example, and says how long it took to install and to test. */
function check(name: string, workshop: string): string {
  const folder = join(workshop, name);
  cpSync(join(home, name), folder, {
    recursive: true,
    filter: (path) => !made.has(basename(path)),
  });
  const times = [['npm ci', 4] as const, ['npm test', 3] as const].map(([command, minutes]) => {
    const started = performance.now();
    run(command, folder, minutes);
    return `${command} ${((performance.now() - started) / 1000).toFixed(1)} s`;
  });
  return `${times.join(', ')}, ${installed(folder)} MB`;
}

function lock(name: string): string {
  const folder = join(home, name);
  const file = join(folder, 'package-lock.json');
  // npm would keep the hash of the library as it was.
  for (const each of ['node_modules', 'package-lock.json'])
    rmSync(join(folder, each), { recursive: true, force: true });
  run('npm install', folder, 4);
  const found = JSON.parse(readFileSync(file, 'utf8')) as {
    packages: Record<string, { integrity?: string }>;
  };
  // The library is packed anew each time.
  delete found.packages['node_modules/millrace']?.integrity;
  writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
  return `${installed(folder)} MB`;
}

const args = process.argv.slice(2);
const isLocking = args.includes('--lock');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const names =
  wanted.length > 0
    ? wanted
    : readdirSync(home)
        .filter((name) => existsSync(join(home, name, 'package.json')))
        .sort();
const results: Result[] = [];
const report = join(root, 'node_modules/.cache/millrace/frameworks.json');
mkdirSync(dirname(report), { recursive: true });
// Outside of the repository: nothing that it has installed can be found from there.
const workshop = isLocking
  ? home
  : realpathSync(mkdtempSync(join(tmpdir(), 'millrace-frameworks-')));

try {
  pack(workshop);
  if (!isLocking) cpSync(join(home, 'chromium.mts'), join(workshop, 'chromium.mts'));
  for (const name of names) {
    let passed = true;
    let told: string;
    try {
      told = isLocking ? lock(name) : check(name, workshop);
    } catch (problem) {
      passed = false;
      told = `\n${String(problem).trimEnd().replace(/^/gm, '      ')}`;
    }
    console.log(`${passed ? 'ok  ' : 'FAIL'}  ${name}  ${told}`);
    results.push({ name: `framework ${name}`, passed });
    // After each one, so that a run that is cut short tells what it knows.
    writeFileSync(report, JSON.stringify(results));
    if (!isLocking) rmSync(join(workshop, name), { recursive: true, force: true });
  }
} finally {
  if (!isLocking) rmSync(workshop, { recursive: true, force: true });
}

const passed = results.filter((result) => result.passed).length;
console.log(`${passed} of ${results.length} examples are fine.`);
if (passed < results.length) process.exitCode = 1;
