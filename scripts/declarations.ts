/** Makes the declarations: tsc writes them, but leaves `./errors.ts` in them, a file that no user has. */

import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';

const { status } = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  { stdio: 'inherit' },
);

for (const file of globSync('dist/**/*.d.ts')) {
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace(/((?:from|import\(|import) ?(['"])\.[^'"]*)\.ts\2/g, '$1.js$2'));
}
process.exitCode = status ?? 1;
