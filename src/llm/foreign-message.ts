/** Reads what people pass as messages: text, our messages, UI and model messages of the AI SDK. */
import { FlowError } from '../index.ts';
import { callFrom, type Foreign, fileFrom, metadataFrom, resultFrom } from './foreign-part.ts';
import { isObject } from './json.ts';
import { type Message, message, messageVersion, type Part, type Role } from './message.ts';
import { fromUiParts } from './ui-message.ts';

/**
 * One message, or something that can be read as one: text is what a user says; `parts` makes a UI
 * message of the AI SDK, `content` a model message.
 */
export type MessageInput =
  | string
  | Message
  | { readonly role: string; readonly content: unknown; readonly providerOptions?: object }
  | { readonly role: string; readonly parts: readonly object[]; readonly id?: string };

/** Makes messages of what was given. The given objects are not kept, except messages of millrace. */
export function toMessages(input: MessageInput | readonly MessageInput[]): Message[] {
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input];
  return inputs.flatMap((each, index) => readMessage(each, index));
}

function readMessage(input: unknown, index: number): Message[] {
  if (typeof input === 'string') return [message('user', input)];
  if (!isObject(input)) throw unreadable(index, 'is neither text nor an object');
  const { version, content, parts } = input;
  const role = readRole(input['role'], index);
  if (version === messageVersion && Array.isArray(content)) return [input as unknown as Message];
  if (version !== undefined) {
    throw unreadable(index, `is of version ${String(version)}, not ${messageVersion}`);
  }
  if (Array.isArray(parts)) return fromUiParts(role, parts.filter(isObject));
  const metadata = metadataFrom(input['providerOptions']);
  if (typeof content === 'string') return [{ ...message(role, content), ...metadata }];
  if (!Array.isArray(content)) throw unreadable(index, 'has neither "content" nor "parts"');
  return [{ ...message(role, content.filter(isObject).flatMap(fromModelPart)), ...metadata }];
}

function readRole(role: unknown, index: number): Role {
  switch (role) {
    case 'system':
    case 'user':
    case 'assistant':
    case 'tool':
      return role;
    case 'developer':
      return 'system';
    default:
      throw unreadable(index, `has the role "${String(role)}"`);
  }
}

function unreadable(index: number, fact: string): FlowError {
  return new FlowError(
    'invalid-params',
    `Message ${index} ${fact}. Pass text, messages of millrace, or UI or model messages of the AI SDK.`,
  );
}

function fromModelPart(part: Foreign): Part[] {
  const metadata = metadataFrom(part['providerOptions']);
  switch (part['type']) {
    case 'text':
    case 'reasoning':
      return [{ type: part['type'], text: String(part['text'] ?? ''), ...metadata }];
    case 'image':
      return [fileFrom(part, part['image'], metadata)];
    case 'file':
      return [fileFrom(part, part['data'], metadata)];
    case 'tool-call':
      return [callFrom(part, String(part['toolName']), metadata)];
    case 'tool-result':
      return [resultFrom(part, String(part['toolName']), part['output'], metadata)];
    default:
      // Approvals, sources and what later versions add: nothing that a provider needs from us.
      return [];
  }
}
