/** What is ready to go on, in the order in which it became so. A queue instead of calls: no chain is too long for the stack. */
import type { Nest } from '../wire/nest.ts';
import type { PlanNode } from '../wire/plan.ts';

type Entry = PlanNode | (() => void);

interface QueuedRun {
  readonly isEnding: boolean;
  beginNode(node: PlanNode): void;
}

// So many entries are worked off before their places are given back.
const batch = 4096;

export class ReadyQueue {
  private entries: readonly Entry[];
  private own: Entry[] | undefined;
  private head: number;
  isDraining = false;
  private readonly run: QueuedRun;

  /** `order`: the nodes that it begins with, the first of which has begun. */
  constructor(run: QueuedRun, order?: readonly PlanNode[]) {
    this.run = run;
    this.own = order ? undefined : [];
    this.entries = order ?? (this.own as Entry[]);
    this.head = order ? 1 : 0;
  }

  /** How many entries have begun. */
  get begun(): number {
    return this.head;
  }

  /** Goes on with other entries. */
  replace(entries: Entry[]): void {
    this.entries = entries;
    this.own = entries;
    this.head = 0;
  }

  get isIdle(): boolean {
    return !this.isDraining && this.head === this.entries.length;
  }

  push(entry: Entry): void {
    this.own?.push(entry);
  }

  /** Works off what is ready, and what becomes ready meanwhile, until there is nothing, or the run ends (false); or until there is something that goes first. */
  drain(nest?: Pick<Nest, 'hasNext'>): boolean {
    const { run } = this;
    this.isDraining = true;
    while (this.head < this.entries.length && !run.isEnding) {
      const next = this.entries[this.head++] as Entry;
      if (typeof next === 'function') next();
      else run.beginNode(next);
      if (this.head === batch && this.own) {
        this.own.splice(0, batch);
        this.head = 0;
      }
      if (nest?.hasNext) return true;
    }
    this.isDraining = false;
    return false;
  }
}
