/** Who comes after whom in a flow that is being written, so that a cycle is found at once. */
import { FlowError } from '../errors.ts';

type Links = Map<string, Set<string>>;

export class Order {
  readonly sources: Links = new Map();
  readonly targets: Links = new Map();

  comesAfter(id: string, source: string): boolean {
    return this.sources.get(id)?.has(source) ?? false;
  }

  /** Takes sources of a step in, unless they would close a cycle. */
  add(id: string, sources: readonly string[], flow: string): void {
    for (const source of sources) {
      if (this.comesAfter(id, source)) continue;
      const loop = this.way(id, source);
      if (loop.length === 0) continue;
      if (loop.length > 20) loop.splice(10, loop.length - 20, '…');
      throw new FlowError(
        'cycle',
        `These steps of "${flow}" would wait for each other for ever: ${[source, ...loop].join(' → ')}. Remove one of the links; a loop is written with repeat().`,
      );
    }
    for (const source of sources) {
      this.sources.set(id, (this.sources.get(id) ?? new Set()).add(source));
      this.targets.set(source, (this.targets.get(source) ?? new Set()).add(id));
    }
  }

  /** A shortest way from one step to another along the links; none where there is none. */
  private way(from: string, to: string): string[] {
    const cameFrom = new Map([[from, '']]);
    // From both ends in turns, so that it takes no longer than the shorter of the two takes.
    const ahead = reach(cameFrom, this.targets);
    const back = reach(new Map([[to, '']]), this.sources);
    while (!ahead.next().done && from !== to) {
      const { done, value } = back.next();
      if (done) return [];
      if (value === from) Array.from(ahead);
    }
    const way: string[] = [];
    for (let at = to; cameFrom.has(at); at = cameFrom.get(at) as string) way.push(at);
    return way.reverse();
  }
}

/** Goes along the links from a step, one by one, and notes whence it came to each. */
function* reach(cameFrom: Map<string, string>, links: Links): Generator<string, undefined> {
  // A Map goes on with what is added meanwhile.
  for (const at of cameFrom.keys()) {
    for (const next of links.get(at) ?? []) {
      if (!cameFrom.has(next)) cameFrom.set(next, at);
      yield next;
    }
  }
}
