/** The house stands: floors, edges, circles, sizes, entry points. Read off the sources. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { entries, exportsTable, root } from '../scripts/entries.ts';

/** From the ground up. A file imports from its own floor or below; the two nouns do not know each other. */
const floors: readonly (readonly string[])[] = [
  ['errors.ts', 'plain.ts'],
  ['graph', 'state'],
  ['wire'],
  ['run'],
  ['steps'],
  ['compiled-flow.ts', 'flow.ts', 'builder.ts'],
  ['index.ts'],
];

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort();

const sources = new Map(
  files.map((file) => [file, readFileSync(join(root, 'src', file), 'utf8')] as const),
);
const source = (file: string): string => sources.get(file) ?? '';
/** The folder of a file, or the file itself where it stands alone. */
const roomOf = (file: string): string => file.split('/')[0] ?? '';
const floorOf = (file: string): number => floors.findIndex((floor) => floor.includes(roomOf(file)));
const isEdge = (file: string): boolean => floorOf(file) < 0;

/** Everything that a file imports or re-exports, types included; comments with examples left out. */
function specifiers(file: string): readonly string[] {
  const code = source(file).replace(/\/\*[\s\S]*?\*\//g, '');
  const found = code.matchAll(
    /^(?:import|export)\b[^'"`;=(]*\bfrom\s+['"]([^'"]+)['"]|^import ['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map((parts) => parts.slice(1).find((part) => part !== undefined) ?? '');
}

const imports = (file: string): readonly string[] =>
  specifiers(file)
    .filter((each) => each.startsWith('.'))
    .map((each) => normalize(join(dirname(file), each)));

/** The imports for which a rule does not hold, as a reader wants them. */
const breaches = (
  from: (file: string) => boolean,
  allowed: (file: string, to: string) => boolean,
): string[] =>
  files.filter(from).flatMap((file) =>
    imports(file)
      .filter((to) => !allowed(file, to))
      .map((to) => `${file} -> ${to}`),
  );

test('the reader of imports sees all forms of them', () => {
  expect(imports('index.ts').length).toBeGreaterThan(20);
  expect(imports('flow.ts')).toEqual(
    expect.arrayContaining(['errors.ts', 'compiled-flow.ts', 'graph/ref.ts', 'wire/step.ts']),
  );
  for (const file of files) {
    for (const to of imports(file)) expect(files, `${file} imports ${to}`).toContain(to);
  }
});

test('a file imports from its own floor or below', () => {
  expect(
    breaches(
      (file) => !isEdge(file),
      (file, to) => !isEdge(to) && floorOf(to) <= floorOf(file),
    ),
  ).toEqual([]);
});

test('graph and state do not know each other', () => {
  const nouns = ['graph', 'state'];
  expect(
    breaches(
      (file) => nouns.includes(roomOf(file)),
      (file, to) => !nouns.includes(roomOf(to)) || roomOf(to) === roomOf(file),
    ),
  ).toEqual([]);
});

test('the nouns know no RxJS', () => {
  const knowing = files.filter(
    (file) =>
      floorOf(file) >= 0 &&
      floorOf(file) <= 1 &&
      specifiers(file).some((each) => each === 'rxjs' || each.startsWith('rxjs/')),
  );
  expect(knowing).toEqual([]);
});

test('an edge sees the face and its own folder, never another edge', () => {
  expect(breaches(isEdge, (file, to) => to === 'index.ts' || roomOf(to) === roomOf(file))).toEqual(
    [],
  );
});

test('no circle, types included', () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    for (const to of imports(file)) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

test.each(files)('%s has at most 300 lines and begins by saying what it is for', (file) => {
  expect(source(file).split('\n').length - 1).toBeLessThanOrEqual(300);
  expect(source(file)).toMatch(/^(?:#!.*\n)?\/\*\*/);
});

test('no file of the core imports a built-in of Node', () => {
  const builtIn = (each: string): boolean =>
    each.startsWith('node:') || builtinModules.includes(each);
  const importing = files
    .filter((file) => !isEdge(file))
    .flatMap((file) =>
      specifiers(file)
        .filter(builtIn)
        .map((each) => `${file} -> ${each}`),
    );
  expect(importing).toEqual([]);
});

test('the core imports no package but rxjs', () => {
  const importing = files
    .filter((file) => !isEdge(file))
    .flatMap((file) =>
      specifiers(file)
        .filter((each) => !each.startsWith('.') && each !== 'rxjs')
        .map((each) => `${file} -> ${each}`),
    );
  expect(importing).toEqual([]);
});

test('the entry points of package.json are those whose files exist: `npm run exports` writes them', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: unknown;
  };
  expect(manifest.exports).toEqual(exportsTable());
});

test('every edge has an entry point', () => {
  const rooms = new Set(entries.map(({ source }) => roomOf(source.replace('src/', ''))));
  expect(files.filter((file) => isEdge(file) && !rooms.has(roomOf(file)))).toEqual([]);
});
