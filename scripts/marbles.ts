/** Runs the laws in marbles/. With `--accept`, writes what happened into the files; review the diff. */

import { spawnSync } from 'node:child_process';
import { root } from './entries.ts';

const accept = process.argv.includes('--accept');
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'test/marbles.test.ts'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...(accept && { MARBLES: 'accept' }) },
  },
);
process.exitCode = status ?? 1;
