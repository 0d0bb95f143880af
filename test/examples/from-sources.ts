/** For child processes: `import … from 'millrace'` gets the sources, so that nothing needs to be built. */
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const address = /^millrace(?:\/(.+))?$/.exec(specifier);
    if (!address) return next(specifier, context);
    const [file, index] = ['', '/index'].map(
      (end) => new URL(`../../src/${address[1] ?? 'index'}${end}.ts`, import.meta.url),
    ) as [URL, URL];
    return { url: (existsSync(file) ? file : index).href, shortCircuit: true };
  },
});
