/** The digest as lines of text. */
import type { Term } from './terms.ts';

/** What is known of a document in the end. */
export interface Entry {
  readonly path: string;
  readonly title: string;
  readonly words: number;
  readonly sections: number;
  readonly terms: readonly Term[];
  readonly how: 'summarised' | 'quoted';
  readonly sentences: readonly string[];
}

/** One document: a head, its terms, its sentences with numbers. */
export function* linesOf(entry: Entry, width: number): Generator<string> {
  const { path, title, words, sections, terms, how, sentences } = entry;
  yield `${title}\n`;
  const number = (count: number, name: string) =>
    `${count.toLocaleString('en')} ${name}${count === 1 ? '' : 's'}`;
  const told = sentences.length === 0 ? 'nothing to tell' : how;
  yield `  ${path} · ${number(words, 'word')} · ${number(sections, 'section')} · ${told}\n`;
  if (terms.length > 0) yield `  about: ${showTerms(terms)}\n`;
  let n = 0;
  for (const sentence of sentences) {
    const mark = `${++n}. `.padStart(6);
    for (const [i, line] of wrap(sentence, width - mark.length).entries())
      yield `${i === 0 ? mark : ' '.repeat(mark.length)}${line}\n`;
  }
  yield '\n';
}

export const showTerms = (terms: readonly Term[]): string =>
  terms.map(({ term }) => term).join(', ');

/** Lines of at most so many characters; a longer word has a line of its own. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((each) => each !== '')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}
