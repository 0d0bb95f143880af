/**
 * What each part of the library takes of the bundle `{ Flow, defineStep }`, whether or not a program uses it: `npm run parts`. A part is
 * left out by putting nothing in place of its files: what only it needs goes with it. Sizes are minified and compressed, without RxJS.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';
import { root } from './entries.ts';

/** By the folders or files of `src/` that are left out. In this order: each row also lacks what the rows above it lack. */
const parts: readonly (readonly [name: string, files: readonly string[]])[] = [
  ['live flows', ['run/live/']],
  [
    'runs that are stored: resume, fork, commits',
    ['run/fork', 'run/prepare', 'run/recorded', 'run/saving', 'state/commit'],
  ],
  [
    'flows as JSON, hash, JSON Schemas',
    [
      'graph/json',
      'graph/from-json',
      'graph/json-schema',
      'graph/condition-json',
      'graph/hash',
      'graph/outputs',
    ],
  ],
  ['drawings', ['graph/drawing', 'graph/picture']],
  [
    'tools of models, lists in memory, questions',
    ['wire/tools', 'run/tool-step', 'run/lists', 'run/remembered', 'wire/questions'],
  ],
  [
    'snapshots and explanations',
    ['state/reduce', 'state/snapshot', 'state/table', 'state/explain'],
  ],
  ['steps below steps', ['run/below', 'run/together', 'run/chunk-paths', 'wire/with-steps']],
  ['retries, timeouts, limits, caches', ['wire/attempt', 'wire/cache', 'wire/limiter']],
  ['streams between steps', ['wire/channel', 'run/streams']],
];

const exported = /^export (?:abstract )?(?:async )?(?:const|function\*?|class) (\w+)/gm;

/** Every name that a file exports, with nothing behind it. */
function emptied(files: readonly string[]): Plugin {
  const filter = new RegExp(
    `/src/(${files.map((file) => (file.endsWith('/') ? file : `${file}\\.ts$`)).join('|')})`,
  );
  return {
    name: 'emptied',
    setup: ({ onLoad }) =>
      onLoad({ filter }, ({ path }) => ({
        contents: [...readFileSync(path, 'utf8').matchAll(exported)]
          .map(([, name]) => `export class ${name} {}`)
          .join('\n'),
      })),
  };
}

async function sizeWithout(files: readonly string[]): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: "export { Flow, defineStep } from './src/index.ts'", resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    packages: 'external',
    absWorkingDir: root,
    plugins: files.length > 0 ? [emptied(files)] : [],
  });
  return gzipSync(outputFiles[0]?.contents ?? '').length;
}

const kB = (bytes: number): string => (bytes / 1000).toFixed(1).padStart(5);

const whole = await sizeWithout([]);
console.log(`kB, compressed\n${kB(whole)}  all`);
let left = whole;
let without: readonly string[] = [];
for (const [name, files] of parts) {
  without = [...without, ...files];
  const size = await sizeWithout(without);
  console.log(`${kB(left - size)}  ${name}`);
  left = size;
}
console.log(`${kB(left)}  what is left: graphs, checks, plans, one run`);
