/** The package as users get it: packed, installed into an empty project, imported, required, and compiled against. */
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
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entries, root } from '../scripts/entries.ts';

/** Runs a command; what it said is the error when it fails. */
async function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  try {
    return await promisify(execFile)(command, args, { cwd, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const { message, stdout, stderr } = error as {
      message: string;
      stdout: string;
      stderr: string;
    };
    throw new Error([message, stdout, stderr].join('\n'));
  }
}
// Temporary folders may be links; compilers tell files by their real paths.
const path = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-package-')));
const [workshop, project] = [join(path, 'workshop'), join(path, 'project')];
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly files: readonly string[];
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
};
// 7.4 runs as well, but shows its types to no compiler that reads `exports`.
const oldestRxjs = '7.5.5';
const optionalPeers = Object.keys(manifest.peerDependenciesMeta);

let packed: readonly string[];

beforeAll(async () => {
  // In a copy, so that a build that somebody else is looking at stays what it is.
  for (const each of [
    ...['src', 'scripts', 'package.json', 'tsup.config.ts', 'README.md', 'LICENSE'],
    ...['tsconfig.json', 'tsconfig.build.json', 'CHANGELOG.md', 'THIRD-PARTY-NOTICES.md'],
  ]) {
    if (existsSync(join(root, each)))
      cpSync(join(root, each), join(workshop, each), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(workshop, 'node_modules'));
  await run('npm', ['run', '--silent', 'build'], workshop);
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts'], workshop);
  const [{ filename, files }] = JSON.parse(stdout) as [
    { filename: string; files: readonly { path: string }[] },
  ];
  packed = files.map((file) => file.path);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "consumer", "private": true }');
  const { zod = '' } = manifest.devDependencies;
  await run(
    'npm',
    [
      ...['install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'],
      ...[join(workshop, filename), `rxjs@${oldestRxjs}`, `zod@${zod}`],
    ],
    project,
  );
}, 180_000);
afterAll(() => rmSync(path, { recursive: true, force: true }));

interface Loaded {
  /** The names that an entry point offers. */
  readonly names?: readonly string[];
  /** The package that it lacks. */
  readonly missing?: string;
}

/** Loads every entry point in one process, by `import` or by `require`. */
async function load(how: 'import' | 'require'): Promise<Record<string, Loaded>> {
  const file = join(project, how === 'import' ? 'load.mjs' : 'load.cjs');
  writeFileSync(
    file,
    `(async () => {
      const loaded = {};
      for (const specifier of ${JSON.stringify(entries.map((entry) => entry.specifier))}) {
        try {
          loaded[specifier] = { names: Object.keys(await ${how}(specifier)).sort() };
        } catch (error) {
          const [, missing] = /Cannot find (?:package|module) '([^']+)'/.exec(error.message) ?? [];
          loaded[specifier] = { missing: missing ?? String(error) };
        }
      }
      console.log(JSON.stringify(loaded));
    })();`,
  );
  const { stdout, stderr } = await run(process.execPath, [file], project);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Record<string, Loaded>;
}

test('what is packed is code, declarations and papers', () => {
  const strange = packed.filter(
    (file) => !/^dist\/.+\.(?:js|js\.map|d\.ts)$|^(?:package\.json|[A-Z-]+(?:\.md)?)$/.test(file),
  );
  expect(strange).toEqual([]);
  expect(packed.filter((file) => /(?:^|\/)(?:test|fixtures)\/|\.test\./.test(file))).toEqual([]);
  for (const { output } of entries) {
    expect(packed).toEqual(expect.arrayContaining([`dist/${output}.js`, `dist/${output}.d.ts`]));
  }
});

test('every entry point loads without any optional peer, but for those that are made of one', async () => {
  const loaded = await load('import');
  const lacking = Object.values(loaded).flatMap(({ missing }) => missing ?? []);
  expect(optionalPeers).toEqual(expect.arrayContaining(lacking));
  const made = Object.keys(loaded).filter((specifier) => loaded[specifier]?.missing);
  const expected = ['millrace/cel', 'millrace/savers/indexeddb', 'millrace/savers/sql'];
  expect([...expected, 'millrace/testing/vitest', 'millrace/bullmq', 'millrace/otel']).toEqual(
    expect.arrayContaining(made),
  );
});

test('with its peers, every entry point offers what its source does, by import and by require', async () => {
  // As if they had been installed too.
  for (const peer of optionalPeers) {
    const link = join(project, 'node_modules', peer);
    if (existsSync(link) || !existsSync(join(root, 'node_modules', peer))) continue;
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', peer), link);
  }
  const [imported, required] = [await load('import'), await load('require')];
  for (const { specifier, source } of entries) {
    const names = Object.keys(
      (await import(/* @vite-ignore */ join(root, source))) as object,
    ).sort();
    expect(imported[specifier], specifier).toEqual({ names });
    expect(required[specifier], specifier).toEqual({ names });
  }
});

const consumer = `
import { type CompiledFlow, defineStep, each, Flow, gt, type Ref, text } from 'millrace';
import { FlowBuilder } from 'millrace/builder';
import type { Observable } from 'rxjs';
import { z } from 'zod';

const fetchPage = defineStep({
  input: z.object({ url: z.url() }),
  output: z.object({ title: z.string(), body: z.string() }),
  run: async ({ url }, { signal }) => ({ title: url, body: String(signal.aborted) }),
});
const flow = new Flow('digest', { input: z.object({ urls: z.array(z.url()), tone: z.string().default('plain') }) });
const pages = flow.step('pages', each(fetchPage, { as: 'url' }), { items: flow.input.urls }, { when: gt(flow.input.urls.length, 0) });
const told = flow.step('told', async function* ({ prompt }: { prompt: string }) { yield prompt; }, { prompt: text\`\${flow.input.tone}\` });
const heard = flow.step('heard', ({ words }: { words: Observable<string> }) => words, { words: told.chunks });
export const digest: CompiledFlow<{ urls: string[]; tone?: string }, { titles: { title: string; body: string }[] | undefined; heard: string }> =
  flow.output({ titles: pages.out, heard: heard.out });
export const first: Ref<string | undefined> = pages.out[0].title;
export const built = new FlowBuilder('built').addStep('a', () => 1).setOutput('a', 'a.return').build();
// @ts-expect-error the page has no such part
pages.out[0].titel;
// @ts-expect-error a number
digest.complete({ urls: [1] });
`;

const cases = [
  { compiler: 'typescript', resolution: 'NodeNext' },
  { compiler: 'typescript', resolution: 'Bundler' },
  { compiler: 'typescript-5.9', resolution: 'NodeNext' },
];

test.each(cases)(
  'a consumer compiles with $compiler and resolution $resolution, declarations of the package checked too',
  async ({ compiler, resolution }) => {
    const name = `${compiler}-${resolution}`;
    const rest = entries.filter(({ output }) => !needsPeer(output));
    const imports = rest.map(({ specifier }, i) => `export * as entry${i} from '${specifier}';`);
    writeFileSync(join(project, `${name}.mts`), `${consumer}${imports.join('\n')}\n`);
    writeFileSync(
      join(project, `${name}.json`),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          skipLibCheck: false,
          target: 'ES2022',
          lib: ['ES2023', 'DOM', 'DOM.Iterable'],
          types: [],
          module: resolution === 'NodeNext' ? 'NodeNext' : 'ESNext',
          moduleResolution: resolution,
        },
        files: [`${name}.mts`],
      }),
    );
    const tsc = join(root, 'node_modules', compiler, 'bin/tsc');
    await run(process.execPath, [tsc, '-p', `${name}.json`, '--pretty', 'false'], project);
  },
  60_000,
);

/** Whether the declarations of an entry point name an optional peer; those are somebody else's to get right. */
function needsPeer(output: string): boolean {
  const seen = new Set<string>();
  const visit = (file: string): boolean => {
    if (seen.has(file)) return false;
    seen.add(file);
    const code = readFileSync(file, 'utf8');
    return [...code.matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g)].some(([, to = '']) =>
      to.startsWith('.')
        ? visit(join(dirname(file), to.replace(/\.js$/, '.d.ts')))
        : optionalPeers.some((peer) => to === peer || to.startsWith(`${peer}/`)),
    );
  };
  return visit(join(workshop, 'dist', `${output}.d.ts`));
}
