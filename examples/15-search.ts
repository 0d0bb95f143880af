/** Search as you type: the request of a query that is no more is aborted, and no summary is shown beside a query that it is not of. */
import {
  debounceTime,
  distinctUntilChanged,
  filter,
  firstValueFrom,
  Subject,
  shareReplay,
} from 'rxjs';
import { searchFlow } from './search/flow.ts';
import { screens } from './search/screen.ts';
import { serve } from './search/server.ts';
import { chooseModel } from './shared/model.ts';

const documents = [
  { name: 'returns', text: 'Batteries can be returned within 30 days of the purchase.' },
  { name: 'shipping', text: 'Batteries are shipped by train, because planes refuse them.' },
  { name: 'account', text: 'An account is deleted within a day of being asked for.' },
];
const asked$ = new Subject<string>();
const server = await serve(
  documents,
  // The first query takes for ever, the other one does not.
  (query) => (query === 'batteries' ? 60_000 : 50),
  (what, query) => {
    if (what === 'asked') asked$.next(query);
    if (what === 'left') console.log(`server: whoever asked for "${query}" has gone`);
  },
);

// Answers with the best document, word by word.
const model = await chooseModel(({ messages }) => {
  const [part] = messages.at(-1)?.content ?? [];
  const prompt = part?.type === 'text' ? part.text : '';
  return /"text":"([^"]*)"/.exec(prompt)?.[1] ?? 'Nothing is known of that.';
});

// Operators that span inputs, such as these two, stand before the flow.
const typed$ = new Subject<string>();
const query = typed$.pipe(debounceTime(100), distinctUntilChanged());
const live = searchFlow(server.base, model).live({ query });
const screen$ = screens(live.events$).pipe(shareReplay({ bufferSize: 1, refCount: true }));
screen$
  .pipe(filter(({ state }) => state === 'found' || state === 'done'))
  .subscribe(({ query, hits, summary, state }) => {
    const names = hits?.map(({ name }) => name).join(', ');
    if (state === 'done') console.log(`page: ${query}: ${names}. ${summary}`);
    else if (summary === '') console.log(`page: ${query}: ${names} …`);
  });

const type = (text: string) => {
  for (let i = 1; i <= text.length; i++) typed$.next(text.slice(0, i));
};
type('batteries');
await firstValueFrom(asked$);
// The server still works on that when the query changes.
type('returned batteries');
await firstValueFrom(screen$.pipe(filter(({ state }) => state === 'done')));
live.stop();
server.close();

// prints:
// server: whoever asked for "batteries" has gone
// page: returned batteries: returns, shipping …
// page: returned batteries: returns, shipping. Batteries can be returned within 30 days of the purchase.
