/** What a step of a specification does when it is called. */
import { isObservable, type Observable } from 'rxjs';
import { type Handler, type StepContext, schedulerClock } from '../index.ts';
import { cold, type Values, valueIn } from './cold.ts';
import { parseRow } from './marbles.ts';
import type { Row } from './mark.ts';

type Call = (params: unknown, context: StepContext) => unknown;

/** `--# then -(a|)`: marbles for each call in turn. `*` is what the step reads, `*$` its stream, `deaf` one that does not heed its signal. */
export function answerOf(text: string, values: Values): Handler {
  const answers = text.split(' then ').map((each) => each.trim());
  const codes = answers.map((each) => codeOf(each, values));
  let calls = 0;
  const handler: Call = (params, context) =>
    codes[Math.min(calls++, codes.length - 1)]?.(params, context);
  return handler as Handler;
}

function codeOf(text: string, values: Values): Call {
  if (text === '*$') return (params) => streamIn(params);
  const deaf = /^deaf (.*)$/.exec(text);
  const row = parseRow(deaf?.[1] ?? text);
  const meaning = (params: unknown) => (key: string) =>
    key === '*' ? readBy(params) : valueIn(values, key);
  if (deaf) return (params) => deafAnswer(row, meaning(params));
  return (params, { path }) => cold(row, meaning(params), () => new Error(`${path} failed`));
}

/** The values that a step reads, as one text. */
function readBy(params: unknown): unknown {
  if (isObservable(params) || params === undefined || params === null) return '';
  if (typeof params !== 'object') return params;
  return Object.values(params).map(readBy).join('');
}

const streamIn = (params: unknown): Observable<unknown> | undefined =>
  Object.values(params as object).find((part): part is Observable<unknown> => isObservable(part));

function deafAnswer(row: Row, meaning: (key: string) => unknown): Promise<unknown> {
  const [mark] = row;
  return new Promise((resolve, reject) => {
    schedulerClock.after(mark?.at ?? 0, () => {
      if (mark?.kind === 'value') resolve(meaning(mark.key));
      else reject(new Error('failed'));
    });
  });
}
