/** A flow being written down. Every change either succeeds, or throws and leaves all as it was. */
import { FlowError, quoted, showValue, suggestion } from '../errors.ts';
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
import { isId, paramKey, parseKey, targetOf } from './key.ts';
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

const nothing: ReadonlyMap<string, never> = new Map<string, never>();

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
  private readonly order = new Order();

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
    this.order.place(id, this.readsOf(added, all, links), this.id);
    this.steps.set(id, added);
    if (all.size > 0) this.params.set(id, all);
    if (links.size > 0) this.linksInto.set(id, links);
  }

  /** Removes a step with its params and every stated link from or to it. What others read of it stays, for `build()` to tell. */
  removeStep(id: string): void {
    if (!this.steps.has(id)) throw this.unknown('step', id, this.steps.keys());
    this.steps.delete(id);
    this.params.delete(id);
    this.linksInto.delete(id);
    this.order.place(id, new Set(), this.id);
    for (const [to, links] of this.linksInto) {
      if (links.delete(id)) this.rewire(to);
    }
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
    this.order.place(to, this.readsOf(this.steps.get(to), this.params.get(to), links), this.id);
    this.linksInto.set(to, links);
  }

  removeLink(id: string): void {
    const [from = '', to = ''] = String(id).split('->');
    if (!this.linksInto.get(to)?.delete(from)) {
      if (this.order.comesAfter(to, from)) {
        throw new FlowError(
          'invalid-link',
          `The link "${id}" follows from what "${to}" reads of "${from}", so it goes with it. Remove the data, or the condition, that reads "${from}".`,
        );
      }
      const all = [...this.linksInto.values()].flatMap((links) =>
        [...links.values()].map((link) => linkId(link.from, link.to)),
      );
      throw this.unknown('stated link', id, all);
    }
    this.rewire(to);
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
    const reads = this.readsOf(this.steps.get(step), params, this.linksInto.get(step));
    this.order.place(step, reads, this.id);
    this.params.set(step, params);
  }

  unbind(target: string): void {
    const { step, name } = targetOf(target);
    const from = step === undefined ? this.inputs : this.params.get(step);
    if (!from?.delete(name))
      throw this.unknown('bound key', target, [
        ...this.inputs.keys(),
        ...[...this.params].flatMap(([id, params]) =>
          [...params.keys()].map((param) => paramKey(id, param)),
        ),
      ]);
    if (step !== undefined) this.rewire(step);
  }

  setOutput(name: string, binding: Binding): void {
    if (typeof name !== 'string' || !name || name.length > 128)
      throw new FlowError(
        'invalid-definition',
        `An output needs a name of 1 to 128 characters, not ${showValue(name)}.`,
      );
    this.outputs.set(name, kept(binding));
  }

  removeOutput(name: string): void {
    if (!this.outputs.delete(name)) throw this.unknown('output', name, this.outputs.keys());
  }

  private unknown(what: string, name: string, known: Iterable<string>): FlowError {
    const all = [...known];
    return new FlowError(
      'invalid-definition',
      `The flow "${this.id}" has no ${what} ${quoted(String(name))}.${suggestion(String(name), all)} It has: ${all.slice(0, 12).join(', ') || 'none'}.`,
    );
  }

  private rewire(id: string): void {
    const reads = this.readsOf(this.steps.get(id), this.params.get(id), this.linksInto.get(id));
    this.order.place(id, reads, this.id);
  }

  /** The steps that must come before a step with these params, links, and condition. */
  private readsOf(
    entry: StepEntry<Step> | undefined,
    params: ReadonlyMap<string, Binding> = nothing,
    links: ReadonlyMap<string, StatedLink> = nothing,
  ): Set<string> {
    const reads = new Set(links.keys());
    const read = (key: string) => {
      const parsed = parseKey(key);
      if (parsed.of !== 'input') reads.add(parsed.step);
    };
    for (const binding of params.values()) {
      if (!('autolink' in binding)) for (const key of keysOf(binding)) read(key);
    }
    for (const key of entry?.settings.when ? conditionKeys(entry.settings.when) : []) read(key);
    for (const { when } of links.values())
      for (const key of when ? conditionKeys(when) : []) read(key);
    return reads;
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
