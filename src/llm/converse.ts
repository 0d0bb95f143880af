/** What llm() and agent() have in common: a conversation of one turn, or of several with tools between them. */
import { map, type Observable, of } from 'rxjs';
import {
  Adds,
  FlowError,
  isRestart,
  runAround,
  runStep,
  type Schema,
  type Step,
  type StepContext,
  Through,
} from '../index.ts';
import { answerCalls, isLeft } from './answer-calls.ts';
import { type Message, message, type ToolResultPart } from './message.ts';
import { addUsage, type ChatCall, type ChatModel, type ChatTool, noUsage } from './model.ts';
import { conversation, type LlmParams, paramsSchema } from './params.ts';
import { type Script, scripted } from './script.ts';
import { type Structure, structureOf } from './structure.ts';
import { type Tool, type Tools, toolTable } from './tool.ts';
import { type Told, told } from './tool-result.ts';
import { chunksOf, type LlmResult, takeTurn, turnStep } from './turn.ts';
import { reach } from './window.ts';

/** What goes to the model as it is. */
export type Sampling = Omit<ChatCall, 'messages' | 'tools' | 'response'>;

export interface ConversationOptions extends Sampling {
  readonly model: ChatModel;
  /** What the model is told before everything else. The param `system` takes its place. */
  readonly system?: string;
  /** Steps, flows, `tool(…)`, tools of the AI SDK, MCP clients. Steps at tool links of the graph are offered beside them. */
  readonly tools?: Tools;
  /** The name of a conversation in the shared memory: the model hears it, and this exchange is added to it. */
  readonly memory?: string;
  /** How many messages of the memory the model hears. Default all, 0 for none. */
  readonly window?: number;
  /** How many times an answer that the schema refuses is returned to the model. Default 1. */
  readonly repair?: number;
  /** What a failing or badly called tool does: the model is told (`answer`, default), or the step fails. */
  readonly onToolError?: 'answer' | 'fail';
  readonly description?: string;
}

export interface Loop {
  /** How many turns there may be. */
  readonly max: number;
  /** The last turn is without tools, so that it ends in an answer. */
  readonly mustAnswer: boolean;
  /** Whether the next turn is to be the last. */
  readonly stopWhen?: ((result: LlmResult, turn: number) => boolean) | undefined;
}

export function conversationStep(
  options: ConversationOptions & {
    readonly schema?: Schema | undefined;
    readonly chunks?: 'text' | 'all';
  },
  loop: Loop,
): Step<LlmParams> {
  const { model, window = 0, repair = 1, schema, description } = options;
  if (typeof model !== 'function') {
    throw new FlowError(
      'invalid-option',
      'The "model" of an LLM step must be a chat model. Wrap models of the AI SDK: fromAiSdk(…).',
    );
  }
  for (const [name, value] of Object.entries({ window, repair, maxIterations: loop.max })) {
    if (!(value >= (name === 'maxIterations' ? 1 : 0)))
      throw new FlowError(
        'invalid-option',
        `The option "${name}" of an LLM step cannot be ${value}.`,
      );
  }
  const structure = schema && structureOf(schema);
  // Turns are told as steps of their own where tools come between them.
  const hasTurns = loop.mustAnswer || options.tools !== undefined;
  const handler = (params: LlmParams, context: StepContext): Observable<unknown> =>
    scripted(() => converse(options, structure, loop, hasTurns, params, context));
  return Object.freeze({
    handler,
    input: paramsSchema,
    isLlm: true,
    chunksOf: (result: LlmResult) => chunksOf(result, options.chunks),
    ...(!hasTurns && { usage: ({ usage }: LlmResult) => ({ ...usage }) }),
    ...(description !== undefined && { description }),
  }) as Step<LlmParams>;
}

type Table = ReadonlyMap<string, Tool>;
const noTools: Table = new Map();

function* converse(
  options: ConversationOptions & { readonly chunks?: 'text' | 'all' },
  structure: Structure | undefined,
  loop: Loop,
  hasTurns: boolean,
  params: LlmParams,
  context: StepContext,
): Script<LlmResult<unknown>> {
  const { model, memory, repair = 1, chunks = 'text' } = options;
  const { window = Number.POSITIVE_INFINITY } = options;
  const { path } = context;
  const partOf = heardBy(path, options.onToolError);
  const results = (params.toolResults ?? []).map(told).map(partOf);
  const around = runAround(context);
  // Beyond the window, what pairs of calls and results may demand.
  const remembered =
    memory === undefined || (window === 0 && results.length === 0)
      ? []
      : yield around.remembered(memory, window + reach);
  const tools = (yield toolTable(options.tools, around.offers, context)) as Table;
  const { before, said } = conversation(params, results, options, remembered as Message[], path);
  const all: Message[] = [];
  let fresh = said;
  let usage = noUsage;
  let isStopped = false;
  for (let n = 1; ; n++) {
    const mustAnswer = loop.mustAnswer && (n >= loop.max || isStopped);
    const call = callOf(options, structure, mustAnswer ? noTools : tools, n);
    const turn = {
      model,
      call,
      before: [...before, ...all],
      said: fresh,
      structure,
      repair,
      chunks,
    };
    const done = (
      hasTurns
        ? yield runStep(turnStep(turn), { messages: fresh }, context, `.turn[${n}]`).pipe(
            map((told) => (told instanceof Through && !isRestart(told.chunk) ? told.chunk : told)),
          )
        : yield* takeTurn(turn, path)
    ) as LlmResult<unknown>;
    all.push(...done.messages);
    usage = addUsage(usage, done.usage);
    const left = mustAnswer ? [] : done.toolCalls.filter((each) => isLeft(each, tools));
    const ours = done.toolCalls.filter((each) => !left.includes(each));
    let isOver = mustAnswer || done.toolCalls.length === 0;
    if (!isOver) {
      isStopped = loop.stopWhen?.(done as LlmResult, n) === true;
      fresh = [];
      if (ours.length > 0) {
        // A turn that is recorded has the results that it heard; the tools need not run again.
        const isHeard = !!around.recorded(`.turn[${n + 1}]`);
        const answers = yield answerCalls(ours, tools, context, `.turn[${n}]`, isHeard);
        if (!isHeard) fresh = [message('tool', (answers as Told[]).map(partOf))];
      }
      isOver = left.length > 0 || n >= loop.max;
      if (isOver) all.push(...fresh);
    }
    if (!isOver) continue;
    if (memory !== undefined) yield of(new Adds(memory, all));
    return { ...done, toolCalls: left, usage, messages: all };
  }
}

function callOf(
  options: ConversationOptions,
  structure: Structure | undefined,
  tools: Table,
  turn: number,
): Omit<ChatCall, 'messages'> {
  const {
    model,
    system,
    tools: _,
    memory,
    window,
    repair,
    onToolError,
    description,
    toolChoice,
    parallelToolCalls,
    schema,
    chunks,
    maxIterations,
    stopWhen,
    ...sampling
  } = options as ConversationOptions & Readonly<Record<string, unknown>>;
  // By name: neither who was added first nor how a server lists its tools shows in what is sent.
  const offered = [...tools.keys()].sort().map((name) => tools.get(name)?.offer as ChatTool);
  return {
    ...sampling,
    ...(structure && { response: structure.response }),
    ...(offered.length > 0 && {
      tools: offered,
      ...(parallelToolCalls !== undefined && { parallelToolCalls }),
      // Whoever must call a tool in each turn would never come to an answer.
      ...(toolChoice !== undefined && turn === 1 && { toolChoice }),
    }),
  };
}

/** What the model is to hear of a call. Throws where a tool that fails is to fail the step. */
const heardBy =
  (path: string, onToolError: ConversationOptions['onToolError']) =>
  ({ part, error }: Told): ToolResultPart => {
    if (!error || onToolError !== 'fail') return part;
    throw new FlowError(
      'step-failed',
      `The tool "${part.name}" that step "${path}" called failed: ${part.output}`,
      { path, cause: error },
    );
  };
