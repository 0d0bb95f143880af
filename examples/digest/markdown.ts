/** Markdown as a reader meets it: sections, sentences, words. Code blocks, tables and comments are left out. */

export interface Section {
  readonly heading: string;
  readonly paragraphs: readonly string[];
}

export interface Sentence {
  readonly text: string;
  /** Lower case, plurals folded, no stop words. */
  readonly terms: readonly string[];
}

/** A document taken apart. */
export interface Parsed {
  readonly path: string;
  readonly title: string;
  readonly sections: readonly Section[];
  readonly sentences: readonly Sentence[];
  readonly words: number;
}

export function parseMarkdown(path: string, markdown: string): Parsed {
  const sections = splitSections(markdown);
  const sentences = sections
    .flatMap(({ paragraphs }) => paragraphs)
    .flatMap(splitSentences)
    .map((text) => ({ text, terms: termsOf(text) }));
  return {
    path,
    title: sections.find(({ heading }) => heading !== '')?.heading ?? path,
    sections,
    sentences,
    words: sentences.reduce((sum, { text }) => sum + wordsOf(text).length, 0),
  };
}

/** What stands before the first heading is a section without a heading. */
export function splitSections(markdown: string): readonly Section[] {
  const sections: { heading: string; paragraphs: string[] }[] = [{ heading: '', paragraphs: [] }];
  let paragraph: string[] = [];
  let fence = '';
  const close = () => {
    const text = plain(paragraph.join(' '));
    if (text !== '') sections.at(-1)?.paragraphs.push(text);
    paragraph = [];
  };
  for (const line of withoutAsides(markdown).split('\n')) {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1] ?? '';
    if (fence !== '') {
      if (mark.startsWith(fence)) fence = '';
      continue;
    }
    const heading = /^#{1,6}\s+(.*)$/.exec(line)?.[1];
    const item = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(line)?.[1];
    if (mark !== '') {
      close();
      fence = mark;
    } else if (heading !== undefined) {
      close();
      const text = heading.trimEnd().replace(/(?<=\s)#+$/, '');
      sections.push({ heading: plain(text), paragraphs: [] });
    } else if (line.trim() === '' || /^\s*\||^[-=*_ ]{3,}$/.test(line)) {
      close();
    } else if (item !== undefined) {
      close();
      paragraph.push(item);
    } else {
      paragraph.push(line.replace(/^\s*(?:>\s?)*/, ''));
    }
  }
  close();
  return sections.filter(({ heading, paragraphs }) => heading !== '' || paragraphs.length > 0);
}

function withoutAsides(markdown: string): string {
  const text = markdown.replace(/\r\n?/g, '\n').replace(/^---\n[\s\S]*?\n---\n/, '');
  // Behind the last end no comment ends: each would be looked for to the end of the text.
  const end = text.lastIndexOf('-->') + 3;
  return text.slice(0, end).replace(/<!--[\s\S]*?-->/g, '') + text.slice(end);
}

/** Text without its marks: links and images become their words, code stays as it is. */
const plain = (text: string): string =>
  text
    .split(/(`+[^`]+`+)/)
    .map((part, i) => (i % 2 === 1 ? part.replaceAll('`', '') : withoutMarks(part)))
    .join('')
    .replace(/\s+/g, ' ')
    .trim();

// What opens again before it has closed is no link: so no bracket makes the rest of the text be looked through.
const link = /!?\[([^[\]]*)\]\([^()]*(?:\([^()]*\)[^()]*)*\)/g;

const withoutMarks = (text: string): string =>
  text
    // Twice, for images in links.
    .replace(link, '$1')
    .replace(link, '$1')
    .replace(/<\/?[a-z][^<>]{0,200}>/gi, '')
    .replace(/(\*\*|__|~~)/g, '')
    .replace(/(^|\s)[*_](\S[^*_]*)[*_](?=\W|$)/g, '$1$2');

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

export const splitSentences = (paragraph: string): readonly string[] =>
  [...segmenter.segment(paragraph)].map(({ segment }) => segment.trim()).filter((text) => text);

const wordsOf = (text: string): readonly string[] =>
  text.match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];

export const termsOf = (text: string): readonly string[] =>
  wordsOf(text)
    .map((word) => word.toLowerCase().replace(/’/g, "'"))
    .filter((word) => word.length > 2 && !stopWords.has(word) && !/^\d+$/.test(word))
    .map((word) => (word.length > 3 ? word.replace(/([^suij])s$/, '$1') : word));

/** Words that say nothing about what a text is about. */
const stopWords = new Set(
  `a about above after again against all also always am an and another any are as at be because been before being below
  between both but by can cannot come comes could did do does doing done down during each either else ever every few for
  from further get gets give given gives had has have having he her here hers him his how however i if in into is isn't it
  it's its itself just keep keeps let like made make makes may me might mine more most much must my neither never no nor
  not nothing now of off on once one only or other others our out over own per rather same say says see she should since
  so some such take takes than that that's the their them then there these they this those through to too two under until
  up upon us use used uses using very want was way we well were what when where whether which while who whole whom whose
  why will with within without would yet you your yours`.split(/\s+/),
);
