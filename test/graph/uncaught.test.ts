/** What Node writes of an error that nobody caught: it prints fields by itself then, and asks no error how it wants to be shown. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { root } from '../../scripts/entries.ts';

const sources = pathToFileURL(join(root, 'test/examples/from-sources.ts')).href;

/** The lines that a program dies with, but for stacks and for where Node itself stood. */
function lastWords(program: string): readonly string[] {
  const code = `import { Flow } from 'millrace';\n${program}`;
  const args = ['--import', sources, '--input-type=module', '--eval', code];
  const { stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(status).toBe(1);
  const lines = stderr.split('\n').map((line) => line.trim());
  const told = lines.slice(lines.findIndex((line) => /^\[?FlowError/.test(line)));
  return told.filter((line) => line !== '' && !/^(at |Node\.js)/.test(line));
}

test('3.1 a failed run that nobody caught is told once, with the line that threw', () => {
  const told = lastWords(`
    const flow = new Flow('mail');
    const draft = flow.step('draft', () => Promise.reject(new TypeError('no ink')), {});
    const post = flow.step('post', () => { throw new Error('no stamp') }, {});
    await flow.output({ draft: draft.out, post: post.out }).complete({});
  `);
  expect(told).toEqual([
    '[FlowError: The run of "mail" failed: its output "draft" needs "draft", its output "post" needs "post". (run-failed)',
    '- draft: Step "draft" failed: no ink (step-failed)',
    '- post: Step "post" failed: no stamp (step-failed)] {',
    "code: 'run-failed',",
    "path: '',",
    '[cause]: [FlowError: Step "draft" failed: no ink (step-failed)] {',
    "code: 'step-failed',",
    "path: 'draft',",
    'attempt: 1,',
    '[cause]: TypeError: no ink',
    '[errors]: []',
    '},',
    '[errors]: [Getter]',
    '}',
  ]);
});

test('1.11 a definition that nobody caught is told with its problems, once, and the line that wrote it', () => {
  const told = lastWords(`
    const flow = new Flow('mail');
    flow.step('post', () => 1, {}, { when: { op: 'exists', left: { key: 'draft.return' } } });
    flow.output({});
  `);
  expect(told).toEqual([
    'FlowError: The flow "mail" has a problem: (invalid-definition)',
    '- condition of "post": reads "draft.return", but the flow has no step "draft". It has: post',
    "code: 'invalid-definition',",
    '[errors]: []',
    '}',
  ]);
});
