/** Writing a flow down with string keys: for graphs that are made by a program, or come from elsewhere. */
import { CompiledFlow } from './compiled-flow.ts';
import { FlowError, quoted, reading, showValue } from './errors.ts';
import { type Binding, template } from './graph/binding.ts';
import { define } from './graph/compile.ts';
import type {
  FlowOptions,
  Link,
  LinkOptions,
  StepEntry,
  StepSettings,
} from './graph/definition.ts';
import { linkId } from './graph/definition.ts';
import { deriveLinks } from './graph/derive.ts';
import { EditableDraft } from './graph/editable-draft.ts';
import { inputKey, paramKey, parseKey, targetOf } from './graph/key.ts';
import { anything, check, flag } from './graph/settings.ts';
import { isPlain } from './plain.ts';
import type { RunOptions } from './run/options.ts';
import { type Code, type Step, toStep } from './wire/step.ts';

export interface DataMapOptions {
  /** The value where the source has none. */
  readonly default?: unknown;
  /** Whether reading a step makes a link from it. Default true. */
  readonly autolink?: boolean;
}

/**
 * A flow by string keys. Every call either succeeds, or throws a FlowError and changes nothing. Texts that its author gives may be
 * templates: `{{page.return.title}}`.
 *
 * @example
 * const greet = new FlowBuilder('greet')
 *   .addStep('shout', ({ text }: { text: string }) => text.toUpperCase())
 *   .setInput('shout.text', 'name')
 *   .setOutput('greeting', 'shout.return')
 *   .build()
 */
export class FlowBuilder {
  readonly id: string;
  private readonly draft: EditableDraft<Step>;

  constructor(id: string, options: FlowOptions = {}) {
    this.draft = new EditableDraft(id, options);
    this.id = id;
  }

  /** Adds a step: a function, a described step, or a flow. `params` are literals or templates, by name. */
  addStep(
    id: string,
    code: Code,
    params: Readonly<Record<string, unknown>> = {},
    settings: StepSettings = {},
  ): this {
    if (!isPlain(params) || Array.isArray(params)) {
      throw new FlowError(
        'invalid-definition',
        `The params of step "${id}" are ${showValue(params)}. Write addStep(id, code, params): an object that binds each param, or {}.`,
      );
    }
    reading(`step "${id}"`, () => {
      const bound = new Map<string, Binding>(
        Object.entries(params).map(([name, value]) => [name, template(value, paramKey(id, name))]),
      );
      this.draft.addStep({ id, step: toStep(id, code), settings }, bound);
    });
    return this;
  }

  /** Removes a step, its params, and every stated link from or to it. What other steps read of it stays; `build()` tells. */
  removeStep(id: string): this {
    this.draft.removeStep(id);
    return this;
  }

  addLink(from: string, to: string, options?: LinkOptions): this {
    this.draft.addLink(from, to, options);
    return this;
  }

  /** Removes a link that was stated; a link that follows from data goes with the data. */
  removeLink(id: string): this {
    this.draft.removeLink(id);
    return this;
  }

  /** Binds a param to an input of the flow. */
  setInput(key: string, inputName: string): this {
    if (targetOf(key).step === undefined || parseKey(inputName).of !== 'input') {
      throw new FlowError(
        'invalid-key',
        `setInput(${quoted(key)}, ${quoted(inputName)}) binds a param to an input: setInput("step.param", "input"). For anything else use setDataMap() or setDataValue().`,
      );
    }
    return this.setDataMap(key, inputName);
  }

  /** Names an output and the key that it comes from. */
  setOutput(name: string, key: string): this {
    parseKey(key);
    this.draft.setOutput(name, { key });
    return this;
  }

  removeOutput(name: string): this {
    this.draft.removeOutput(name);
    return this;
  }

  /** Binds `step.param`, or an input of the flow, to a value; texts in it may be templates. */
  setDataValue(key: string, value: unknown): this {
    const target = bindable(key);
    reading(quoted(key), () => this.draft.bind(target, template(value, key)));
    return this;
  }

  /** Binds `step.param`, or an input of the flow, to another key. */
  setDataMap(key: string, sourceKey: string, options: DataMapOptions = {}): this {
    parseKey(sourceKey);
    const target = bindable(key);
    reading(quoted(key), () => {
      check('setDataMap()', options, { default: anything, autolink: flag });
      const { default: fallback, autolink = true } = options;
      this.draft.bind(target, {
        key: sourceKey,
        ...(fallback !== undefined && { default: fallback }),
        ...(!autolink && { autolink }),
      } as Binding);
    });
    return this;
  }

  /** Removes what a key is bound to. */
  removeData(key: string): this {
    this.draft.unbind(key);
    return this;
  }

  /** The steps as they stand, by id. */
  get steps(): Readonly<Record<string, StepEntry<Step>>> {
    return Object.fromEntries(this.draft.steps);
  }

  /** The links as they stand, derived ones included, by id. */
  get links(): Readonly<Record<string, Link>> {
    return Object.fromEntries(
      [...deriveLinks(this.draft).values()]
        .flat()
        .map((link) => [linkId(link.from, link.to), link]),
    );
  }

  /** What keys are bound to, as it stands. */
  get data(): Readonly<Record<string, Binding>> {
    const params = [...this.draft.params].flatMap(([id, bound]) =>
      [...bound].map(([name, binding]) => [paramKey(id, name), binding] as const),
    );
    const inputs = [...this.draft.inputs].map(
      ([name, binding]) => [inputKey(name), binding] as const,
    );
    return Object.fromEntries([...inputs, ...params]);
  }

  get outputs(): Readonly<Record<string, Binding>> {
    return Object.fromEntries(this.draft.outputs);
  }

  /** Checks the whole flow and makes it one that runs. Throws a FlowError (`invalid-definition`) that lists every problem. */
  build(options?: RunOptions): CompiledFlow<unknown, Readonly<Record<string, unknown>>> {
    return new CompiledFlow(define(this.draft), options);
  }
}

/** What a step gives is not bound, but read: most who try have the two keys of a map the wrong way round. */
function bindable(key: string): string {
  const { of } = parseKey(key);
  if (of !== 'return' && of !== 'chunks') return key;
  throw new FlowError(
    'invalid-key',
    `${quoted(key)} is what a step gives, so it cannot be bound. To hand it on write setDataMap("step.param", ${quoted(key)}).`,
  );
}
