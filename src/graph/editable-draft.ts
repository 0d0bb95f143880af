/** A draft of which parts can be taken away again. */
import { FlowError, quoted, suggestion } from '../errors.ts';
import { linkId, type StepShape } from './definition.ts';
import { Draft } from './draft.ts';
import { paramKey, targetOf } from './key.ts';

export class EditableDraft<Step extends StepShape = StepShape> extends Draft<Step> {
  override removeStep(id: string): void {
    if (!this.steps.has(id)) throw this.unknown('step', id, this.steps.keys());
    super.removeStep(id);
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
    this.place(to);
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
    if (step !== undefined) this.place(step);
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
}
