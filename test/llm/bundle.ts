/** Bundles an entry point as a user's bundler would, and tells what is in it. */
import { gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';

export interface Bundle {
  readonly gzip: number;
  /** The source files in it, from the root of the repository. */
  readonly files: readonly string[];
  /** What it imports from elsewhere. */
  readonly imports: readonly string[];
}

/** The core stays outside: whoever imports an edge has it already. */
export async function bundle(entry: string): Promise<Bundle> {
  const core: Plugin = {
    name: 'core',
    setup(builder) {
      builder.onResolve({ filter: /\/index\.ts$/ }, ({ path, kind }) =>
        kind === 'entry-point' || path !== '../index.ts'
          ? undefined
          : { path: 'millrace', external: true },
      );
    },
  };
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    // A built-in of Node or a package that is asked for stays an import, and so comes to light.
    platform: 'neutral',
    packages: 'external',
    metafile: true,
    plugins: [core],
  });
  return {
    gzip: gzipSync(outputFiles[0]?.contents ?? '').length,
    files: Object.keys(metafile.inputs),
    imports: Object.values(metafile.outputs).flatMap(({ imports }) =>
      imports.map(({ path }) => path),
    ),
  };
}
