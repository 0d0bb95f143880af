/** What users ship when they import an entry point. */
import { expect, test } from 'vitest';
import { bundle } from './bundle.ts';

test('millrace/llm holds no provider, no schema library and no built-in of Node, in 8 kB', async () => {
  const { files, imports, gzip } = await bundle('src/llm/index.ts');
  expect(imports.filter((path) => path !== 'millrace' && path !== 'rxjs')).toEqual([]);
  expect(files.filter((file) => !file.startsWith('src/llm/'))).toEqual([]);
  expect(files).not.toContain('src/llm/ai-sdk.ts');
  expect(gzip).toBeLessThan(8 * 1024);
});

test.each(['ai-sdk', 'openai-compatible'])(
  'millrace/llm/%s needs nothing installed',
  async (name) => {
    const { imports, gzip } = await bundle(`src/llm/${name}.ts`);
    expect(imports.filter((path) => path !== 'millrace' && path !== 'rxjs')).toEqual([]);
    expect(gzip).toBeLessThan(8 * 1024);
  },
);
