/** What the types cost a user: the compiler's work grows with the steps and no faster, and declarations stay short. */
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entries, root } from '../../scripts/entries.ts';
import { compile, folder } from './compiler.ts';

const path = folder('budget');
const declarations = join(path, 'dist');

/** As users see the library: its declarations, not its sources. */
const asInstalled = {
  skipLibCheck: true,
  paths: Object.fromEntries(
    entries.map(({ specifier, output }) => [specifier, [join(declarations, `${output}.d.ts`)]]),
  ),
};

/** A flow as people write them: schemas, references, texts, conditions, nested params, options. In groups of five steps. */
function program(steps: number): string {
  const lines = [
    "import { and, defineStep, eq, Flow, gt, orElse, text } from 'millrace';",
    "import { of } from 'rxjs';",
    "import { z } from 'zod';",
    "const flow = new Flow('budget', { input: z.object({ url: z.url(), tone: z.string().default('plain'), limit: z.number() }) });",
  ];
  let source = 'flow.input.url';
  for (let i = 0; i < steps; i += 5) {
    lines.push(
      `const fetch${i} = defineStep({`,
      '  input: z.object({ url: z.string(), tries: z.number().default(3) }),',
      `  output: z.object({ title: z.string(), body: z.string(), score${i}: z.number(), links: z.array(z.object({ href: z.string(), rank: z.number() })) }),`,
      `  run: async ({ url, tries }) => ({ title: url, body: url, score${i}: tries, links: [{ href: url, rank: 1 }] }),`,
      '});',
      `const page${i} = flow.step('page${i}', fetch${i}, { url: ${source} }, { retry: { count: 3, delay: 500 }, timeout: { attempt: 10_000 } });`,
      `const gist${i} = flow.step('gist${i}', async function* ({ prompt }: { prompt: string; system?: string }) { yield prompt; return { text: prompt, n${i}: ${i} }; }, {`,
      `  prompt: page${i}.out.body, system: text\`Write in a \${flow.input.tone} tone about \${page${i}.out.title}.\` });`,
      `const mail${i} = flow.step('mail${i}', ({ mail }: { mail: { to: readonly { name: string }[]; body: string; rank: number } }) => ({ sent: mail.body.length }), {`,
      `  mail: { to: [{ name: page${i}.out.title }, { name: 'Ada' }], body: gist${i}.out.text, rank: gist${i}.out.n${i} } },`,
      `  { when: and(gt(page${i}.out.score${i}, 1), eq(flow.input.tone, 'warm')) });`,
      `const words${i} = flow.step('words${i}', ({ body }) => of(...body.split(' ')), { body: page${i}.out.body });`,
      `const sum${i} = flow.step('sum${i}', ({ sent, word }) => ({ url: word, sent }), {`,
      `  sent: orElse(mail${i}.out.sent, 0), word: words${i}.out }, { after: [gist${i}] });`,
    );
    source = `sum${i}.out.url`;
  }
  lines.push(
    `export const compiled = flow.output({ last: ${source}, ${Array.from({ length: steps / 10 }, (_, i) => `o${i}: sum${i * 10}.out`).join(', ')} });`,
  );
  return lines.join('\n');
}

const empty = `
import { defineStep, Flow } from 'millrace';
import { of } from 'rxjs';
import { z } from 'zod';
export const unused = [defineStep, Flow, of, z];
`;

interface Cost {
  readonly instantiations: number;
  readonly types: number;
  readonly seconds: number;
}

async function cost(name: string, source: string): Promise<Cost> {
  const file = `${name}.ts`;
  writeFileSync(join(path, file), source);
  const { output, status } = await compile(
    'typescript',
    path,
    { include: [file], ...asInstalled },
    '--extendedDiagnostics',
    // One after the other: work that is shared between checkers would be counted twice.
    '--singleThreaded',
  );
  expect(status, output).toBe(0);
  const number = (label: string): number =>
    Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(output)?.[1]);
  return {
    instantiations: number('Instantiations'),
    types: number('Types'),
    seconds: number('Check time'),
  };
}

beforeAll(async () => {
  await compile('typescript', path, {
    include: [join(root, 'src')],
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: join(root, 'src'),
    outDir: declarations,
  });
  for (const file of globSync(join(declarations, '**/*.d.ts'))) {
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(/(from ?['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'),
    );
  }
});
afterAll(() => rmSync(path, { recursive: true }));

test('twice the steps cost at most 2.4 times the work, and 100 steps take under a second', async () => {
  const base = await cost('empty', empty);
  const costs = new Map<number, Cost>();
  for (const steps of [50, 100, 200]) costs.set(steps, await cost(`flow${steps}`, program(steps)));
  const above = (steps: number, what: 'instantiations' | 'types'): number =>
    (costs.get(steps)?.[what] ?? Number.NaN) - base[what];
  for (const what of ['instantiations', 'types'] as const) {
    expect(above(100, what) / above(50, what), what).toBeLessThan(2.4);
    expect(above(200, what) / above(100, what), what).toBeLessThan(2.4);
  }
  // What a step costs by itself. A machine under load does not change it.
  expect(above(100, 'instantiations') / 100).toBeLessThan(1_500);
  let seconds = costs.get(100)?.seconds ?? Number.NaN;
  for (let i = 0; i < 2; i++) {
    seconds = Math.min(seconds, (await cost('flow100', program(100))).seconds);
  }
  expect(seconds).toBeLessThan(1);
  console.log(
    [50, 100, 200]
      .map((steps) => `${steps} steps: ${above(steps, 'instantiations')} instantiations`)
      .join(', '),
    `; 100 steps are checked in ${seconds} s, ${base.seconds} s of it without a flow`,
  );
}, 60_000);

test('an exported flow has a short declaration that names nothing but the library', async () => {
  const fixtures = join(root, 'test/fixtures');
  const { output, status } = await compile('typescript', path, {
    include: [join(fixtures, 'digest.ts')],
    ...asInstalled,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: fixtures,
    outDir: join(path, 'fixtures'),
  });
  expect(status, output).toBe(0);
  const declaration = readFileSync(join(path, 'fixtures/digest.d.ts'), 'utf8');
  expect(declaration).toMatchInlineSnapshot(`
    "export declare const digest: import("millrace").CompiledFlow<{
        url: string;
        tone?: string | undefined;
    }, {
        title: string;
        gist: string;
        audio: string | undefined;
    }>;
    "
  `);
  expect(declaration.length).toBeLessThan(300);
});
