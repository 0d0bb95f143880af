/** A chat model whose tokens are marbles. */
import { defer, type Observable } from 'rxjs';
import { FlowError, type Json, showValue } from '../index.ts';
import { cold, valueIn } from './cold.ts';
import { parseRow } from './marbles.ts';

/** The tokens of an answer, as chat models report them. */
export interface ScriptedUsage {
  readonly input: number;
  readonly output: number;
  readonly reasoning: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** What a scripted model says: the chunks of `millrace/llm` that tests need, by their shape. */
export type ScriptedChunk =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | {
      readonly type: 'tool-call';
      readonly id: string;
      readonly name: string;
      readonly input: string;
    }
  | {
      readonly type: 'finish';
      readonly reason: 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other';
      readonly usage: ScriptedUsage;
    };

/** What a character of an answer stands for: text, reasoning, a call of a tool, or a chunk as it is. */
export type ScriptedToken =
  | string
  | { readonly reasoning: string }
  /** `input` as text is what the model wrote, be it JSON or not. */
  | { readonly tool: string; readonly input?: Json; readonly id?: string }
  | { readonly chunk: ScriptedChunk };

/** One answer of the model. */
export interface ScriptedAnswer {
  /** Its tokens in time, `|` where it is finished, `#` where it fails. Characters that `values` does not name are text. */
  readonly marbles: string;
  readonly values?: Readonly<Record<string, ScriptedToken | Error>>;
  readonly usage?: Partial<ScriptedUsage>;
  /** Why it ends. By default `tool-calls` after a call of a tool, else `stop`. */
  readonly reason?: Extract<ScriptedChunk, { type: 'finish' }>['reason'];
}

/** The answers in turn, one for each call; or a function that is asked with every call. */
export type Script<Call> =
  | string
  | readonly (string | ScriptedAnswer)[]
  | ((call: Call, count: number) => string | ScriptedAnswer);

export interface ScriptedModel<Call> {
  (call: Call): Observable<ScriptedChunk>;
  /** What the model was asked, call by call. */
  readonly calls: readonly Call[];
}

/**
 * A chat model (`ChatModel` of `millrace/llm`) that says what is written here, when it is written. Each subscription is a call. A call
 * beyond the script is an error.
 *
 * @example
 * const model = scriptedModel([
 *   { marbles: '200ms r 100ms (s|)', values: { r: { reasoning: 'I must look.' }, s: { tool: 'search', input: { q: 'mills' } } } },
 *   { marbles: '300ms a--b--|', values: { a: 'Mills ', b: 'grind.' }, usage: { input: 12, output: 4 } },
 * ])
 */
export function scriptedModel<Call = unknown>(script: Script<Call>): ScriptedModel<Call> {
  const calls: Call[] = [];
  const model = (call: Call): Observable<ScriptedChunk> =>
    defer(() => {
      const count = calls.push(call) - 1;
      return spoken(answerTo(script, call, count), count);
    });
  return Object.assign(model, { calls });
}

function answerTo<Call>(script: Script<Call>, call: Call, count: number): ScriptedAnswer {
  const answers = typeof script === 'string' ? [script] : script;
  const answer = typeof answers === 'function' ? answers(call, count) : answers[count];
  if (answer === undefined) {
    const has =
      typeof answers === 'function'
        ? 'gives no answer'
        : `has ${answers.length} ${answers.length === 1 ? 'answer' : 'answers'}`;
    throw new FlowError(
      'invalid-option',
      `The script of the model ${has}, and this is call ${count + 1}. Write what it answers`,
    );
  }
  return typeof answer === 'string' ? { marbles: answer } : answer;
}

function spoken(
  { marbles, values = {}, usage, reason }: ScriptedAnswer,
  count: number,
): Observable<ScriptedChunk> {
  const row = parseRow(marbles);
  let toolCalls = 0;
  for (const [key, token] of Object.entries(values))
    if (key !== '#' && !isToken(token)) throw badToken(key, token);
  const chunkOf = (key: string): ScriptedChunk => {
    const token = valueIn(values, key) as ScriptedToken;
    if (typeof token === 'string') return { type: 'text', text: token };
    if ('chunk' in token) return token.chunk;
    if ('reasoning' in token) return { type: 'reasoning', text: token.reasoning };
    const { tool: name, input = {}, id = `call-${count + 1}-${++toolCalls}` } = token;
    return {
      type: 'tool-call',
      id,
      name,
      input: typeof input === 'string' ? input : JSON.stringify(input),
    };
  };
  const finish = (): ScriptedChunk => ({
    type: 'finish',
    reason: reason ?? (toolCalls > 0 ? 'tool-calls' : 'stop'),
    usage: { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0, ...usage },
  });
  const error = () => values['#'] ?? new Error('the model fails, as its script says');
  // A mark of its own for the end, so that `finish` comes with it.
  const marks = row.flatMap((mark) =>
    mark.kind === 'complete' ? [{ at: mark.at, kind: 'value' as const, key: '|' }, mark] : [mark],
  );
  return cold(marks, (key) => (key === '|' ? finish() : chunkOf(key)), error);
}

const isToken = (token: unknown): boolean =>
  typeof token === 'string' ||
  (typeof token === 'object' &&
    token !== null &&
    ['chunk', 'reasoning', 'tool'].some((name) => Object.hasOwn(token, name)));

const badToken = (key: string, token: unknown): FlowError =>
  new FlowError(
    'invalid-option',
    `The script of the model says "${key}", which stands for ${showValue(token)}. Give a text, { reasoning }, { tool, input } or { chunk }; an error stands for "#" only`,
  );
