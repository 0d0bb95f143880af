/** A flow being written down. Every change either succeeds, or throws and leaves all as it was. */
import { FlowError, quoted, showValue } from '../errors.ts';
import { copyPlain, freeze } from '../plain.ts';
import { type Binding, keysOf } from './binding.ts';
import { conditionKeys } from './condition.ts';
import { conditionFrom } from './condition-json.ts';
import {
  type Json,
  type LinkOptions,
  linkId,
  type StatedLink,
  type StepEntry,
  type StepSettings,
  type StepShape,
} from './definition.ts';
import { isId, parseKey, targetOf } from './key.ts';
import { mergeLink, refusedLink } from './link.ts';
import { Order } from './order.ts';
import { checkSchema, type Schema } from './schema.ts';
import { check, flowChecks, linkChecks, settingChecks } from './settings.ts';

export interface FlowOptions<Input = unknown> {
  /** What the flow takes. Without it, the inputs are the names that its steps read. */
  readonly input?: Schema<Input, unknown>;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, Json>>;
}

type Params = Map<string, Binding>;
type Links = Map<string, StatedLink>;

export class Draft<Step extends StepShape = StepShape> {
  readonly id: string;
  readonly options: FlowOptions;
  readonly steps = new Map<string, StepEntry<Step>>();
  /** By step, then by param. */
  readonly params = new Map<string, Params>();
  readonly inputs = new Map<string, Binding>();
  /** Stated links by target, then by source. */
  readonly linksInto = new Map<string, Links>();
  readonly outputs = new Map<string, Binding>();
  protected readonly order = new Order();

  constructor(id: string, options: FlowOptions = {}) {
    checkId(id, 'flow');
    check(`flow "${id}"`, options, flowChecks);
    const { input, ...described } = options;
    checkSchema(input, `input of flow "${id}"`);
    this.id = id;
    this.options = Object.freeze({ ...kept(described), ...(input && { input }) });
  }

  addStep(
    entry: StepEntry<Step>,
    params: ReadonlyMap<string, Binding>,
    after?: readonly string[],
  ): void {
    const { id } = entry;
    checkId(id, 'step');
    if (this.steps.has(id)) {
      throw new FlowError(
        'invalid-definition',
        `The flow "${this.id}" has a step "${id}" already. Give this one another id, or remove the first.`,
      );
    }
    checkSchema(entry.step.input, `input of step "${id}"`);
    checkSchema(entry.step.output, `output of step "${id}"`);
    const added = Object.freeze({ ...entry, settings: settingsOf(entry, after && ['after']) });
    const links: Links = new Map(this.linksInto.get(id));
    for (const from of after ?? []) links.set(from, mergeLink(links.get(from), { from, to: id }));
    const all: Params = new Map(this.params.get(id));
    for (const [name, binding] of params) if (!isAbsent(binding)) all.set(name, kept(binding));
    this.place(id, { entry: added, params: all, links });
    this.steps.set(id, added);
    if (all.size > 0) this.params.set(id, all);
    if (links.size > 0) this.linksInto.set(id, links);
  }

  /** Removes a step with its params and every stated link from or to it. What others read of it stays, for `build()` to tell. */
  removeStep(id: string): void {
    this.steps.delete(id);
    this.params.delete(id);
    this.linksInto.delete(id);
    this.place(id);
    for (const [to, links] of this.linksInto) if (links.delete(id)) this.place(to);
  }

  addLink(from: string, to: string, options: LinkOptions = {}): void {
    checkId(from, 'step');
    checkId(to, 'step');
    check(`link "${linkId(from, to)}"`, options, linkChecks);
    const links: Links = new Map(this.linksInto.get(to));
    const { when, ...others } = options;
    const stated = {
      ...others,
      ...(when !== undefined && { when: conditionFrom(when, `link "${linkId(from, to)}"`) }),
    };
    const link = mergeLink(links.get(from), kept({ ...stated, from, to }));
    const refused = refusedLink(link, this.steps.get(from)?.step, this.steps.get(to)?.step);
    if (refused) throw new FlowError('invalid-link', refused);
    links.set(from, link);
    this.place(to, { links });
    this.linksInto.set(to, links);
  }

  /** Binds `step.param`, or a name without a dot: an input of the flow. */
  bind(target: string, binding: Binding): void {
    const { step, name } = targetOf(target);
    if (isAbsent(binding)) {
      throw new FlowError(
        'invalid-definition',
        `${quoted(target)} is bound to undefined, which is no value. Give null for "nothing", or leave it unbound.`,
      );
    }
    if (step === undefined) {
      this.inputs.set(name, kept(binding));
      return;
    }
    const params: Params = new Map(this.params.get(step)).set(name, kept(binding));
    this.place(step, { params });
    this.params.set(step, params);
  }

  setOutput(name: string, binding: Binding): void {
    if (typeof name !== 'string' || !name || name.length > 128)
      throw new FlowError(
        'invalid-definition',
        `An output needs a name of 1 to 128 characters, not ${showValue(name)}.`,
      );
    this.outputs.set(name, kept(binding));
  }

  /** Puts a step behind all that it reads, as it is or will be. Throws where that closes a cycle. */
  protected place(
    id: string,
    {
      entry = this.steps.get(id),
      params = this.params.get(id),
      links = this.linksInto.get(id),
    }: {
      entry?: StepEntry<Step> | undefined;
      params?: Params | undefined;
      links?: Links | undefined;
    } = {},
  ): void {
    const sources = new Set(links?.keys());
    const read = (text: string) => {
      const key = parseKey(text);
      if (key.of !== 'input') sources.add(key.step);
    };
    conditionKeys(entry?.settings.when).forEach(read);
    for (const { when } of links?.values() ?? []) conditionKeys(when).forEach(read);
    for (const binding of params?.values() ?? [])
      if (!('autolink' in binding)) keysOf(binding).forEach(read);
    this.order.place(id, sources, this.id);
  }
}

function checkId(id: string, what: string): void {
  if (typeof id === 'string' && isId(id)) return;
  throw new FlowError(
    'invalid-definition',
    `The ${what} id ${showValue(id)} is not allowed. An id has 1 to 64 letters, digits, "_" or "-", and starts with a letter or "_".`,
  );
}

const isAbsent = (binding: Binding): boolean => 'value' in binding && binding.value === undefined;

/** What the author does to it later does not reach the flow. */
const kept = <T>(given: T): T => freeze(copyPlain(given));

function settingsOf({ id, settings }: StepEntry, more?: readonly string[]): StepSettings {
  check(`step "${id}"`, settings, settingChecks, more);
  const { when, ...others } = settings;
  return kept({
    ...others,
    ...(when !== undefined && { when: conditionFrom(when, `step "${id}"`) }),
  });
}
