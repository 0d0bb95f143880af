/** The flow: read, take apart, weigh, digest each document, put the page together. */
import { setImmediate } from 'node:timers/promises';
import { defineStep, each, Flow, gt, lte } from 'millrace';
import { concatMap, from, type Observable } from 'rxjs';
import { z } from 'zod';
import { readDocument, shownPath } from './files.ts';
import { summarise } from './lex-rank.ts';
import { parseMarkdown } from './markdown.ts';
import { type Entry, linesOf } from './page.ts';
import { rankTerms, type Weighted, weigh, weightOf } from './terms.ts';

interface DocumentInput {
  readonly document: Weighted;
  /** Documents of more words than this are summarised, the others quoted whole. */
  readonly long: number;
  readonly sentences: number;
}

/** One document. It is a flow of its own, and a step of the one below. */
function documentFlow() {
  const flow = new Flow<DocumentInput>('document');
  const { document, long, sentences } = flow.input;

  const terms = flow.step('terms', ({ document }) => rankTerms(document), {
    document,
  });

  const summary = flow.step(
    'summary',
    async ({ document, howMany }) => {
      // Between two documents there is room for Ctrl-C.
      await setImmediate();
      const { sentences, weights } = document;
      return summarise(sentences, (term) => weightOf(weights, term), howMany);
    },
    { document, howMany: sentences },
    { when: gt(document.words, long) },
  );

  const whole = flow.step(
    'whole',
    ({ document }) => document.sentences.map(({ text }) => text),
    { document },
    { when: lte(document.words, long) },
  );

  // One of the two was skipped. The join knows, and does not wait for it.
  const entry = flow.step(
    'entry',
    ({ document, terms, summary, whole }: EntryParams): Entry => ({
      path: document.path,
      title: document.title,
      words: document.words,
      sections: document.sections.length,
      terms,
      how: summary ? 'summarised' : 'quoted',
      sentences: summary ?? whole ?? [],
    }),
    { document, terms: terms.out, summary: summary.out, whole: whole.out },
  );
  return flow.output({ entry: entry.out });
}

interface EntryParams {
  readonly document: Weighted;
  readonly terms: Entry['terms'];
  readonly summary: readonly string[] | undefined;
  readonly whole: readonly string[] | undefined;
}

const read = defineStep({
  input: z.object({ path: z.string() }),
  run: async ({ path }, { signal }) => ({
    path: shownPath(path),
    text: await readDocument(path, signal),
  }),
});

/** Takes documents as they come, and gives each line as soon as it is there. */
const layOut = defineStep({
  reduce: 'concat',
  run: ({ documents, width }: { documents: Observable<{ entry: Entry }>; width: number }) =>
    documents.pipe(concatMap(({ entry }) => from(linesOf(entry, width)))),
});

const input = z.object({
  paths: z.array(z.string()).min(1).readonly(),
  long: z.number().int().min(0).default(120),
  sentences: z.number().int().min(1).default(4),
  width: z.number().int().min(30).default(88),
});

const flow = new Flow('digest', { input, description: 'Digests Markdown files.' });
const { paths, long, sentences, width } = flow.input;

// A file that cannot be read is left out; its failure stands in the events.
const files = flow.step('read', each(read, { as: 'path', concurrency: 8, onError: 'skip' }), {
  items: paths,
});
const parsed = flow.step(
  'parse',
  each(({ path, text }: { path: string; text: string }) => parseMarkdown(path, text)),
  { items: files.out },
);
const corpus = flow.step('weigh', ({ documents }) => weigh(documents), { documents: parsed.out });
const entries = flow.step('documents', each(documentFlow(), { as: 'document', concurrency: 2 }), {
  items: corpus.out.documents,
  long,
  sentences,
});
// A stream link: the page begins with the first document, while others are still at work.
const page = flow.step('page', layOut, { documents: entries.chunks, width });

export const digest = flow.output({
  page: page.out,
  terms: corpus.out.top,
  documents: corpus.out.documents.length,
});
