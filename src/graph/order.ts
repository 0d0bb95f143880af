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

  /** A shortest way from one step to another along the links, or undefined. */
  private way(from: string, to: string): string[] | undefined {
    const cameFrom = new Map([[from, '']]);
    // A Map goes on with what is added meanwhile.
    for (const at of cameFrom.keys()) {
      if (at === to) break;
      for (const next of this.targets.get(at) ?? [])
        if (!cameFrom.has(next)) cameFrom.set(next, at);
    }
    const way: string[] = [];
    for (let at = to; cameFrom.has(at); at = cameFrom.get(at) as string) way.push(at);
    return way.length > 0 ? way.reverse() : undefined;
  }
}
