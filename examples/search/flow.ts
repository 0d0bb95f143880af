/** Search as you type: what was found is ranked, and a model sums up the best of it. */
import { Flow, gt, text } from 'millrace';
import { type ChatModel, llm } from 'millrace/llm';
import { type Document, Index } from '../support/bm25.ts';

type Query = { readonly query: string };

const finder =
  (base: string) =>
  async ({ query }: Query, { signal }: { signal: AbortSignal }) => {
    // The signal aborts when the query changes: the server sees the connection closed.
    const response = await fetch(`${base}/search?q=${encodeURIComponent(query)}`, { signal });
    if (!response.ok) throw new Error(`the server answered with ${response.status}`);
    return (await response.json()) as readonly Document[];
  };

const rank = ({ documents, query }: Query & { documents: readonly Document[] }) =>
  new Index(documents).search(query, 3);

export function searchFlow(base: string, model: ChatModel) {
  const flow = new Flow<Query>('search');
  const { query } = flow.input;
  const found = flow.step('found', finder(base), { query });
  const ranked = flow.step('ranked', rank, { documents: found.out, query });
  const summary = flow.step(
    'summary',
    llm({ model, system: 'Answer in one sentence, from these documents only.' }),
    { prompt: text`${query}\n\n${ranked.out}` },
    { when: gt(ranked.out.length, 0) },
  );
  return flow.output({ hits: ranked.out, summary: summary.out.text });
}
