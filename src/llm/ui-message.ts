/** Reads UI messages of the AI SDK: calls and results in one part, turns divided by `step-start`. */
import { callFrom, type Foreign, fileFrom, metadataFrom, resultFrom } from './foreign-part.ts';
import { type Message, message, type Part, type Role } from './message.ts';

/** One UI message may hold several turns of a model, and so become several messages. */
export function fromUiParts(role: Role, parts: readonly Foreign[]): Message[] {
  const messages: Message[] = [];
  let said: Part[] = [];
  let results: Part[] = [];
  const closeTurn = () => {
    if (said.length > 0) messages.push(message(role, said));
    if (results.length > 0) messages.push(message('tool', results));
    said = [];
    results = [];
  };
  for (const part of parts) {
    const type = String(part['type']);
    const metadata = metadataFrom(part['providerMetadata']);
    if (type === 'step-start') {
      closeTurn();
    } else if (type === 'text' || type === 'reasoning') {
      said.push({ type, text: String(part['text'] ?? ''), ...metadata });
    } else if (type === 'file') {
      said.push(fileFrom(part, part['url'], metadata));
    } else if (type === 'dynamic-tool' || type.startsWith('tool-')) {
      const output = taggedOutput(part);
      // A call that nobody has answered yet: providers refuse it.
      if (!output) continue;
      const name = String(part['toolName'] ?? type.slice('tool-'.length));
      said.push(callFrom(part, name, metadataFrom(part['callProviderMetadata'])));
      const answers = part['providerExecuted'] === true ? said : results;
      answers.push(resultFrom(part, name, output, metadataFrom(part['resultProviderMetadata'])));
    }
  }
  closeTurn();
  return messages;
}

function taggedOutput(part: Foreign): object | undefined {
  switch (part['state']) {
    case 'output-available':
      return { type: 'json', value: part['output'] };
    case 'output-error':
      return { type: 'error-text', value: part['errorText'] ?? 'The tool failed.' };
    case 'output-denied':
      return { type: 'execution-denied' };
    default:
      return undefined;
  }
}
