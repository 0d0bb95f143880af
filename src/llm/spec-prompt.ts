/** Writes a call as the model spec of the AI SDK wants it, in the version that the model speaks. */
import { isObject, type JsonObject } from './json.ts';
import { type Message, messageText, type Part, type ToolResultPart } from './message.ts';
import type { ChatCall, ChatTool, ToolChoice } from './model.ts';

/** What decides how a prompt is written: the version of the spec, and whose metadata counts. */
export interface Dialect {
  readonly version: string;
  readonly provider: string;
}

type Written = Readonly<Record<string, unknown>>;

export function writePrompt(messages: readonly Message[], dialect: Dialect): Written[] {
  return messages.flatMap((message): Written[] => {
    const { role, content, providerMetadata } = message;
    if (role === 'system') {
      const options =
        providerMetadata ?? content.find((part) => part.providerMetadata)?.providerMetadata;
      return [{ role, content: messageText(message), ...withOptions(options) }];
    }
    const parts = content.flatMap((part) => writePart(part, dialect));
    return parts.length === 0 ? [] : [{ role, content: parts, ...withOptions(providerMetadata) }];
  });
}

const withOptions = (options: Message['providerMetadata']) =>
  options && { providerOptions: options };

function writePart(part: Part, { version, provider }: Dialect): Written[] {
  const options = withOptions(part.providerMetadata);
  switch (part.type) {
    case 'text':
      // Providers refuse an empty text, but Gemini hangs signatures on it and wants them back.
      if (part.text === '' && !(provider === 'google' && options)) return [];
      return [{ type: 'text', text: part.text, ...options }];
    case 'reasoning':
      return [{ type: 'reasoning', text: part.text, ...options }];
    case 'file': {
      const { mediaType, filename, source } = part;
      const data =
        source.type === 'base64'
          ? before4(version)
            ? source.data
            : { type: 'data', data: source.data }
          : before4(version)
            ? new URL(source.url)
            : { type: 'url', url: new URL(source.url) };
      return [{ type: 'file', mediaType, ...(filename && { filename }), data, ...options }];
    }
    case 'tool-call': {
      const { id, name, input, providerExecuted } = part;
      const call = { type: 'tool-call', toolCallId: id, toolName: name, input, ...options };
      return [providerExecuted ? { ...call, providerExecuted } : call];
    }
    case 'tool-result': {
      const { id, name } = part;
      const output = writeOutput(part);
      return [{ type: 'tool-result', toolCallId: id, toolName: name, output, ...options }];
    }
    default:
      return [];
  }
}

function writeOutput({ output, isError }: ToolResultPart): Written {
  const kind = typeof output === 'string' ? 'text' : 'json';
  return { type: isError ? `error-${kind}` : kind, value: output };
}

// Files are the one thing that version 4 writes differently.
const before4 = (version: string) => version === 'v2' || version === 'v3';

/** Everything but the prompt. Fields that are not set are left out: some providers warn about them. */
export function writeSettings(call: ChatCall, dialect: Dialect): Written {
  const { tools, toolChoice, response, maxTokens, stop, headers } = call;
  const { temperature, topP, topK, seed, presencePenalty, frequencyPenalty } = call;
  const same = { temperature, topP, topK, seed, presencePenalty, frequencyPenalty, headers };
  return {
    ...Object.fromEntries(Object.entries(same).filter(([, value]) => value !== undefined)),
    ...(maxTokens !== undefined && { maxOutputTokens: maxTokens }),
    ...(stop && { stopSequences: [...stop] }),
    ...(tools &&
      tools.length > 0 && {
        tools: tools.map((tool) => writeTool(tool, dialect)),
        toolChoice: writeChoice(toolChoice ?? 'auto'),
      }),
    ...(response && { responseFormat: { type: 'json', ...response } }),
    providerOptions: writeProviderOptions(call, dialect.provider),
  };
}

function writeTool(tool: ChatTool, { version }: Dialect): Written {
  if (tool.type === 'provider') {
    return version === 'v2' ? { ...tool, type: 'provider-defined' } : { ...tool };
  }
  const { name, description, inputSchema } = tool;
  return { type: 'function', name, ...(description && { description }), inputSchema };
}

function writeChoice(choice: ToolChoice): Written {
  return typeof choice === 'string' ? { type: choice } : { type: 'tool', toolName: choice.tool };
}

// Two settings are common enough to have a place in the call and rare enough to have none in the spec.
function writeProviderOptions(call: ChatCall, provider: string): Record<string, JsonObject> {
  const options: Record<string, JsonObject> = { ...call.providerOptions };
  const add = (defaults: JsonObject) => {
    const given = options[provider];
    options[provider] = { ...defaults, ...(isObject(given) && given) };
  };
  const { parallelToolCalls, logprobs } = call;
  if (provider === 'openai' || provider === 'azure') {
    // Stored answers would make the provider keep a second memory beside ours. Without it, the
    // packages ask for the encrypted reasoning of those models that have one; others refuse that.
    add({
      store: false,
      ...(parallelToolCalls !== undefined && { parallelToolCalls }),
      ...(logprobs !== undefined && { logprobs }),
    });
  }
  if (provider === 'anthropic' && parallelToolCalls !== undefined) {
    add({ disableParallelToolUse: !parallelToolCalls });
  }
  return options;
}
