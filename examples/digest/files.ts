/** Finding and reading the documents. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Larger files are no documents that a person wrote. */
const largest = 4 * 1024 * 1024;

/**
 * The Markdown files of a folder, its folders included but for hidden ones and node_modules; or the file itself. A folder inside that cannot
 * be opened is among them, so that it is told like a file that cannot be read.
 */
export async function findDocuments(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry): Promise<readonly string[]> => {
      const at = join(path, entry.name);
      if (entry.isDirectory())
        return /^\.|^node_modules$/.test(entry.name) ? [] : findDocuments(at).catch(() => [at]);
      return /\.(md|markdown)$/i.test(entry.name) ? [at] : [];
    }),
  );
  return found.flat().sort();
}

/** A path as a person reads it, from where they stand. */
export const shownPath = (path: string): string => {
  const near = relative(process.cwd(), path);
  return withoutControls(near === '' || near.startsWith('..') ? path : near);
};

/** A terminal obeys control characters, and documents have nothing to say to it. */
const withoutControls = (text: string): string => text.replace(/[^\P{Cc}\t\n\r]/gu, '');

/** The text of a file. Throws for one that is too large, or no text. */
export async function readDocument(path: string, signal: AbortSignal): Promise<string> {
  // Asked first: to open a pipe or a device may take for ever.
  const found = await stat(path);
  // A folder could not be opened: the attempt says why.
  if (found.isDirectory()) await readdir(path);
  if (!found.isFile()) throw new Error('it is no file');
  if (found.size > largest)
    throw new Error(
      `it has ${megabytes(found.size)} MB, and a document at most ${megabytes(largest)}`,
    );
  const bytes = await readFile(path, { signal });
  if (bytes.subarray(0, 8192).includes(0)) throw new Error('it is binary, not text');
  return decode(bytes);
}

const megabytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);

function decode(bytes: Uint8Array): string {
  try {
    return withoutControls(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Error('it is no text in UTF-8');
  }
}
