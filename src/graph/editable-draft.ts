/** A draft of which parts can be taken away again. */
import { FlowError, listed, quoted, suggestion } from '../errors.ts';
import type { Binding } from './binding.ts';
import { linkId, type StepEntry, type StepShape } from './definition.ts';
import { Draft, sourcesOf } from './draft.ts';
import { inputKey, paramKey, targetOf } from './key.ts';

export class EditableDraft<Step extends StepShape = StepShape> extends Draft<Step> {
  override addStep(entry: StepEntry<Step>, params: ReadonlyMap<string, Binding>): void {
    super.addStep(entry, params);
    // A param of it may have been bound before, to something else.
    this.loosen(entry.id);
  }

  /** Removes a step with its params and every stated link from or to it. What others read of it stays, for `build()` to tell. */
  removeStep(id: string): void {
    if (!this.steps.delete(id)) throw this.unknown('step', id, this.steps.keys());
    this.params.delete(id);
    this.linksInto.delete(id);
    this.loosen(id);
    for (const [to, links] of this.linksInto) if (links.delete(id)) this.loosen(to);
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
    this.loosen(to);
  }

  override bind(target: string, binding: Binding): void {
    const { step = '', name } = targetOf(target);
    const isBound = this.params.get(step)?.has(name);
    super.bind(target, binding);
    if (isBound) this.loosen(step);
  }

  unbind(target: string): void {
    const { step, name } = targetOf(target);
    const from = step === undefined ? this.inputs : this.params.get(step);
    if (!from?.delete(name))
      throw this.unknown('bound key', target, [
        ...[...this.inputs.keys()].map(inputKey),
        ...[...this.params].flatMap(([id, params]) =>
          [...params.keys()].map((param) => paramKey(id, param)),
        ),
      ]);
    if (step === undefined) return;
    if (from.size === 0) this.params.delete(step);
    this.loosen(step);
  }

  removeOutput(name: string): void {
    if (!this.outputs.delete(name)) throw this.unknown('output', name, this.outputs.keys());
  }

  /** A step need not come any more after what it reads no more. */
  private loosen(id: string): void {
    const { sources, targets } = this.order;
    const { when } = this.steps.get(id)?.settings ?? {};
    const params = this.params.get(id) ?? new Map();
    const left = new Set(sourcesOf(when, params, this.linksInto.get(id) ?? new Map()));
    for (const source of sources.get(id) ?? []) {
      if (left.has(source)) continue;
      sources.get(id)?.delete(source);
      targets.get(source)?.delete(id);
    }
  }

  private unknown(what: string, name: string, known: Iterable<string>): FlowError {
    const all = [...known];
    return new FlowError(
      'invalid-definition',
      `The flow "${this.id}" has no ${what} ${quoted(String(name))}.${suggestion(String(name), all)} It has: ${listed(all)}.`,
    );
  }
}
