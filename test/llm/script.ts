/** A chat model that answers by script: what it is asked is recorded. */
import type { ChatCall, ChatChunk, ChatModel, Usage } from 'millrace/llm';
import { asyncScheduler, concat, from, NEVER, observeOn, throwError } from 'rxjs';

export interface Reply {
  /** One chunk a text. */
  readonly text?: string | readonly string[];
  readonly calls?: readonly {
    readonly name: string;
    readonly input?: unknown;
    readonly id?: string;
  }[];
  readonly error?: Error;
  readonly usage?: Partial<Usage>;
  /** Ends neither in an answer nor in an error. */
  readonly hangs?: boolean;
  /** Chunks come one macrotask after the other. */
  readonly async?: boolean;
}

export type Script =
  | readonly (string | Reply)[]
  | ((call: ChatCall, index: number) => string | Reply);

export type ScriptedModel = ChatModel & { readonly calls: ChatCall[] };

let ids = 0;

export function model(
  ...script: Script extends infer S ? (S extends readonly (infer R)[] ? R : S)[] : never
): ScriptedModel {
  const calls: ChatCall[] = [];
  const answer: ChatModel = (call) => {
    const index = calls.push(call) - 1;
    const line = typeof script[0] === 'function' ? script[0] : (script[index] ?? '');
    const reply = typeof line === 'function' ? line(call, index) : line;
    const {
      text = [],
      calls: made = [],
      error,
      usage,
      hangs,
      async,
    } = typeof reply === 'string' ? { text: reply } : (reply as Reply);
    const chunks: ChatChunk[] = [text].flat().map((each) => ({ type: 'text', text: each }));
    for (const { name, input = {}, id = `call_${ids++}` } of made) {
      chunks.push({
        type: 'tool-call',
        id,
        name,
        input: typeof input === 'string' ? input : JSON.stringify(input),
      });
    }
    if (!error && !hangs) {
      chunks.push({
        type: 'finish',
        reason: made.length > 0 ? 'tool-calls' : 'stop',
        usage: { input: 10, output: 5, reasoning: 0, cacheRead: 0, cacheWrite: 0, ...usage },
      });
    }
    const told = async ? from(chunks).pipe(observeOn(asyncScheduler)) : from(chunks);
    return concat(told, error ? throwError(() => error) : hangs ? NEVER : []);
  };
  return Object.assign(answer, { calls });
}

/** What was said in a call, in short: `user: hello`, `assistant: call search`, `tool: found`. */
export const said = ({ messages }: ChatCall): readonly string[] =>
  messages.map(({ role, content }) => {
    const parts = content.map((part) => {
      if (part.type === 'text') return part.text;
      if (part.type === 'tool-call') return `call ${part.name} ${JSON.stringify(part.input)}`;
      if (part.type === 'tool-result') {
        const output = typeof part.output === 'string' ? part.output : JSON.stringify(part.output);
        return `${part.isError ? 'error' : 'result'} ${output}`;
      }
      return part.type;
    });
    return `${role}: ${parts.join(', ')}`;
  });
