/** Tools of a server that speaks the Model Context Protocol, through any client that has these two methods. */
import { defineStep, type Step } from '../index.ts';
import { isObject, type JsonObject, type JsonSchema } from './json.ts';

export interface McpClient {
  listTools(
    request?: { readonly cursor: string },
    options?: { readonly signal: AbortSignal },
  ): PromiseLike<{
    readonly tools: readonly McpTool[];
    readonly nextCursor?: string | undefined;
  }>;
  /** Gets `{ signal }` as its second argument where it takes two, as in version 2 of the SDK, and else as its third, as in version 1. */
  callTool(
    call: { name: string; arguments: Record<string, unknown> },
    ...options: unknown[]
  ): PromiseLike<unknown>;
}

interface McpTool {
  readonly name: string;
  readonly description?: string | undefined;
  readonly inputSchema: object;
}

interface NamedStep {
  readonly name: string;
  readonly description: string | undefined;
  readonly inputSchema: JsonSchema;
  readonly step: Step;
}

export const isMcpClient = (value: unknown): value is McpClient =>
  isObject(value) &&
  typeof value['listTools'] === 'function' &&
  typeof value['callTool'] === 'function';

/** Everything that the server offers, all pages of it. */
export async function mcpTools(
  client: McpClient,
  signal: AbortSignal,
): Promise<readonly NamedStep[]> {
  const found: McpTool[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor ? { cursor } : undefined, { signal });
    found.push(...page.tools);
    cursor = page.nextCursor;
    // Some servers end with an empty one.
  } while (cursor);
  return found.map(({ name, description, inputSchema }) => ({
    // Servers may use dots and slashes; models take neither.
    name: name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64),
    description,
    inputSchema: inputSchema as JsonSchema,
    step: defineStep({
      run: async (input: JsonObject, { signal }) => {
        const options = client.callTool.length === 2 ? [{ signal }] : [undefined, { signal }];
        try {
          const call = { name, arguments: { ...input } };
          return resultOf(name, await client.callTool(call, ...options));
        } catch (error) {
          // The SDK makes an error of its own of the reason, which would be reported as late.
          signal.throwIfAborted();
          throw error;
        }
      },
    }) as Step,
  }));
}

function resultOf(name: string, answer: unknown): unknown {
  const { content, structuredContent, isError } = isObject(answer) ? answer : {};
  const parts: readonly unknown[] = Array.isArray(content) ? content : [];
  const isText = parts.every((part) => isObject(part) && part['type'] === 'text');
  const text = parts.map((part) => (isObject(part) ? String(part['text'] ?? '') : '')).join('\n');
  if (isError) throw new Error(text || `The tool "${name}" failed.`);
  return structuredContent ?? (isText ? text : parts);
}
