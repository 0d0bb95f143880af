/** Tools in one form, whatever they were: steps and flows, tools of the AI SDK, servers of MCP. */
import type { Observable } from 'rxjs';
import {
  type Code,
  CompiledFlow,
  defineStep,
  FlowError,
  type Issue,
  jsonSchemaOf,
  type Offer,
  type Schema,
  type Step,
  type StepContext,
} from '../index.ts';
import { isObject, type JsonSchema } from './json.ts';
import { isMcpClient, type McpClient, mcpTools } from './mcp.ts';
import type { ChatTool, ProviderTool } from './model.ts';
import { toResult } from './script.ts';

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
  if (clients.length === 0) return toResult(table);
  const listed = Promise.all(clients.map((client) => mcpTools(client, context.signal)));
  return toResult(
    listed.then((lists) => {
      for (const { name, description, inputSchema, step } of lists.flat())
        add(name, { offer: functionTool(name, description, inputSchema), step });
      return table;
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
  if (isObject(like)) {
    if (mark in like || 'handler' in like) {
      const described = (mark in like ? like : { step: like }) as unknown as DescribedTool;
      const { step, description = step.description, approve } = described;
      const isFlow = step instanceof CompiledFlow;
      // Both would be told at the same path.
      if (approve && isFlow && step.steps['approve'])
        throw new FlowError(
          'invalid-option',
          `The tool "${name}" asks for approval where its flow has a step "approve". Rename the step.`,
        );
      const schema = isFlow ? step.inputSchema() : jsonSchemaOf(step.input, 'input');
      return { offer: functionTool(name, description, schema as JsonSchema), step, approve };
    }
    const { type, id, args } = like as { type?: unknown; id?: unknown; args?: unknown };
    const isProvided = typeof id === 'string' && /^provider/.test(String(type));
    if (isProvided || 'inputSchema' in like || 'execute' in like) {
      const made = aiSdkTool(name, like as AiSdkTool);
      const offer = { type: 'provider', id, name, args: args ?? {} } as ProviderTool;
      return isProvided ? { ...made, offer } : made;
    }
  }
  throw new FlowError(
    'invalid-option',
    `"${name}" is no tool. Give a step, a flow, tool(…), a tool of the AI SDK, or an MCP client.`,
  );
}

function functionTool(
  name: string,
  description: string | undefined,
  schema: JsonSchema | undefined,
): ChatTool {
  const { $schema, ...inputSchema } = schema ?? { type: 'object' };
  return { name, ...(description !== undefined && { description }), inputSchema };
}

function aiSdkTool(
  name: string,
  { description, inputSchema, execute, needsApproval }: AiSdkTool,
): Tool {
  const isLazy = typeof inputSchema === 'function' && !('~standard' in inputSchema);
  const given = ((isLazy ? inputSchema() : inputSchema) ?? {}) as Partial<Schema & OwnSchema>;
  const { jsonSchema, validate } = given;
  const input = '~standard' in given ? (given as Schema) : validate && standard(validate);
  const known = jsonSchemaOf(input, 'input') ?? jsonSchema;
  const offer = functionTool(name, description, known as JsonSchema | undefined);
  if (!execute) return { offer };
  const run = execute as (input: unknown, options: object) => unknown;
  const step = defineStep({
    ...(input && { input }),
    // The last of several results is the one that counts.
    reduce: 'last',
    run: (input: unknown, { signal, idempotencyKey }) =>
      run(input, { toolCallId: idempotencyKey, messages: [], abortSignal: signal }),
  });
  return { offer, step: step as Step, approve: needsApproval as Approve | undefined };
}

/** A schema of the AI SDK's own. */
interface OwnSchema {
  readonly jsonSchema: unknown;
  readonly validate: (value: unknown) => Validated | PromiseLike<Validated>;
}

interface Validated {
  readonly value?: unknown;
  readonly error?: Error & { readonly issues?: readonly Issue[] };
}

const standard = (validate: OwnSchema['validate']): Schema =>
  ({
    '~standard': {
      version: 1,
      vendor: 'ai-sdk',
      validate: async (input: unknown) => {
        const { error, ...answer } = await validate(input);
        return error ? { issues: error.issues ?? [error] } : answer;
      },
    },
  }) as Schema;
