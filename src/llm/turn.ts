/** One turn: a call of the model, and again where its answer does not fit the schema. */
import { concat, defer, filter, from, map, type Observable, of } from 'rxjs';
import {
  Aside,
  FlowError,
  type Issue,
  restart,
  type Step,
  type StepContext,
  Through,
} from '../index.ts';
import { type Answer, Assembly, chunkOf } from './assemble.ts';
import {
  type Message,
  message,
  messageText,
  type Part,
  type ToolCallPart,
  toolCalls,
} from './message.ts';
import {
  addUsage,
  type ChatCall,
  type ChatChunk,
  type ChatModel,
  type FinishReason,
  noUsage,
  type Usage,
} from './model.ts';
import { heard } from './params.ts';
import { type Script, scripted, toResult } from './script.ts';
import { linesOf, type Structure } from './structure.ts';

export interface LlmResult<Value = undefined> {
  /** All text of the answer, without its reasoning. */
  readonly text: string;
  /** What the schema made of the answer, where there is one. */
  readonly object: Value;
  readonly parts: readonly Part[];
  /** Calls that are still to be answered: by steps at tool links, or by whoever reads this. */
  readonly toolCalls: readonly ToolCallPart[];
  /** Of all calls of the model that the step took. */
  readonly usage: Usage;
  readonly finishReason: FinishReason;
  /** What this step has added to the conversation: what was said to the model, and what it answered. */
  readonly messages: readonly Message[];
}

export interface Turn {
  readonly model: ChatModel;
  readonly call: Omit<ChatCall, 'messages'>;
  readonly before: readonly Message[];
  readonly said: readonly Message[];
  readonly structure: Structure | undefined;
  readonly repair: number;
  readonly chunks: 'text' | 'all';
}

/** Its result is plain JSON, so that a run which is resumed need not ask the model again. */
export const turnStep = (turn: Turn): Step =>
  Object.freeze({
    // Its chunks are told by the step around it, where its readers look for them.
    handler: (_params: unknown, { path }: StepContext) =>
      scripted(() => takeTurn(turn, path)).pipe(
        map((told) => (told instanceof Aside ? told : new Through(told))),
      ),
    usage: ({ usage }: LlmResult) => ({ ...usage }),
    isLlm: true,
  });

export function* takeTurn(turn: Turn, path: string): Script<LlmResult<unknown>> {
  const { model, call, before, said, structure, repair, chunks } = turn;
  const corrections: Message[] = [];
  let usage = noUsage;
  for (let attempt = 1; ; attempt++) {
    const messages = heard(before, [...said, ...corrections]);
    const answer = (yield ask(model, { ...call, messages }, chunks)) as Answer;
    usage = addUsage(usage, answer.usage);
    const calls = toolCalls(answer.message);
    const done = resultOf(answer, said, usage, calls);
    if (!structure || (calls.length > 0 && call.tools)) return done as LlmResult;
    try {
      return { ...done, object: yield structure.check(done.text, path) };
    } catch (error) {
      if (attempt > repair || !FlowError.is(error)) throw error;
      corrections.push(answer.message, message('user', correction(error.issues ?? [])));
    }
    // Whoever reads the chunks learns that what came before is void.
    yield of(new Through(restart(attempt + 1)));
  }
}

/** Asks the model. What it streams is passed on; last comes a `StepResult` with the whole answer. */
const ask = (model: ChatModel, call: ChatCall, chunks: 'text' | 'all'): Observable<unknown> =>
  defer(() => {
    const assembly = new Assembly();
    return concat(
      from(model(call)).pipe(
        map((chunk) => {
          assembly.add(chunk);
          if (chunks === 'all') return chunk;
          return chunk.type === 'text' ? chunk.text : '';
        }),
        filter((told) => told !== ''),
      ),
      defer(() => toResult(assembly.answer())),
    );
  });

/** What readers of the chunks get where the step had ended before the run was resumed: all texts, or all that is known, whole. */
export function chunksOf(
  { messages, finishReason: reason, usage }: LlmResult,
  chunks: 'text' | 'all' | undefined,
): readonly (string | ChatChunk)[] {
  const answers = messages.filter(({ role }) => role === 'assistant');
  if (chunks !== 'all') return answers.map(messageText).filter(Boolean);
  return [
    ...answers.flatMap(({ content }) => content.map(chunkOf)),
    { type: 'finish', reason, usage },
  ];
}

const resultOf = (
  { message: answered, reason }: Answer,
  said: readonly Message[],
  usage: Usage,
  calls: readonly ToolCallPart[],
): Omit<LlmResult, 'object'> => ({
  text: messageText(answered),
  parts: answered.content,
  toolCalls: calls,
  usage,
  finishReason: reason,
  messages: answered.content.length > 0 ? [...said, answered] : said,
});

const correction = (issues: readonly Issue[]): string =>
  `Your answer does not fit the schema:${linesOf(issues)}\nAnswer again, with JSON of the schema and nothing else.`;
