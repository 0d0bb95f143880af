import { defineConfig } from 'tsup';
import { entries } from './scripts/entries.ts';

export default defineConfig({
  entry: Object.fromEntries(entries.map(({ output, source }) => [output, source])),
  format: 'esm',
  target: 'es2022',
  splitting: true,
  sourcemap: true,
  clean: true,
  // tsc makes the declarations: tsup's own would export names that the code does not.
  dts: false,
  // `node:sqlite` exists under no other name.
  removeNodeProtocol: false,
  // Nothing is bundled but the layout of drawings.
  skipNodeModulesBundle: true,
  noExternal: [/^@dagrejs\//],
});
