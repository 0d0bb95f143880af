/** Before the first measurement: what the bench compares with is installed, and the library is built from its source. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;

function npm(folder: string, ...args: string[]): void {
  const { status } = spawnSync('npm', ['--prefix', folder, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(join(here, 'node_modules'))) npm(here, 'ci');
npm(join(here, '..'), 'run', 'build');
