/** Reads the events of an OpenAI chat completion as chunks. */
import { optionsKey } from './chat-request.ts';
import { isObject, type Json, type JsonObject, parseJson } from './json.ts';
import type { ProviderMetadata } from './message.ts';
import type { ChatChunk, FinishReason, Usage } from './model.ts';
import { noUsage } from './model.ts';

interface OpenCall {
  readonly id: string;
  /** The id that the server gave it. */
  readonly given: Json | undefined;
  name: string;
  input: string;
  providerMetadata?: ProviderMetadata;
}

/** Stateful, one for each answer. */
export class ChatReader {
  /** Whether the model has said why it stopped, so that the answer is whole. */
  finished = false;
  private reason: FinishReason = 'other';
  private usage: Usage = noUsage;
  private model: string | undefined;
  private readonly calls = new Map<number, OpenCall>();
  private readonly logprobs: Json[] = [];

  read(data: string): ChatChunk[] {
    const event = parseJson(data);
    if (!isObject(event))
      throw new Error(`The server sent an event that is not JSON: ${data.slice(0, 200)}`);
    if (event['error']) throw streamError(event['error']);
    // Some tell it without a field for it.
    if (event['message'] && !event['choices']) throw streamError(event);
    if (typeof event['model'] === 'string') this.model = event['model'];
    if (isObject(event['usage'])) this.usage = readUsage(event['usage'] as JsonObject);
    const choice: unknown = Array.isArray(event['choices']) ? event['choices'][0] : undefined;
    if (!isObject(choice)) return [];
    const { logprobs, finish_reason: reason } = choice;
    // Some say with each event that there is none yet.
    if (typeof reason === 'string' && reason !== '') {
      this.finished = true;
      this.reason = finishReason(reason);
    }
    if (isObject(logprobs) && Array.isArray(logprobs['content']))
      this.logprobs.push(...logprobs['content']);
    return isObject(choice['delta']) ? this.readDelta(choice['delta'] as JsonObject) : [];
  }

  /** The calls, whole now, and the last word. */
  end(): ChatChunk[] {
    const calls = [...this.calls.values()].map(
      ({ given, ...call }): ChatChunk => ({ type: 'tool-call', ...call }),
    );
    const finish: ChatChunk = {
      type: 'finish',
      // Some servers say "stop" after tool calls.
      reason: calls.length > 0 && this.reason === 'stop' ? 'tool-calls' : this.reason,
      usage: this.usage,
      ...(this.model !== undefined && { model: this.model }),
      ...(this.logprobs.length > 0 && {
        providerMetadata: { [optionsKey]: { logprobs: this.logprobs } },
      }),
    };
    return [...calls, finish];
  }

  private readDelta(delta: JsonObject): ChatChunk[] {
    const chunks: ChatChunk[] = [];
    for (const field of ['reasoning_content', 'reasoning']) {
      const text = delta[field];
      if (typeof text !== 'string' || text === '') continue;
      chunks.push({ type: 'reasoning', text, providerMetadata: { [optionsKey]: { field } } });
      break;
    }
    const { content, tool_calls: calls } = delta;
    for (const text of [content, delta['refusal']])
      if (typeof text === 'string' && text !== '') chunks.push({ type: 'text', text });
    // Mistral spreads an answer with reasoning over parts.
    for (const part of Array.isArray(content) ? (content as Json[]) : []) {
      const { text, thinking } = isObject(part) ? (part as JsonObject) : {};
      if (Array.isArray(thinking)) {
        for (const thought of thinking)
          if (isObject(thought) && typeof thought['text'] === 'string')
            chunks.push({ type: 'reasoning', text: thought['text'] });
      } else if (typeof text === 'string' && text !== '') chunks.push({ type: 'text', text });
    }
    for (const call of Array.isArray(calls) ? (calls as Json[]) : []) {
      if (isObject(call)) chunks.push(...this.readCall(call as JsonObject));
    }
    return chunks;
  }

  private readCall(delta: JsonObject): ChatChunk[] {
    const written = isObject(delta['function']) ? (delta['function'] as JsonObject) : {};
    const { id, index: given } = delta;
    const name = typeof written['name'] === 'string' ? written['name'] : '';
    const { arguments: input } = written;
    // Some servers have parsed them already.
    const text = isObject(input) ? JSON.stringify(input) : typeof input === 'string' ? input : '';
    let index = typeof given === 'number' ? given : this.nextIndex(id);
    const known = this.calls.get(index);
    if (known?.name && name !== '') {
      // Gemini gives all calls the same index. Others give each piece of a call a new id, but its name only once.
      if (typeof id === 'string' && id !== '' && id !== known.given) index = this.indexOf(id);
      // Or the same index and no id.
      else if (text.trim() !== '' && isWhole(known)) index = this.unfinished();
    }
    const call = this.calls.get(index) ?? this.openCall(index, delta);
    if (call.name === '') call.name = name;
    // Gemini signs its calls here, and wants the signature back with the call.
    if (delta['extra_content'] !== undefined) {
      call.providerMetadata = { [optionsKey]: { extra_content: delta['extra_content'] } };
    }
    if (text === '') return [];
    call.input += text;
    return [{ type: 'tool-input', id: call.id, name: call.name, delta: text }];
  }

  /** Where the call of an id is, or is to be. */
  private indexOf(id: string): number {
    const known = [...this.calls].find(([, { given }]) => given === id);
    return known ? known[0] : this.free();
  }

  /** Where the call is whose arguments still come, or the next one is to be. */
  private unfinished(): number {
    const known = [...this.calls].find(([, call]) => !isWhole(call));
    return known ? known[0] : this.free();
  }

  private free(): number {
    return Math.max(...this.calls.keys()) + 1;
  }

  // Servers that count no calls begin a new one with a new id.
  private nextIndex(id: Json | undefined): number {
    const last = this.calls.size - 1;
    const goesOn =
      last >= 0 && (typeof id !== 'string' || id === '' || this.calls.get(last)?.id === id);
    return goesOn ? last : this.calls.size;
  }

  // Results find their calls by id, so one that is missing or taken gets a new one.
  private openCall(index: number, delta: JsonObject): OpenCall {
    const given = delta['id'];
    const taken = [...this.calls.values()].some(({ id }) => id === given);
    const id =
      typeof given === 'string' && given !== '' && !taken ? given : `call_${crypto.randomUUID()}`;
    const call: OpenCall = { id, given, name: '', input: '' };
    this.calls.set(index, call);
    return call;
  }
}

const isWhole = ({ input }: OpenCall): boolean => isObject(parseJson(input));

function streamError(error: unknown): Error {
  const message =
    isObject(error) && typeof error['message'] === 'string' ? error['message'] : undefined;
  return new Error(message ?? JSON.stringify(error), { cause: error });
}

function finishReason(reason: string): FinishReason {
  switch (reason) {
    case 'stop':
    case 'length':
      return reason;
    case 'tool_calls':
    case 'function_call':
      return 'tool-calls';
    case 'content_filter':
      return 'content-filter';
    default:
      return 'other';
  }
}

function readUsage(usage: JsonObject): Usage {
  const count = (value: Json | undefined, key: string) => {
    const found = isObject(value) ? value[key] : undefined;
    return typeof found === 'number' ? found : 0;
  };
  return {
    input: count(usage, 'prompt_tokens'),
    output: count(usage, 'completion_tokens'),
    reasoning: count(usage['completion_tokens_details'], 'reasoning_tokens'),
    cacheRead: count(usage['prompt_tokens_details'], 'cached_tokens'),
    cacheWrite: 0,
  };
}
