/** How four providers write one answer as server-sent events. */

export interface ScriptedAnswer {
  readonly reasoning?: { readonly text: string; readonly signature: string };
  readonly text?: string;
  /** `input` is JSON text as the model writes it, and may be broken. */
  readonly toolCalls?: readonly {
    readonly id?: string;
    readonly name: string;
    readonly input: string;
  }[];
}

/** One event: its name, where the protocol has names, and its data. */
export interface WireEvent {
  readonly event?: string;
  readonly data: unknown;
}

export type Wire = 'chat' | 'responses' | 'messages' | 'google';

export function wireOf(path: string): Wire | undefined {
  if (path.endsWith('/chat/completions')) return 'chat';
  if (path.endsWith('/responses')) return 'responses';
  if (path.endsWith('/messages')) return 'messages';
  return path.includes(':streamGenerateContent') ? 'google' : undefined;
}

export function writeAnswer(wire: Wire, answer: ScriptedAnswer, request: unknown): WireEvent[] {
  switch (wire) {
    case 'chat':
      return chat(answer);
    case 'responses':
      return responses(answer);
    case 'messages':
      return messages(answer, wantsJsonTool(request));
    case 'google':
      return google(answer);
  }
}

const pieces = (text: string) => text.match(/.{1,6}/gsu) ?? [];

const callId = (call: { id?: string }, index: number) => call.id ?? `call_${index}`;

function chat({ reasoning, text = '', toolCalls = [] }: ScriptedAnswer): WireEvent[] {
  const base = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'served' };
  const choice = (delta: object, finish: string | null = null) => ({
    data: { ...base, choices: [{ index: 0, delta, finish_reason: finish }] },
  });
  return [
    choice({ role: 'assistant', content: '' }),
    ...pieces(reasoning?.text ?? '').map((delta) => choice({ reasoning_content: delta })),
    ...pieces(text).map((content) => choice({ content })),
    ...toolCalls.flatMap((call, index) => [
      choice({
        tool_calls: [
          {
            index,
            id: callId(call, index),
            type: 'function',
            function: { name: call.name, arguments: '' },
          },
        ],
      }),
      ...pieces(call.input).map((part) =>
        choice({ tool_calls: [{ index, function: { arguments: part } }] }),
      ),
    ]),
    choice({}, toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    {
      data: {
        ...base,
        choices: [],
        usage: {
          prompt_tokens: 12,
          completion_tokens: 7,
          total_tokens: 19,
          prompt_tokens_details: { cached_tokens: 4 },
          completion_tokens_details: { reasoning_tokens: 2 },
        },
      },
    },
    { data: '[DONE]' },
  ];
}

function responses({ reasoning, text, toolCalls = [] }: ScriptedAnswer): WireEvent[] {
  const events: WireEvent[] = [];
  const output: object[] = [];
  const tell = (type: string, fields: object) =>
    events.push({ event: type, data: { type, sequence_number: events.length, ...fields } });
  const item = (started: object, body: (index: number, id: string) => object, id: string) => {
    const index = output.length;
    tell('response.output_item.added', { output_index: index, item: { id, ...started } });
    const done = { id, ...started, ...body(index, id) };
    tell('response.output_item.done', { output_index: index, item: done });
    output.push(done);
  };
  const response = (status: string, usage: object | null) => ({
    response: {
      id: 'resp_1',
      object: 'response',
      created_at: 1,
      status,
      model: 'served',
      output,
      service_tier: 'default',
      incomplete_details: null,
      usage,
    },
  });
  tell('response.created', response('in_progress', null));
  if (reasoning) {
    item(
      { type: 'reasoning', summary: [], encrypted_content: null },
      (output_index, item_id) => {
        const at = { item_id, output_index, summary_index: 0 };
        tell('response.reasoning_summary_part.added', {
          ...at,
          part: { type: 'summary_text', text: '' },
        });
        for (const delta of pieces(reasoning.text)) {
          tell('response.reasoning_summary_text.delta', { ...at, delta });
        }
        tell('response.reasoning_summary_part.done', {
          ...at,
          part: { type: 'summary_text', text: reasoning.text },
        });
        return {
          summary: [{ type: 'summary_text', text: reasoning.text }],
          encrypted_content: reasoning.signature,
        };
      },
      'rs_1',
    );
  }
  if (text) {
    item(
      { type: 'message', status: 'in_progress', role: 'assistant', content: [] },
      (output_index, item_id) => {
        const at = { item_id, output_index, content_index: 0 };
        const part = { type: 'output_text', text, annotations: [] };
        tell('response.content_part.added', { ...at, part: { ...part, text: '' } });
        for (const delta of pieces(text)) tell('response.output_text.delta', { ...at, delta });
        tell('response.output_text.done', { ...at, text });
        tell('response.content_part.done', { ...at, part });
        return { status: 'completed', content: [part] };
      },
      'msg_1',
    );
  }
  toolCalls.forEach((call, callIndex) => {
    const call_id = callId(call, callIndex);
    item(
      { type: 'function_call', status: 'in_progress', call_id, name: call.name, arguments: '' },
      (output_index, item_id) => {
        const at = { item_id, output_index };
        for (const delta of pieces(call.input)) {
          tell('response.function_call_arguments.delta', { ...at, delta });
        }
        tell('response.function_call_arguments.done', { ...at, arguments: call.input });
        return { status: 'completed', arguments: call.input };
      },
      `fc_${call_id}`,
    );
  });
  tell(
    'response.completed',
    response('completed', {
      input_tokens: 12,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens: 7,
      output_tokens_details: { reasoning_tokens: 2 },
      total_tokens: 19,
    }),
  );
  return events;
}

// Older packages ask for structured output with a tool named "json".
function wantsJsonTool(request: unknown): boolean {
  const { tools } = request as { tools?: { name?: string }[] };
  return tools?.some(({ name }) => name === 'json') ?? false;
}

function messages(answer: ScriptedAnswer, jsonTool: boolean): WireEvent[] {
  const { reasoning, text } = answer;
  const events: WireEvent[] = [];
  const tell = (type: string, fields: object = {}) =>
    events.push({ event: type, data: { type, ...fields } });
  let index = 0;
  const block = (content_block: object, deltas: readonly object[]) => {
    tell('content_block_start', { index, content_block });
    for (const delta of deltas) tell('content_block_delta', { index, delta });
    tell('content_block_stop', { index });
    index++;
  };
  tell('message_start', {
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'served',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: {
        input_tokens: 8,
        output_tokens: 1,
        cache_read_input_tokens: 4,
        cache_creation_input_tokens: 0,
      },
    },
  });
  tell('ping');
  if (reasoning) {
    block({ type: 'thinking', thinking: '', signature: '' }, [
      ...pieces(reasoning.text).map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: reasoning.signature },
    ]);
  }
  if (text && !jsonTool) {
    block(
      { type: 'text', text: '' },
      pieces(text).map((delta) => ({ type: 'text_delta', text: delta })),
    );
  }
  const calls = jsonTool
    ? [{ id: 'toolu_json', name: 'json', input: text ?? '' }]
    : (answer.toolCalls ?? []);
  calls.forEach((call, callIndex) => {
    block(
      { type: 'tool_use', id: callId(call, callIndex), name: call.name, input: {} },
      pieces(call.input).map((partial_json) => ({ type: 'input_json_delta', partial_json })),
    );
  });
  tell('message_delta', {
    delta: { stop_reason: calls.length > 0 ? 'tool_use' : 'end_turn', stop_sequence: null },
    usage: { output_tokens: 7 },
  });
  tell('message_stop');
  return events;
}

function google({ reasoning, text = '', toolCalls = [] }: ScriptedAnswer): WireEvent[] {
  const signature = reasoning && { thoughtSignature: reasoning.signature };
  const candidate = (parts: readonly object[], finishReason?: string) => ({
    data: {
      candidates: [{ content: { role: 'model', parts }, finishReason, index: 0 }],
      usageMetadata: {
        promptTokenCount: 12,
        candidatesTokenCount: 5,
        thoughtsTokenCount: 2,
        cachedContentTokenCount: 4,
        totalTokenCount: 19,
      },
      modelVersion: 'served',
    },
  });
  return [
    ...pieces(reasoning?.text ?? '').map((delta) => candidate([{ text: delta, thought: true }])),
    ...pieces(text).map((delta) => candidate([{ text: delta }])),
    // The signature comes with what the model does after thinking: its first call, or an empty text.
    ...(toolCalls.length > 0
      ? [
          candidate(
            toolCalls.map(({ name, input }, index) => ({
              functionCall: { name, args: JSON.parse(input) as unknown },
              ...(index === 0 && signature),
            })),
          ),
        ]
      : []),
    candidate([{ text: '', ...(toolCalls.length === 0 && signature) }], 'STOP'),
  ];
}
