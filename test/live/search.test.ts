/** A search as you type against a real server, in real time: nothing stale is asked for any longer, and nothing stale is shown. */
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import type { ChatCall, ChatModel } from 'millrace/llm';
import { scriptedModel } from 'millrace/testing';
import {
  concatMap,
  debounceTime,
  filter,
  finalize,
  first,
  firstValueFrom,
  from,
  interval,
  map,
  of,
  ReplaySubject,
  tap,
  timer,
} from 'rxjs';
import { expect, test } from 'vitest';
import { searchFlow } from '../../examples/search/flow.ts';
import { type Screen, screens } from '../../examples/search/screen.ts';
import { serve } from '../../examples/search/server.ts';

const documents = ['mill', 'mills and millers', 'wheel', 'a mill wheel', 'water wheel'].map(
  (text, i) => ({ name: `d${i}`, text }),
);
const summaryOf = (query: string): string => `All about ${query} in four words.`;

/** What the model is asked says which query it is for: its first line. */
function queryOf({ messages }: ChatCall): string {
  const [part] = messages.at(-1)?.content ?? [];
  return part?.type === 'text' ? (part.text.split('\n')[0] ?? '') : '';
}

/** Says its summary word by word, and notes for which queries it was stopped before the end. */
function talker(msPerWord: number): { readonly model: ChatModel; readonly cutOff: string[] } {
  const script = scriptedModel<ChatCall>((call) => {
    const words = summaryOf(queryOf(call)).match(/\S+\s*/g) ?? [];
    return {
      marbles: `${words.map((_, i) => ` ${msPerWord}ms ${i}`).join('')}|`,
      values: Object.fromEntries(words.entries()),
    };
  });
  const cutOff: string[] = [];
  const model: ChatModel = (call) => {
    let isDone = false;
    return script(call).pipe(
      tap({
        complete: () => {
          isDone = true;
        },
      }),
      finalize(() => isDone || cutOff.push(queryOf(call))),
    );
  };
  return { model, cutOff };
}

/** A query, typed so many ms after the one before, or as soon as something is seen. */
type Typing = readonly (readonly [after: number | ((so: SoFar) => boolean), query: string])[];

type SoFar = Pick<Session, 'seen' | 'shown'>;

interface Session {
  /** What the server saw: `asked mill`, `answered mill`, `left mill`. */
  readonly seen: readonly string[];
  readonly shown: readonly Screen[];
  readonly cutOff: readonly string[];
  readonly last: Screen;
}

/** Types queries, and waits until the page is done with the last of them. */
async function session(
  typing: Typing,
  delayOf: (query: string) => number,
  msPerWord: number,
): Promise<Session> {
  const seen: string[] = [];
  const shown: Screen[] = [];
  const server = await serve(documents, delayOf, (what, query) => seen.push(`${what} ${query}`));
  const { model, cutOff } = talker(msPerWord);
  const query = from(typing).pipe(
    concatMap(([after, text]) => {
      // Typed at once is typed in one go, however busy the machine is.
      if (after === 0) return of(text);
      const isTime =
        typeof after === 'number'
          ? timer(after)
          : interval(5).pipe(first(() => after({ seen, shown })));
      return isTime.pipe(map(() => text));
    }),
    debounceTime(8),
  );
  const live = searchFlow(server.base, model).live({ query });
  const screen$ = new ReplaySubject<Screen>();
  screens(live.events$)
    .pipe(tap((screen) => shown.push(screen)))
    .subscribe(screen$);
  const [, wanted] = typing.at(-1) as Typing[number];
  const isOver = ({ state, query }: Screen) =>
    query === wanted && state !== 'searching' && state !== 'found';
  const last = await firstValueFrom(screen$.pipe(filter(isOver)));
  live.stop();
  // Until the server has learnt of every connection that was closed.
  const count = (what: string) => seen.filter((each) => each.startsWith(what)).length;
  for (let i = 0; i < 200 && count('answered') + count('left') < count('asked'); i++)
    await setTimeout(5);
  server.close();
  return { seen, shown, cutOff, last };
}

test('letters that follow each other at once are one search', async () => {
  const typing = [...'mill'].map((_, i) => [0, 'mill'.slice(0, i + 1)] as const);
  const { seen, last } = await session(typing, () => 1, 1);
  expect(seen).toEqual(['asked mill', 'answered mill']);
  expect(last).toMatchObject({ query: 'mill', state: 'done', summary: summaryOf('mill') });
  expect(last.hits?.[0]?.name).toBe('d0');
});

test('6.5 a newer query aborts the request of the older one, and the server sees its connection closed', async () => {
  const delayOf = (query: string) => (query === 'mill' ? 60_000 : 1);
  const { seen, last } = await session(
    [
      [0, 'mill'],
      [({ seen }) => seen.includes('asked mill'), 'wheel'],
    ],
    delayOf,
    1,
  );
  expect([...seen].sort()).toEqual(['answered wheel', 'asked mill', 'asked wheel', 'left mill']);
  expect(last.summary).toBe(summaryOf('wheel'));
});

test('6.5 a newer query stops the model that sums up the older one, and what it has said is shown no more', async () => {
  const { shown, cutOff, last } = await session(
    [
      [0, 'mill'],
      [({ shown }) => shown.some(({ summary }) => summary !== ''), 'wheel'],
    ],
    () => 1,
    150,
  );
  expect(cutOff).toEqual(['mill']);
  const begun = shown.filter(({ query, summary }) => query === 'mill' && summary !== '');
  expect(begun.length).toBeGreaterThan(0);
  for (const { query, summary } of shown)
    if (query === 'wheel') expect(summaryOf('wheel').startsWith(summary), summary).toBe(true);
  expect(last.summary).toBe(summaryOf('wheel'));
});

test('6.4, 6.6 however somebody types, the page shows no summary beside another query, and in the end what a search for the last query gives', async () => {
  const queries = ['mill', 'wheel', 'water', 'mill wheel', 'nothing'];
  const typing = fc.array(
    fc.tuple(fc.constantFrom(0, 2, 10, 20, 40), fc.constantFrom(...queries)),
    { minLength: 1, maxLength: 6 },
  );
  const delays = fc.array(fc.constantFrom(0, 1, 5, 20), { minLength: 5, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(typing, delays, fc.constantFrom(0, 1, 4), async (typing, delays, ms) => {
      const delayOf = (query: string) => delays[queries.indexOf(query)] as number;
      const { seen, shown, last } = await session(typing, delayOf, ms);
      for (const { query, summary, state } of shown) {
        expect(summaryOf(query).startsWith(summary), `${query}: ${summary}`).toBe(true);
        if (state === 'done' && query !== '')
          expect(summary).toBe(query === 'nothing' ? '' : summaryOf(query));
      }
      const [, wanted] = typing.at(-1) as Typing[number];
      const fresh = await session([[0, wanted]], () => 0, 0);
      expect(last).toEqual({ ...fresh.last, version: (last as { version?: number }).version });
      // Every request was answered, or its client has gone.
      const count = (what: string) => seen.filter((each) => each.startsWith(what)).length;
      expect(count('answered') + count('left')).toBe(count('asked'));
    }),
    { numRuns: 40 },
  );
}, 60_000);
