/** The chunks of a run's steps on their way to the steps that read them. */
import type { Outcome } from '../state/outcome.ts';
import { Channel } from '../wire/channel.ts';
import type { Plan, PlanNode } from '../wire/plan.ts';

const none: readonly number[] = [];

export class Streams {
  private readonly plan: Plan;
  private readonly outcomes: readonly (Outcome | undefined)[];
  private readonly channels: (Channel | undefined)[] = [];
  private readonly look: () => void;

  /** `look`: called when a step begins to wait for chunks. It may be all that goes on. */
  constructor(plan: Plan, outcomes: readonly (Outcome | undefined)[], look: () => void) {
    this.plan = plan;
    this.outcomes = outcomes;
    this.look = look;
  }

  /** What a param that reads chunks is: their Observable, or nothing where their step does not run. */
  read(channel: number): unknown {
    const outcome = this.outcomes[this.plan.channels[channel]?.stream ?? -1];
    if (outcome?.status === 'skipped' || outcome?.status === 'cancelled') return undefined;
    return this.at(channel).chunks$;
  }

  /** Whether one of these params brings chunks that are waited for. */
  isAwaited(params: unknown): boolean {
    return this.channels.some(
      (channel) =>
        channel?.readers.size && Object.values(params as object).includes(channel.chunks$),
    );
  }

  /** A step, and the flows whose output it is, have a chunk. */
  push(node: PlanNode, chunk: unknown): void {
    for (const channel of node.channels) this.at(channel).push(chunk);
  }

  /** A step had ended before this process began. Its chunks are not stored: what it makes of the result stands for them, or the result, a list item by item. */
  replay(node: PlanNode, outcome: Outcome): void {
    if (outcome.status !== 'success' || node.kind === 'close') return;
    const { value } = outcome;
    for (const chunk of node.step.chunksOf?.(value as never) ?? [value].flat())
      if (chunk !== undefined) this.push(node, chunk);
  }

  /** A node has ended: so have the streams that it is known by, and nobody reads for it any more. */
  end(node: PlanNode, outcome: Outcome): void {
    for (const channel of this.plan.channelsOf.get(node.index) ?? none) {
      this.channels[channel]?.end(outcome);
    }
    // A flow passes a stream on to its steps; only a step itself is done with it.
    if (node.kind === 'step') for (const channel of node.reads) this.channels[channel]?.drop();
  }

  private at(index: number): Channel {
    const known = this.channels[index];
    if (known) return known;
    const { source, stream, keepsAll } = this.plan.channels[index] as Plan['channels'][number];
    const made = new Channel(source, keepsAll, this.look);
    this.channels[index] = made;
    const outcome = this.outcomes[stream];
    if (outcome) made.end(outcome);
    return made;
  }
}
