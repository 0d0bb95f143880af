/**
 * Runs every check that is not a test, and tells which failed: `npm run check`, or some of them:
 * `npm run check lint examples`. A check that fails stops no other.
 */

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './entries.ts';

interface Result {
  readonly name: string;
  readonly passed: boolean;
  readonly output: string;
}

/** Scripts and tools, in an order that suits them: those below `build` look at what it made. */
const commands: Record<string, string> = {
  types: 'npm run --silent types',
  lint: 'npm run --silent lint',
  knip: 'knip',
  build: 'npm run --silent build',
  publint: 'publint --strict',
  attw: 'attw --pack . --profile esm-only',
  size: 'size-limit',
};

function run(command: string, minutes: number): SpawnSyncReturns<string> {
  return spawnSync(command, {
    cwd: root,
    shell: true,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: minutes * 60_000,
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` },
    maxBuffer: 64 * 1024 * 1024,
  });
}

function runCommand(name: string): Result {
  const { status, stdout, stderr } = run(commands[name] ?? 'false', 10);
  return { name, passed: status === 0, output: stdout + stderr };
}

/** Examples are files, or folders with a main.ts; folders with a package.json look after themselves. */
function exampleFiles(): string[] {
  if (!existsSync(join(root, 'examples'))) return [];
  return readdirSync(join(root, 'examples'), { withFileTypes: true })
    .map((each) => {
      const path = `examples/${each.name}`;
      if (each.isFile()) return path.endsWith('.ts') ? path : '';
      const own = existsSync(join(root, path, 'package.json'));
      return !own && existsSync(join(root, path, 'main.ts')) ? `${path}/main.ts` : '';
    })
    .filter((path) => path !== '')
    .sort();
}

/** What the comment `// prints:` at the end of an example promises, or nothing. */
function promised(source: string): string {
  const [, comment] = source.split(/^\/\/ prints:/m);
  return (comment ?? '').replace(/^(?:\/\/)? ?/gm, '').trim();
}

function runExample(path: string): Result {
  const { status, stdout, stderr } = run(`node ${path}`, 2);
  const lines = promised(readFileSync(join(root, path), 'utf8'));
  const kept = stdout.trimEnd().endsWith(lines);
  return {
    name: path,
    passed: status === 0 && kept,
    output: stdout + stderr + (kept ? '' : `\nIt does not end with what it promises:\n${lines}\n`),
  };
}

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : [...Object.keys(commands), 'examples'];
const results: Result[] = [];
const folder = join(root, 'node_modules/.cache/millrace');
mkdirSync(folder, { recursive: true });

function note(result: Result, started: number): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${result.passed ? 'ok  ' : 'FAIL'}  ${result.name}  ${seconds} s`);
  if (!result.passed) console.log(result.output.trimEnd().replace(/^/gm, '      '));
  results.push(result);
  // After each one, so that a run that is cut short tells what it knows.
  const known = results.map(({ name, passed }) => ({ name, passed }));
  writeFileSync(join(folder, 'checks.json'), JSON.stringify(known));
}

for (const name of names) {
  if (name === 'examples') {
    for (const path of exampleFiles()) {
      const started = performance.now();
      note(runExample(path), started);
    }
  } else if (name in commands) {
    const started = performance.now();
    note(runCommand(name), started);
  } else {
    note({ name, passed: false, output: `There is no check "${name}".` }, performance.now());
  }
}

const passed = results.filter((result) => result.passed).length;
console.log(`${passed} of ${results.length} checks are fine.`);
if (passed < results.length) process.exitCode = 1;
