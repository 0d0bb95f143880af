/** The one table of entry points. The subpath is the file's address: `llm/ai-sdk` is `src/llm/ai-sdk.ts`. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

// Not import.meta.dirname: tsup moves its configuration, and what it imports, before it runs them.
export const root = process.cwd();

/** Everything that users may import. An address counts from the moment its file exists. */
const addresses = [
  '',
  'builder',
  'bullmq',
  'cel',
  'devtools',
  'draw',
  'llm',
  'llm/ai-sdk',
  'llm/openai-compatible',
  'otel',
  'savers/indexeddb',
  'savers/codec',
  'savers/jsonl',
  'savers/postgres',
  'savers/sql',
  'savers/sqlite',
  'server',
  'server/node',
  'testing',
  'testing/vitest',
];

export interface Entry {
  /** As in package.json: `.`, `./llm/ai-sdk`. */
  readonly subpath: string;
  /** As users write it: `millrace/llm/ai-sdk`. */
  readonly specifier: string;
  /** From the root: `src/llm/ai-sdk.ts`. */
  readonly source: string;
  /** Without extension, below dist: `llm/ai-sdk`. */
  readonly output: string;
}

/** The entry points whose files exist. */
export const entries: readonly Entry[] = addresses.flatMap((address) => {
  const candidates = address === '' ? ['index'] : [address, `${address}/index`];
  const output = candidates.find((file) => existsSync(join(root, 'src', `${file}.ts`)));
  if (output === undefined) return [];
  return {
    subpath: address === '' ? '.' : `./${address}`,
    specifier: address === '' ? 'millrace' : `millrace/${address}`,
    source: `src/${output}.ts`,
    output,
  };
});

/** What `exports` in package.json has to be. */
export function exportsTable(): Record<string, string | { types: string; default: string }> {
  return {
    ...Object.fromEntries(
      entries.map(({ subpath, output }) => [
        subpath,
        { types: `./dist/${output}.d.ts`, default: `./dist/${output}.js` },
      ]),
    ),
    './package.json': './package.json',
  };
}
