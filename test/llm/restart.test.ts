/** Approval by another process than the one that asked. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { root } from '../../scripts/entries.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function processOf(folder: string, ...what: readonly string[]): readonly string[] {
  const sources = pathToFileURL(join(root, 'test/examples/from-sources.ts')).href;
  const script = join(root, 'test/llm/approving-child.ts');
  const args = ['--import', sources, script, folder, ...what];
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim().split('\n');
}

test.each([
  ['true', ['paid 7', 'asked 3', 'said paid 7']],
  [
    '{"approved":false,"reason":"Too dear."}',
    ['asked 3', 'said The call was not approved. Too dear.'],
  ],
])(
  '5.11 7.6 a call that one process asked about is answered %s in another, and the model is asked no turn again',
  (answer, told) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-approval-'));
    folders.push(folder);
    expect(processOf(folder, 'start')).toEqual(['asked 1', 'suspended']);
    expect(processOf(folder, 'resume', answer)).toEqual(told);
  },
);
