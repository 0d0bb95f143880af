/** The page, compiled ahead of time, in a browser without a screen. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import linker from '@angular/compiler-cli/linker/babel';
import { transformAsync } from '@babel/core';
import { build, type Plugin } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { launch } from '../chromium.mts';

/** What Angular's own builder does with its packages: they are published half compiled. */
const linked: Plugin = {
  name: 'linked',
  setup({ onLoad }) {
    onLoad({ filter: /@angular.*\.mjs$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (!source.includes('ɵɵngDeclare')) return { contents: source };
      const result = await transformAsync(source, {
        filename: path,
        plugins: [linker],
        babelrc: false,
        configFile: false,
        compact: false,
      });
      return { contents: result?.code ?? '' };
    });
  },
};

const { outputFiles } = await build({
  entryPoints: ['dist/main.js'],
  plugins: [linked],
  bundle: true,
  write: false,
  format: 'esm',
  target: 'es2022',
});
