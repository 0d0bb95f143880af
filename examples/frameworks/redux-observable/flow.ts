/** The flow: what a search for a text does. Its step heeds the signal, so a search that is no longer wanted leaves the server alone. */
import { Flow } from 'millrace';

export function searchFlow(server: string) {
  const flow = new Flow<{ text: string }>('search');
  const fetched = flow.step(
    'fetch',
    async ({ text }: { text: string }, { signal }): Promise<readonly string[]> => {
      const response = await fetch(`${server}/?q=${encodeURIComponent(text)}`, { signal });
      if (!response.ok) throw new Error(`The server answered ${response.status}`);
      return response.json();
    },
    { text: flow.input.text },
  );
  const ranked = flow.step(
    'rank',
    ({ words }: { words: readonly string[] }) =>
      words.toSorted((a, b) => a.length - b.length || a.localeCompare(b)),
    { words: fetched.out },
  );
  return flow.output({ words: ranked.out });
}

export type SearchFlow = ReturnType<typeof searchFlow>;
