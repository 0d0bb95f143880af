/** A flow being written down. Every change either succeeds, or throws and leaves all as it was. */
import { FlowError, suggestion, typeName } from '../errors.ts';
import { type Binding, keysOf } from './binding.ts';
import { conditionKeys } from './condition.ts';
import {
  type Json,
  type LinkOptions,
  linkId,
  type StatedLink,
  type StepEntry,
  type StepShape,
} from './definition.ts';
import { isId, parseKey } from './key.ts';
import { equal } from './plain.ts';
import type { Schema } from './schema.ts';
import { checkSettings } from './settings.ts';

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
  /** Who reads whom, to find cycles at once. */
  private readonly sources = new Map<string, ReadonlySet<string>>();
  private readonly targets = new Map<string, Set<string>>();

  constructor(id: string, options: FlowOptions = {}) {
    checkId(id, 'flow');
    this.id = id;
    this.options = options;
  }

  addStep(
    entry: StepEntry<Step>,
    params: ReadonlyMap<string, Binding>,
    after: readonly string[] = [],
  ): void {
    const { id } = entry;
    checkId(id, 'step');
    if (this.steps.has(id)) {
      throw new FlowError(
        'invalid-definition',
        `The flow "${this.id}" has a step "${id}" already. Give this one another id, or remove the first.`,
      );
    }
    checkSettings(id, entry.settings);
    const links: Links = new Map(this.linksInto.get(id));
    for (const from of after) links.set(from, mergeLink(links.get(from), { from, to: id }));
    const all: Params = new Map([...(this.params.get(id) ?? []), ...params]);
    this.wire(id, this.readsOf(entry, all, links));
    this.steps.set(id, entry);
    if (all.size > 0) this.params.set(id, all);
    if (links.size > 0) this.linksInto.set(id, links);
  }

  /** Removes a step with its params and every stated link from or to it. What others read of it stays, for `build()` to tell. */
  removeStep(id: string): void {
    if (!this.steps.has(id)) throw this.unknown('step', id, this.steps.keys());
    this.steps.delete(id);
    this.params.delete(id);
    this.linksInto.delete(id);
    this.wire(id, new Set());
    for (const [to, links] of this.linksInto) {
      if (links.delete(id)) this.rewire(to);
    }
  }

  addLink(from: string, to: string, options: LinkOptions = {}): void {
    checkId(from, 'step');
    checkId(to, 'step');
    const links: Links = new Map(this.linksInto.get(to));
    const link = mergeLink(links.get(from), { ...options, from, to });
    const refused = refusedLink(link, this.steps.get(from)?.step, this.steps.get(to)?.step);
    if (refused) throw new FlowError('invalid-link', refused);
    links.set(from, link);
    this.wire(to, this.readsOf(this.steps.get(to), this.params.get(to), links));
    this.linksInto.set(to, links);
  }

  removeLink(id: string): void {
    const [from = '', to = ''] = id.split('->');
    if (!this.linksInto.get(to)?.delete(from)) {
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
    if (step === undefined) {
      this.inputs.set(name, binding);
      return;
    }
    const params: Params = new Map(this.params.get(step)).set(name, binding);
    this.wire(step, this.readsOf(this.steps.get(step), params, this.linksInto.get(step)));
    this.params.set(step, params);
  }

  unbind(target: string): void {
    const { step, name } = targetOf(target);
    const from = step === undefined ? this.inputs : this.params.get(step);
    if (!from?.delete(name))
      throw this.unknown('bound key', target, [
        ...this.inputs.keys(),
        ...[...this.params].flatMap(([id, params]) =>
          [...params.keys()].map((param) => `${id}.${param}`),
        ),
      ]);
    if (step !== undefined) this.rewire(step);
  }

  setOutput(name: string, binding: Binding): void {
    if (!name || name.length > 128)
      throw new FlowError(
        'invalid-definition',
        `An output needs a name of 1 to 128 characters, not ${JSON.stringify(name)}.`,
      );
    this.outputs.set(name, binding);
  }

  removeOutput(name: string): void {
    if (!this.outputs.delete(name)) throw this.unknown('output', name, this.outputs.keys());
  }

  private unknown(what: string, name: string, known: Iterable<string>): FlowError {
    const all = [...known];
    return new FlowError(
      'invalid-definition',
      `The flow "${this.id}" has no ${what} "${name}".${suggestion(name, all)} It has: ${all.slice(0, 12).join(', ') || 'none'}.`,
    );
  }

  private rewire(id: string): void {
    this.wire(id, this.readsOf(this.steps.get(id), this.params.get(id), this.linksInto.get(id)));
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

  /** Takes new sources of a step in, unless they would close a cycle. */
  private wire(id: string, sources: ReadonlySet<string>): void {
    const before = this.sources.get(id);
    for (const source of sources) {
      if (before?.has(source)) continue;
      const loop = this.way(id, source);
      if (loop) {
        const shown = loop.length > 20 ? [...loop.slice(0, 10), '…', ...loop.slice(-10)] : loop;
        throw new FlowError(
          'cycle',
          `These steps of "${this.id}" would wait for each other for ever: ${[source, ...shown].join(' → ')}. Remove one of the links; a loop is written with repeat().`,
        );
      }
    }
    for (const source of before ?? [])
      if (!sources.has(source)) this.targets.get(source)?.delete(id);
    for (const source of sources) {
      const targets = this.targets.get(source);
      if (targets) targets.add(id);
      else this.targets.set(source, new Set([id]));
    }
    this.sources.set(id, sources);
  }

  /** A way from one step to another along the links, or undefined. */
  private way(from: string, to: string): string[] | undefined {
    if (from === to) return [from];
    if (!this.targets.get(from)?.size) return undefined;
    const cameFrom = new Map<string, string>([[from, '']]);
    const todo = [from];
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      for (const next of this.targets.get(at) ?? []) {
        if (cameFrom.has(next)) continue;
        cameFrom.set(next, at);
        if (next !== to) {
          todo.push(next);
          continue;
        }
        const way = [to];
        for (let back = at; back; back = cameFrom.get(back) ?? '') way.push(back);
        return way.reverse();
      }
    }
    return undefined;
  }
}

function checkId(id: string, what: string): void {
  if (typeof id === 'string' && isId(id)) return;
  const shown = typeof id === 'string' ? `"${id.slice(0, 70)}"` : typeName(id);
  throw new FlowError(
    'invalid-definition',
    `The ${what} id ${shown} is not allowed. An id has 1 to 64 letters, digits, "_" or "-", and starts with a letter or "_".`,
  );
}

/** What a key binds: a param of a step, or an input of the flow. */
export function targetOf(target: string): { readonly step?: string; readonly name: string } {
  const dot = target.indexOf('.');
  const [step, name] =
    dot < 0 ? [undefined, target] : [target.slice(0, dot), target.slice(dot + 1)];
  if ((step === undefined || isId(step)) && isId(name))
    return step === undefined ? { name } : { step, name };
  throw new FlowError(
    'invalid-key',
    `"${target}" cannot be bound. Write "step.param" for a param of a step, or a name for an input of the flow.`,
  );
}

function mergeLink(old: StatedLink | undefined, link: StatedLink): StatedLink {
  if (!old) return link;
  const merged: Record<string, unknown> = { ...old };
  for (const [name, value] of Object.entries(link)) {
    if (value === undefined) continue;
    if (merged[name] !== undefined && !equal(merged[name], value)) {
      throw new FlowError(
        'invalid-link',
        `The link "${linkId(link.from, link.to)}" is there already with another "${name}". Remove it first, or say the same.`,
      );
    }
    merged[name] = value;
  }
  return merged as unknown as StatedLink;
}

/** Why a tool link or a tool-result link cannot be; undefined where it can, or where a step is not known yet. */
export function refusedLink(
  link: StatedLink,
  from: StepShape | undefined,
  to: StepShape | undefined,
): string | undefined {
  const id = linkId(link.from, link.to);
  if (link.isTool && link.isToolResult)
    return `The link "${id}" cannot be a tool link and a tool-result link at once. Choose one.`;
  if (link.isTool && from && !from.isLlm)
    return `The tool link "${id}" starts at "${link.from}", which is no LLM step. A tool link goes from an LLM step to its tool.`;
  if (link.isToolResult && to && !to.isLlm)
    return `The tool-result link "${id}" ends at "${link.to}", which is no LLM step. A tool-result link goes from a tool to the LLM step that reads its result.`;
  return undefined;
}
