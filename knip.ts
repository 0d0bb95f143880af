import type { KnipConfig } from 'knip';
import { entries } from './scripts/entries.ts';

const config: KnipConfig = {
  entry: [
    ...entries.map((entry) => entry.source),
    'scripts/*.ts',
    'examples/*.ts',
    'examples/*/main.ts',
    'test/**/*.test.ts',
    'test/types/**/*.ts',
    // Bundled, or run as processes, by their tests.
    'test/{savers/indexeddb-page,*/*-child}.ts',
    // Bundled for a browser by their tests.
    'test/fixtures/page.ts',
    'test/interop/platform-page.ts',
    // Given to node by the tests of the examples.
    'test/examples/from-sources.ts',
  ],
  project: ['src/**/*.ts', 'scripts/**/*.ts', 'examples/**/*.ts', 'test/**/*.ts'],
  // Projects of their own.
  ignore: ['examples/frameworks/**'],
  ignoreExportsUsedInFile: { interface: true, type: true },
  ignoreDependencies: [
    // Called by scripts/check.ts.
    'publint',
    '@arethetypeswrong/cli',
    // Called by scripts/types.ts.
    'typescript-5.9',
  ],
};

export default config;
