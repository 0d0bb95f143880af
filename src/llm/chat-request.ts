/** Writes a call as the body of an OpenAI chat completion. */
import { FlowError } from '../index.ts';
import { isObject, type JsonObject, type JsonSchema } from './json.ts';
import { type FilePart, type Message, messageText, type Part, toolCalls } from './message.ts';
import type { ChatCall, ChatTool, ResponseFormat, ToolChoice } from './model.ts';

type Written = Readonly<Record<string, unknown>>;

/** Under which name providers of this protocol find their options and keep their metadata. */
export const optionsKey = 'openaiCompatible';

export function writeBody(model: string, call: ChatCall, messages: readonly Message[]): Written {
  const { tools, toolChoice, response, logprobs } = call;
  const body: Written = {
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: writeMessages(messages),
    max_tokens: call.maxTokens,
    temperature: call.temperature,
    top_p: call.topP,
    top_k: call.topK,
    seed: call.seed,
    stop: call.stop,
    presence_penalty: call.presencePenalty,
    frequency_penalty: call.frequencyPenalty,
    ...(logprobs !== undefined && { logprobs: logprobs !== false }),
    ...(typeof logprobs === 'number' && { top_logprobs: logprobs }),
    ...(tools &&
      tools.length > 0 && {
        tools: tools.map(writeTool),
        tool_choice: writeChoice(toolChoice ?? 'auto'),
        parallel_tool_calls: call.parallelToolCalls,
      }),
    ...(response && { response_format: writeFormat(response) }),
  };
  return { ...body, ...call.providerOptions?.[optionsKey] };
}

function writeTool(tool: ChatTool): Written {
  if (tool.type === 'provider') {
    throw new FlowError(
      'invalid-option',
      `The tool "${tool.name}" is one of "${tool.id}"; chat completions know function tools only.`,
    );
  }
  const { name, description, inputSchema } = tool;
  return { type: 'function', function: { name, description, parameters: inputSchema } };
}

function writeChoice(choice: ToolChoice): unknown {
  return typeof choice === 'string'
    ? choice
    : { type: 'function', function: { name: choice.tool } };
}

function writeFormat({ schema, name, description }: ResponseFormat): Written {
  const strict = isStrict(schema);
  return {
    type: 'json_schema',
    json_schema: { name: name ?? 'response', description, schema, strict },
  };
}

// OpenAI refuses strict mode for schemas that leave anything open.
function isStrict(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrict);
  if (!isObject(schema)) return true;
  const { type, properties, required, additionalProperties } = schema as JsonSchema;
  if (type === 'object' || properties !== undefined) {
    const names = isObject(properties) ? Object.keys(properties) : [];
    const isClosed = additionalProperties === false;
    if (!isClosed || !Array.isArray(required) || !names.every((name) => required.includes(name))) {
      return false;
    }
  }
  return Object.values(schema).every(isStrict);
}

function writeMessages(messages: readonly Message[]): Written[] {
  // Models that show their reasoning want it back within a turn, and refuse or ignore it later.
  const turn = messages.findLastIndex(({ role }) => role === 'user');
  return messages.flatMap((message, index): Written[] => {
    const { role, content } = message;
    switch (role) {
      case 'tool':
        return content.flatMap(writeResult);
      case 'assistant':
        return writeAnswer(message, index > turn);
      default: {
        const text = content.every((part) => part.type === 'text');
        return [{ role, content: text ? messageText(message) : content.flatMap(writePart) }];
      }
    }
  });
}

function writeResult(part: Part): Written[] {
  if (part.type !== 'tool-result') return [];
  const { id, output } = part;
  const content = typeof output === 'string' ? output : JSON.stringify(output);
  return [{ role: 'tool', tool_call_id: id, content }];
}

function writeAnswer(message: Message, inTurn: boolean): Written[] {
  const text = messageText(message);
  const calls = toolCalls(message).map(({ id, name, input, providerMetadata }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) },
    ...providerMetadata?.[optionsKey],
  }));
  if (text === '' && calls.length === 0) return [];
  return [
    {
      role: 'assistant',
      content: text === '' ? null : text,
      ...(inTurn && writeReasoning(message)),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
  ];
}

// Only under the name that it came with: a server that never wrote it may refuse it.
function writeReasoning({ content }: Message): JsonObject {
  const byField = new Map<string, string>();
  for (const part of content) {
    const field = part.type === 'reasoning' && part.providerMetadata?.[optionsKey]?.['field'];
    if (typeof field !== 'string' || part.type !== 'reasoning') continue;
    byField.set(field, (byField.get(field) ?? '') + part.text);
  }
  return Object.fromEntries(byField);
}

function writePart(part: Part): Written[] {
  if (part.type === 'text') return [{ type: 'text', text: part.text }];
  return part.type === 'file' ? [writeFile(part)] : [];
}

function writeFile({ mediaType, filename, source }: FilePart): Written {
  const isImage = mediaType.startsWith('image/');
  const type = mediaType === 'image/*' ? 'image/png' : mediaType;
  const url = source.type === 'url' ? source.url : `data:${type};base64,${source.data}`;
  if (isImage) return { type: 'image_url', image_url: { url } };
  if (mediaType.startsWith('audio/') && source.type === 'base64') {
    return {
      type: 'input_audio',
      input_audio: { data: source.data, format: audioFormat(mediaType) },
    };
  }
  return { type: 'file', file: { filename: filename ?? 'file', file_data: url } };
}

function audioFormat(mediaType: string): string {
  const format = mediaType.slice('audio/'.length);
  return format === 'mpeg' ? 'mp3' : format.replace(/^(x-|vnd\.)?wave?$/, 'wav');
}
