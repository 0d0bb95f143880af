/** The model of the examples: a real one where the environment names one, otherwise a script. */
import type { ChatCall, ChatChunk, ChatModel } from 'millrace/llm';
import { fromAiSdk } from 'millrace/llm/ai-sdk';
import { openaiCompatible } from 'millrace/llm/openai-compatible';
import { asyncScheduler, concat, defer, from, map, type Observable, observeOn, of } from 'rxjs';

/** What the script says to a call: a text, or the name and the arguments of a tool. */
export type Reply = string | { readonly tool: string; readonly input: object };

export async function chooseModel(script: (call: ChatCall) => Reply): Promise<ChatModel> {
  const { OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL, ANTHROPIC_API_KEY, ANTHROPIC_MODEL } =
    process.env;
  if (OPENAI_API_KEY || OPENAI_BASE_URL) {
    const baseURL = OPENAI_BASE_URL || 'https://api.openai.com/v1';
    const model = OPENAI_MODEL || 'gpt-5-mini';
    console.log(`Model: ${model} at ${baseURL}`);
    return openaiCompatible({ baseURL, model, ...(OPENAI_API_KEY && { apiKey: OPENAI_API_KEY }) });
  }
  if (ANTHROPIC_API_KEY) {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    const model = ANTHROPIC_MODEL || 'claude-sonnet-4-5';
    console.log(`Model: ${model}`);
    return fromAiSdk(createAnthropic({ apiKey: ANTHROPIC_API_KEY })(model));
  }
  console.log(
    'Model: a script. For a real one set OPENAI_API_KEY, OPENAI_BASE_URL or ANTHROPIC_API_KEY.',
  );
  return (call) => defer(() => said(script(call)));
}

let calls = 0;

function said(reply: Reply): Observable<ChatChunk> {
  const usage = { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 };
  if (typeof reply !== 'string') {
    const { tool: name, input } = reply;
    const call = {
      type: 'tool-call',
      id: `call-${++calls}`,
      name,
      input: JSON.stringify(input),
    } as const;
    return of<ChatChunk[]>(call, { type: 'finish', reason: 'tool-calls', usage });
  }
  const words = from(reply.match(/\S+\s*/g) ?? []).pipe(
    observeOn(asyncScheduler),
    map((text): ChatChunk => ({ type: 'text', text })),
  );
  return concat(words, of<ChatChunk>({ type: 'finish', reason: 'stop', usage }));
}
