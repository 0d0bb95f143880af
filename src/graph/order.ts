/** Who comes after whom in a flow that is being written, so that a cycle is found at once. */
import { FlowError } from '../errors.ts';

export class Order {
  private readonly sources = new Map<string, ReadonlySet<string>>();
  private readonly targets = new Map<string, Set<string>>();

  comesAfter(id: string, source: string): boolean {
    return this.sources.get(id)?.has(source) ?? false;
  }

  /** Takes new sources of a step in, unless they would close a cycle. */
  place(id: string, sources: ReadonlySet<string>, flow: string): void {
    const before = this.sources.get(id);
    for (const source of sources) {
      if (before?.has(source)) continue;
      const loop = this.way(id, source);
      if (loop) {
        const shown = loop.length > 20 ? [...loop.slice(0, 10), '…', ...loop.slice(-10)] : loop;
        throw new FlowError(
          'cycle',
          `These steps of "${flow}" would wait for each other for ever: ${[source, ...shown].join(' → ')}. Remove one of the links; a loop is written with repeat().`,
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
