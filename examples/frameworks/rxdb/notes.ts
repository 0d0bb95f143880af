/** A flow that is kept running on the result of a query: what is derived follows the database, without a torn state in between. */
import { Flow } from 'millrace';
import type { RxCollection, RxDocument, RxJsonSchema } from 'rxdb';
import type { Observable } from 'rxjs';

export interface Note {
  readonly id: string;
  readonly text: string;
  readonly minutes: number;
}

export const noteSchema: RxJsonSchema<Note> = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: {
    id: { type: 'string', maxLength: 40 },
    text: { type: 'string' },
    minutes: { type: 'number' },
  },
  required: ['id', 'text', 'minutes'],
};

type Notes = readonly RxDocument<Note>[];

const flow = new Flow<{ docs: Notes; word: string }>('notes');

const total = flow.step(
  'total',
  ({ docs }: { docs: Notes }) => docs.reduce((sum, { minutes }) => sum + minutes, 0),
  { docs: flow.input.docs },
);

const found = flow.step(
  'found',
  ({ docs, word }: { docs: Notes; word: string }) =>
    docs.filter(({ text }) => text.includes(word)).map(({ text }) => text),
  { docs: flow.input.docs, word: flow.input.word },
);

const overview = flow.output({ total: total.out, found: found.out });

/** Queries and whatever else changes: an Observable for each input. */
export const overviewOf = (notes: RxCollection<Note>, word$: Observable<string>) =>
  overview.live({ docs: notes.find({ sort: [{ id: 'asc' }] }).$, word: word$ });
