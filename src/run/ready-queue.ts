/** What is ready to go on, in the order in which it became so. A queue instead of calls: no chain is too long for the stack. */
import type { PlanNode } from '../wire/plan.ts';

// So many entries are worked off before their places are given back.
const batch = 4096;

export class ReadyQueue {
  private readonly entries: (PlanNode | (() => void))[] = [];
  private head = 0;
  isDraining = false;
  private readonly begin: (node: PlanNode) => void;

  constructor(begin: (node: PlanNode) => void) {
    this.begin = begin;
  }

  get isIdle(): boolean {
    return !this.isDraining && this.head === this.entries.length;
  }

  push(entry: PlanNode | (() => void)): void {
    this.entries.push(entry);
  }

  /** Works off what is ready, and what becomes ready meanwhile, until there is nothing, or the run ends (false); or until there is something that goes first. */
  drain(run: { readonly isEnding: boolean }, first?: readonly unknown[]): boolean {
    this.isDraining = true;
    while (this.head < this.entries.length && !run.isEnding) {
      const next = this.entries[this.head++] as PlanNode | (() => void);
      if (typeof next === 'function') next();
      else this.begin(next);
      if (this.head === batch) {
        this.entries.splice(0, batch);
        this.head = 0;
      }
      if (first?.length) return true;
    }
    this.isDraining = false;
    return false;
  }
}
