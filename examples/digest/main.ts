/**
 * The main job: a digest of Markdown files. `npm start` takes the documentation of this repository, `npm start -- <folders or files>`
 * anything else. Progress goes to stderr, the digest to stdout, the drawn graph and the saved run to ./.millrace/.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { styleText } from 'node:util';
import { FlowError } from 'millrace';
import { toSvg } from 'millrace/draw';
import { sqlite } from 'millrace/savers/sqlite';
import { findDocuments, shownPath } from './files.ts';
import { digest } from './flow.ts';
import { showTerms } from './page.ts';
import { progressTo } from './progress.ts';

const repository = resolve(import.meta.dirname, '../..');

/** A fault of the input, not of the program: told without a stack. */
class InputError extends Error {}

async function documentsIn(given: readonly string[]): Promise<readonly string[]> {
  if (given.length === 0)
    return [join(repository, 'README.md'), ...(await findDocuments(join(repository, 'docs')))];
  const found = await Promise.all(given.map(documentsAt));
  return [...new Set(found.flat())];
}

async function documentsAt(given: string): Promise<readonly string[]> {
  const paths = await findDocuments(resolve(given)).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(
      error.code === 'ENOENT'
        ? `There is no file or folder "${given}". Give the path of one: npm start -- docs`
        : `"${given}" cannot be opened: ${error.message}`,
    );
  });
  if (paths.length === 0)
    throw new InputError(
      `The folder "${given}" has no Markdown files (*.md). Give another one, or a file.`,
    );
  return paths;
}

async function draw(folder: string): Promise<string[]> {
  const drawings = {
    'digest.mmd': digest.toMermaid(),
    'digest.svg': toSvg(digest, { title: 'digest' }),
  };
  await mkdir(folder, { recursive: true });
  return Promise.all(
    Object.entries(drawings).map(async ([name, text]) => {
      await writeFile(join(folder, name), text);
      return shownPath(join(folder, name));
    }),
  );
}

async function main(given: readonly string[]): Promise<void> {
  const paths = await documentsIn(given);
  const kept = resolve('.millrace');
  const drawings = await draw(kept);

  const saver = sqlite(join(kept, 'runs.db'));
  const width = Math.min(88, Math.max(30, process.stdout.columns ?? 88));
  const run = digest.start({ paths, width }, { saver });
  run.events$.subscribe(progressTo(process.stderr));
  const interrupt = () => run.cancel('interrupted');
  process.once('SIGINT', interrupt);
  const { page, terms, documents } = await run.result;
  process.removeListener('SIGINT', interrupt);
  await saver.close();

  if (documents === 0) throw new InputError(`Nothing in "${given.join('", "')}" can be read.`);
  const bold = (text: string) => styleText('bold', text, { stream: process.stdout });
  process.stdout.write(`\n${page}`);
  if (terms.length > 0) console.log(`${bold('All of it is about:')} ${showTerms(terms)}`);
  console.log(`${bold('The flow, drawn:')} ${drawings.join(', ')}`);
  console.log(`${bold('The run, saved:')} ${run.id} in ${shownPath(join(kept, 'runs.db'))}`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const { message, stack } = error as Error;
  // Errors of the library and of the file system have a code and say what is wrong; anything else is a bug.
  const isExpected = error instanceof InputError || 'code' in (error as object);
  console.error(isExpected ? message : stack);
  process.exitCode = FlowError.is(error, 'cancelled') ? 130 : 1;
}
