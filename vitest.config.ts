import { defineConfig } from 'vitest/config';
import { entries, root } from './scripts/entries.ts';

const laws = ['test/laws/**/*.test.ts', 'test/**/*.property.test.ts'];

export default defineConfig({
  resolve: {
    // Tests import `millrace` as users do, and get the sources.
    alias: entries.map(({ specifier, source }) => ({
      find: new RegExp(`^${specifier}$`),
      replacement: `${root}/${source}`,
    })),
  },
  test: {
    watch: false,
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', 'json'],
    outputFile: { json: 'node_modules/.cache/millrace/tests.json' },
    projects: [
      {
        extends: true,
        test: {
          name: 'test',
          include: ['test/**/*.test.ts', 'marbles/**/*.test.ts'],
          exclude: laws,
          setupFiles: ['test/setup.ts'],
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'direct path off',
          include: ['test/run/**/*.test.ts', 'test/steps/**/*.test.ts'],
          setupFiles: ['test/setup.ts'],
          env: { MILLRACE_DIRECT: 'off' },
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: { name: 'laws', include: laws, testTimeout: 120_000 },
      },
    ],
  },
});
