/** A flow being written down. Every change either succeeds, or throws and leaves all as it was. */
import { FlowError, quoted, reading, showValue } from '../errors.ts';
import { copyPlain, freeze } from '../plain.ts';
import { type Binding, keysOf } from './binding.ts';
import { type Condition, conditionKeys } from './condition.ts';
import { conditionFrom } from './condition-json.ts';
import {
  type FlowOptions,
  type LinkOptions,
  linkId,
  type StatedLink,
  type StepEntry,
  type StepSettings,
  type StepShape,
} from './definition.ts';
import { isId, stepsIn, targetOf } from './key.ts';
import { mergeLink, refusedLink } from './link.ts';
import { Order } from './order.ts';
import { checkSchema } from './schema.ts';
import { type Checks, check, flowChecks, linkChecks, settingChecks } from './settings.ts';

/** A stated link into a step that is being added. */
export type LinkFrom = LinkOptions & { readonly from: string };

type Params = Map<string, Binding>;
type Links = Map<string, StatedLink>;

/** What a draft holds, to read. */
export interface Written<Step extends StepShape = StepShape> {
  readonly id: string;
  readonly options: FlowOptions;
  readonly steps: ReadonlyMap<string, StepEntry<Step>>;
  readonly params: ReadonlyMap<string, ReadonlyMap<string, Binding>>;
  readonly inputs: ReadonlyMap<string, Binding>;
  readonly linksInto: ReadonlyMap<string, ReadonlyMap<string, StatedLink>>;
  readonly outputs: ReadonlyMap<string, Binding>;
}

export class Draft<Step extends StepShape = StepShape> implements Written<Step> {
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
    const place = `flow "${id}"`;
    this.id = id;
    this.options = reading(place, () => {
      check(place, options, flowChecks);
      const { input, ...described } = options;
      checkSchema(input, `input of ${place}`);
      return Object.freeze({ ...kept(described), ...(input && { input }) });
    });
  }

  /** Adds a step, with stated links into it. */
  addStep(
    entry: StepEntry<Step>,
    params: ReadonlyMap<string, Binding>,
    stated?: readonly LinkFrom[],
  ): void {
    const { id } = entry;
    checkId(id, 'step');
    if (this.steps.has(id)) {
      throw new FlowError(
        'invalid-definition',
        `The flow "${this.id}" has a step "${id}" already. Give this one another id, or remove the first.`,
      );
    }
    const place = `step "${id}"`;
    for (const part of ['input', 'output', 'chunk'] as const)
      checkSchema(entry.step[part], `${part} of ${place}`);
    const settings = checkedSettings(place, entry.settings, stated && ['after']);
    const links: Links = new Map(this.linksInto.get(id));
    for (const { from, ...options } of stated ?? [])
      links.set(from, this.stated(links, from, id, options));
    const all: Params = new Map(this.params.get(id));
    for (const [name, binding] of params) if (!isAbsent(binding)) all.set(name, kept(binding));
    this.order.add(id, sourcesOf(settings.when, all, links), this.id);
    this.steps.set(id, Object.freeze({ ...entry, settings }));
    if (all.size > 0) this.params.set(id, all);
    if (links.size > 0) this.linksInto.set(id, links);
  }

  addLink(from: string, to: string, options: LinkOptions = {}): void {
    const links: Links = this.linksInto.get(to) ?? new Map();
    const link = this.stated(links, from, to, options);
    this.order.add(to, sourcesOfLink(link), this.id);
    this.linksInto.set(to, links.set(from, link));
  }

  /** A link, with what has been said of it already. */
  private stated(links: Links, from: string, to: string, options: LinkOptions): StatedLink {
    checkId(from, 'step');
    checkId(to, 'step');
    const place = `link "${linkId(from, to)}"`;
    const said = reading(place, () => kept(checked(place, options, linkChecks)));
    const link = mergeLink(links.get(from), { ...said, from, to });
    const refused = refusedLink(link, this.steps.get(from)?.step, this.steps.get(to)?.step);
    if (refused) throw new FlowError('invalid-link', refused);
    return link;
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
    const bound = kept(binding);
    this.order.add(step, linkedBy(bound), this.id);
    this.params.set(step, (this.params.get(step) ?? new Map()).set(name, bound));
  }

  setOutput(name: string, binding: Binding): void {
    if (typeof name !== 'string' || !name || name.length > 128)
      throw new FlowError(
        'invalid-definition',
        `An output needs a name of 1 to 128 characters, not ${showValue(name)}.`,
      );
    this.outputs.set(name, kept(binding));
  }
}

/** The steps that a binding links its own to. */
const linkedBy = (binding: Binding): readonly string[] =>
  'autolink' in binding ? [] : stepsIn(keysOf(binding));

const sourcesOfLink = ({ from, when }: StatedLink): readonly string[] => [
  from,
  ...stepsIn(conditionKeys(when)),
];

/** The steps that a step comes after. */
export const sourcesOf = (
  when: Condition | undefined,
  params: ReadonlyMap<string, Binding>,
  links: ReadonlyMap<string, StatedLink>,
): readonly string[] => [
  ...[...links.values()].flatMap(sourcesOfLink),
  ...stepsIn(conditionKeys(when)),
  ...[...params.values()].flatMap(linkedBy),
];

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

/** Settings of a step, checked and kept. */
export function checkedSettings(
  place: string,
  given: StepSettings,
  more?: readonly string[],
): StepSettings {
  const settings = kept(checked(place, given, settingChecks, more));
  const { policy, concurrency, maxPending } = settings;
  if (maxPending && policy !== 'concat' && !(policy === 'merge' && concurrency))
    throw new FlowError(
      'invalid-option',
      `The option "maxPending" of ${place} is for policy: "concat", or "merge" with "concurrency".`,
    );
  return settings;
}

/** Options that are as they may be, with a condition of their own. */
function checked<Options extends { readonly when?: Condition }>(
  place: string,
  options: Options,
  checks: Checks,
  more?: readonly string[],
): Options {
  check(place, options, checks, more);
  const { when } = options;
  return when === undefined ? options : { ...options, when: conditionFrom(when, place) };
}
