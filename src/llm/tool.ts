/** Tools in one form, whatever they were: steps and flows, tools of the AI SDK, servers of MCP. */
import { from, map, type Observable, of } from 'rxjs';
import {
  type Code,
  CompiledFlow,
  defineStep,
  FlowError,
  jsonSchemaOf,
  type Offer,
  type Schema,
  type Step,
  type StepContext,
  StepResult,
} from '../index.ts';
import { isObject, type JsonObject, type JsonSchema } from './json.ts';
import { isMcpClient, type McpClient, mcpTools } from './mcp.ts';
import type { ChatTool, ProviderTool } from './model.ts';

export type Approve = true | ((input: never) => boolean | PromiseLike<boolean>);

export interface ToolOptions<Input = unknown> {
  /** What the model is told of it. By default what the step says. */
  readonly description?: string;
  /** What the arguments must satisfy, for a plain function. */
  readonly input?: Schema<unknown, Input>;
  /** Whether a person is asked before it runs: always, or for some arguments. Denied, the model learns that. */
  readonly approve?: true | ((input: Input) => boolean | PromiseLike<boolean>);
}

const mark = Symbol.for('millrace.tool');

/** A step as a tool, with what concerns the tool alone. */
export interface DescribedTool {
  readonly [mark]: true;
  readonly step: Step;
  readonly description?: string | undefined;
  readonly approve?: Approve | undefined;
}

/** A tool of the AI SDK, by its shape. */
export interface AiSdkTool {
  readonly description?: string | undefined;
  readonly inputSchema?: unknown;
  readonly execute?: ((input: never, options: never) => unknown) | undefined;
  readonly needsApproval?: unknown;
  readonly type?: string | undefined;
}

export type ToolLike = Step | DescribedTool | AiSdkTool | ProviderTool;

/** Tools by the names that the model calls them by. */
export type ToolSet = Readonly<Record<string, ToolLike>>;

/** Tools by name, MCP clients, or several of these. */
export type Tools = ToolSet | McpClient | readonly (ToolSet | McpClient)[];

/** A tool, ready. Without a step it is offered only: its calls are left to whoever reads the result. */
export interface Tool {
  readonly offer: ChatTool;
  readonly step?: Step | undefined;
  readonly approve?: Approve | undefined;
}

/**
 * A function, a step or a flow as a tool, with a description for the model, and whether a person must approve its calls.
 *
 * @example
 * const pay = tool(payInvoice, { description: 'Pays an invoice.', approve: ({ amount }) => amount > 100 })
 */
export function tool<Input = unknown>(
  code: Code | ((input: Input, ...rest: never[]) => unknown),
  options: ToolOptions<Input> = {},
): DescribedTool {
  const { description, input, approve } = options;
  const step =
    typeof code === 'function'
      ? defineStep({ run: code as never, ...(input && { input }) })
      : (code as Step);
  return Object.freeze({
    [mark]: true as const,
    step: step as Step,
    ...(description !== undefined && { description }),
    ...(approve !== undefined && { approve: approve as Approve }),
  });
}

/** All tools by name: those of the graph, and those of the options. Emits a `StepResult` with a Map. */
export function toolTable(
  tools: Tools | undefined,
  offers: readonly Offer[],
  context: StepContext,
): Observable<unknown> {
  const table = new Map<string, Tool>();
  const add = (name: string, made: Tool): void => {
    if (table.has(name)) {
      throw new FlowError(
        'invalid-option',
        `Two tools have the name "${name}". Rename one of them.`,
      );
    }
    table.set(name, made);
  };
  for (const { name, description, parameters } of offers) {
    add(name, { offer: functionTool(name, description, parameters as JsonSchema) });
  }
  const sources = tools === undefined ? [] : [tools].flat();
  const clients = sources.filter(isMcpClient);
  for (const source of sources) {
    if (isMcpClient(source)) continue;
    for (const [name, like] of Object.entries(source as ToolSet)) add(name, toolOf(name, like));
  }
  if (clients.length === 0) return of(new StepResult(table));
  return from(Promise.all(clients.map((client) => mcpTools(client, context.signal)))).pipe(
    map((lists) => {
      for (const { name, description, inputSchema, step } of lists.flat())
        add(name, { offer: functionTool(name, description, inputSchema), step });
      return new StepResult(table);
    }),
  );
}

function toolOf(name: string, like: ToolLike): Tool {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw new FlowError(
      'invalid-option',
      `"${name}" cannot be the name of a tool. Models take 1 to 64 letters, digits, "_" and "-".`,
    );
  }
  if (!isObject(like)) throw noTool(name);
  if (mark in like) {
    const { step, description = step.description, approve } = like as unknown as DescribedTool;
    return { offer: functionTool(name, description, schemaOf(step)), step, approve };
  }
  if ('handler' in like) {
    const step = like as unknown as Step;
    return { offer: functionTool(name, step.description, schemaOf(step)), step };
  }
  const { type, id, args } = like as { type?: unknown; id?: unknown; args?: unknown };
  if (typeof id === 'string' && /^provider/.test(String(type))) {
    const provided = { type: 'provider', id, name, args: args ?? {} } as ProviderTool;
    return { offer: provided };
  }
  if (!('inputSchema' in like) && !('execute' in like)) throw noTool(name);
  return aiSdkTool(name, like as AiSdkTool);
}

const noTool = (name: string): FlowError =>
  new FlowError(
    'invalid-option',
    `"${name}" is no tool. Give a step, a flow, tool(…), a tool of the AI SDK, or an MCP client.`,
  );

const functionTool = (
  name: string,
  description: string | undefined,
  inputSchema: JsonSchema,
): ChatTool => ({ name, ...(description !== undefined && { description }), inputSchema });

function schemaOf(step: Step): JsonSchema {
  const schema =
    step instanceof CompiledFlow ? step.inputSchema() : jsonSchemaOf(step.input, 'input');
  const { $schema, ...json } = (schema ?? { type: 'object' }) as JsonSchema;
  return json;
}

function aiSdkTool(
  name: string,
  { description, inputSchema, execute, needsApproval }: AiSdkTool,
): Tool {
  const given = typeof inputSchema === 'function' ? (inputSchema as () => unknown)() : inputSchema;
  const isStandard = isObject(given) && '~standard' in given;
  const known = isStandard ? jsonSchemaOf(given as unknown as Schema, 'input') : undefined;
  const own = isObject(given) ? given['jsonSchema'] : undefined;
  const { $schema, ...json } = (known ?? own ?? { type: 'object' }) as JsonSchema;
  const offer = functionTool(name, description, json);
  if (!execute) return { offer };
  const run = execute as (input: JsonObject, options: object) => unknown;
  const step = defineStep({
    ...(isStandard && { input: given as unknown as Schema }),
    // The last of several results is the one that counts.
    reduce: 'last',
    run: (input: unknown, { signal, idempotencyKey }) =>
      run(input as JsonObject, { toolCallId: idempotencyKey, messages: [], abortSignal: signal }),
  });
  const approve =
    typeof needsApproval === 'function' || needsApproval === true
      ? (needsApproval as Approve)
      : undefined;
  return { offer, step: step as Step, approve };
}
