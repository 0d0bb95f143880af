/** Chat models by name: `openai/gpt-5` is the model `gpt-5` of the maker `openai`. */
import { FlowError } from '../index.ts';
import type { ChatModel } from './model.ts';

/** Makes a model from the name that its provider gives it. */
export type ModelMaker = (id: string) => ChatModel;

/**
 * Looks models up by name, so that flows can be configured with text. The part before the first `/`
 * says who makes the model. Unknown names are errors; nothing is ever sent to a gateway instead.
 *
 * @example
 * const model = modelRegistry({ openai: (id) => fromAiSdk(openai(id)) })
 * llm({ model: model('openai/gpt-5') })
 */
export function modelRegistry(
  makers: Readonly<Record<string, ModelMaker>>,
): (name: string) => ChatModel {
  const known = new Map(Object.entries(makers));
  const knownNames = () => [...known.keys()].join(', ') || 'none';
  return (name) => {
    const slash = name.indexOf('/');
    const id = name.slice(slash + 1);
    if (slash < 1 || id === '') {
      throw new FlowError(
        'invalid-option',
        `"${name}" names no model. Write "maker/model", with one of the makers: ${knownNames()}.`,
      );
    }
    const maker = known.get(name.slice(0, slash));
    if (!maker) {
      throw new FlowError(
        'invalid-option',
        `"${name}" asks for the maker "${name.slice(0, slash)}", which is not registered. There are: ${knownNames()}.`,
      );
    }
    const model: unknown = maker(id);
    if (typeof model !== 'function') {
      throw new FlowError(
        'invalid-option',
        `The maker of "${name}" did not return a chat model. Wrap models of the AI SDK: fromAiSdk(...).`,
      );
    }
    return model as ChatModel;
  };
}
