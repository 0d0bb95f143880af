/** The part of a conversation that a model gets to see, cut so that every provider accepts it. */
import { FlowError } from '../index.ts';
import {
  type Message,
  message,
  type Part,
  type ToolCallPart,
  type ToolResultPart,
  toolCalls,
} from './message.ts';

// How far before the window the call of a result is looked for. Without a bound, a result whose call
// is nowhere would make every turn read the whole memory.
export const reach = 64;

/**
 * The last messages of a conversation, `size` of them or fewer. It starts at what a user said, and
 * holds no tool call without its result and no result without its call; for that alone it may be
 * longer than `size`. System messages at the head stay and do not count. 0 gives nothing, `Infinity`
 * everything that is paired. The cost depends on the window, not on the conversation.
 */
export function messageWindow(messages: readonly Message[], size: number): Message[] {
  if (!(size >= 0)) {
    throw new FlowError(
      'invalid-option',
      `A window of "${size}" messages cannot be. Pass 0 or more.`,
    );
  }
  if (size === 0) return [];
  if (size === Number.POSITIVE_INFINITY) return pairCalls(messages);
  const head = countLeadingSystem(messages);
  const start = reachCalls(messages, head, startTurn(messages, head, size));
  return [...messages.slice(0, head), ...pairCalls(messages.slice(start))];
}

function countLeadingSystem(messages: readonly Message[]): number {
  let count = 0;
  while (messages[count]?.role === 'system') count++;
  return count;
}

// The first turn that begins within the window; if none does, the turn that is under way.
function startTurn(messages: readonly Message[], head: number, size: number): number {
  const earliest = Math.max(head, messages.length - Math.floor(size));
  for (let index = earliest; index < messages.length; index++) {
    if (messages[index]?.role === 'user') return index;
  }
  for (let index = earliest - 1; index >= head; index--) {
    if (messages[index]?.role === 'user') return index;
  }
  return messages.length;
}

// Where models share a memory, a result may stand turns after its call.
function reachCalls(messages: readonly Message[], head: number, start: number): number {
  const missing = resultsWithoutCall(messages, start);
  const furthest = Math.max(head, start - reach);
  let reached = start;
  let wantsTurn = false;
  for (let index = start - 1; index >= head; index--) {
    if (!wantsTurn && (missing.size === 0 || index < furthest)) break;
    for (const call of callsIn(messages[index])) {
      if (missing.delete(call.id)) wantsTurn = true;
    }
    if (wantsTurn && messages[index]?.role === 'user') {
      reached = index;
      wantsTurn = false;
    }
  }
  return reached;
}

function resultsWithoutCall(messages: readonly Message[], start: number): Set<string> {
  const open = new Set<string>();
  const missing = new Set<string>();
  for (let index = start; index < messages.length; index++) {
    for (const call of callsIn(messages[index])) open.add(call.id);
    for (const { id } of resultsIn(messages[index])) {
      if (!open.delete(id)) missing.add(id);
    }
  }
  return missing;
}

/**
 * Puts the results of each message right behind it, in the order of its calls, and leaves out calls
 * without a result and results without a call. What is in order already is not copied.
 */
export function pairCalls(messages: readonly Message[]): Message[] {
  const answers = answersOf(messages);
  return messages.flatMap((each, index) => {
    if (each.role === 'tool') return [];
    const calls = callsIn(each);
    if (calls.length === 0) return [each];
    const results = calls.flatMap((call) => answers.get(call) ?? []);
    const said = results.length === calls.length ? each : withoutCalls(each, answers);
    if (results.length === 0) return said.content.length > 0 ? [said] : [];
    const next = messages[index + 1];
    const inOrder = next?.role === 'tool' && sameParts(next.content, results);
    return [said, inOrder ? next : message('tool', results)];
  });
}

// Ids repeat with some providers. A result answers the latest call of its id, and only once.
function answersOf(messages: readonly Message[]): Map<ToolCallPart, ToolResultPart> {
  const open = new Map<string, ToolCallPart>();
  const answers = new Map<ToolCallPart, ToolResultPart>();
  for (const each of messages) {
    for (const call of callsIn(each)) open.set(call.id, call);
    for (const result of resultsIn(each)) {
      const call = open.get(result.id);
      if (call) answers.set(call, result);
      open.delete(result.id);
    }
  }
  return answers;
}

function withoutCalls(each: Message, answers: ReadonlyMap<ToolCallPart, ToolResultPart>): Message {
  const own = new Set<Part>(callsIn(each));
  const content = each.content.filter(
    (part) => !own.has(part) || answers.has(part as ToolCallPart),
  );
  // Reasoning is refused where what it led to is missing.
  while (content.at(-1)?.type === 'reasoning') content.pop();
  return { ...each, content };
}

function callsIn(each: Message | undefined): ToolCallPart[] {
  return each?.role === 'assistant' ? toolCalls(each) : [];
}

// Results in a message of the assistant are those of tools that the provider ran itself.
function resultsIn(each: Message | undefined): ToolResultPart[] {
  if (each?.role !== 'tool') return [];
  return each.content.filter((part) => part.type === 'tool-result') as ToolResultPart[];
}

function sameParts(some: readonly Part[], others: readonly Part[]): boolean {
  return some.length === others.length && some.every((part, index) => part === others[index]);
}
