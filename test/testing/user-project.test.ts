/** A project outside of this repository, as in docs/testing.md: packed, installed, its tests run and its types checked. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../../scripts/entries.ts';

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command says, whether it fails or not; `npm test` of a user must not see that it runs in one of ours. */
async function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<Said & { readonly failed: boolean }> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|VITE_|NODE_ENV|TEST|npm_)/.test(name),
  );
  const env = Object.fromEntries([...own, ['CI', 'true'], ['NO_COLOR', '1']]);
  try {
    return {
      ...(await promisify(execFile)(command, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 })),
      failed: false,
    };
  } catch (error) {
    return { ...(error as Said), failed: true };
  }
}

const path = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-user-')));
const [workshop, project] = [join(path, 'workshop'), join(path, 'project')];
const { devDependencies: versions } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
) as {
  readonly devDependencies: Readonly<Record<string, string>>;
};

beforeAll(async () => {
  for (const each of [
    'src',
    'scripts',
    'package.json',
    'tsup.config.ts',
    'tsconfig.json',
    'tsconfig.build.json',
    'README.md',
    'LICENSE',
  ]) {
    if (existsSync(join(root, each)))
      cpSync(join(root, each), join(workshop, each), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(workshop, 'node_modules'));
  const built = await run('npm', ['run', '--silent', 'build'], workshop);
  expect(built.failed, built.stdout + built.stderr).toBe(false);
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts'], workshop);
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  mkdirSync(project);
  writeFileSync(
    join(project, 'package.json'),
    '{ "name": "user", "private": true, "type": "module", "scripts": { "test": "vitest run" } }',
  );
  const page = readFileSync(join(root, 'docs/testing.md'), 'utf8');
  for (const [, name = '', code = ''] of page.matchAll(
    /^```ts\n\/\/ (\S+\.ts)\n([\s\S]*?)^```$/gm,
  )) {
    writeFileSync(join(project, name), code);
  }
  const wanted = [
    join(workshop, filename),
    `rxjs@${versions['rxjs']}`,
    `vitest@${versions['vitest']}`,
  ];
  const options = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];
  const installed = await run('npm', ['install', ...options, ...wanted], project);
  expect(installed.failed, installed.stderr).toBe(false);
}, 180_000);
afterAll(() => rmSync(path, { recursive: true, force: true }));

test('the tests of docs/testing.md pass in a project of its own', async () => {
  const { stdout, stderr, failed } = await run('npm', ['test'], project);
  expect(failed, stdout + stderr).toBe(false);
  expect(stdout).toMatch(/Tests\s+1 passed/);
}, 60_000);

test('a failure reads there as it does here', async () => {
  const file = join(project, 'digest.test.ts');
  const code = readFileSync(file, 'utf8');
  writeFileSync(file, code.replace('999ms ^ 19ms !', '999ms ^ 29ms !'));
  const { stdout, stderr, failed } = await run('npm', ['test'], project);
  writeFileSync(file, code);
  expect(failed).toBe(true);
  expect(stdout + stderr).toContain(
    'page.on: stop came at 2522ms, 10ms early (expected at 2532ms)',
  );
}, 60_000);

test('its types are right: the matcher is known', async () => {
  const config = {
    compilerOptions: {
      ...{ strict: true, noEmit: true, skipLibCheck: true, target: 'ES2022', module: 'NodeNext' },
      ...{
        allowImportingTsExtensions: true,
        lib: ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
        types: [],
      },
    },
    include: ['*.ts'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout, failed } = await run(process.execPath, [tsc, '-p', '.'], project);
  expect(failed, stdout).toBe(false);
}, 60_000);
