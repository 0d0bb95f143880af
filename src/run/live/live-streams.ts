/** The chunks of the steps of a live flow, by version, on their way to the steps that read them. */
import type { Outcome } from '../../state/outcome.ts';
import { Channel } from '../../wire/channel.ts';
import type { Plan, PlanNode } from '../../wire/plan.ts';
import { History } from './history.ts';

const none: readonly number[] = [];

export class LiveStreams {
  private readonly plan: Plan;
  /** Undefined where the step did not run. Each is kept whole: a later version may read it again. */
  private readonly channels: History<Channel | undefined>[];

  constructor(plan: Plan) {
    this.plan = plan;
    this.channels = plan.channels.map(() => new History());
  }

  /** The step, or flow, that a stream is named after starts at a version; or it does not run. */
  start(stream: number, version: number, oldest: number, runs = true): void {
    for (const channel of this.channelsOf(stream)) {
      const { source } = this.plan.channels[channel] as Plan['channels'][number];
      this.channels[channel]?.set(version, runs ? new Channel(source, true) : undefined, oldest);
    }
  }

  /** A step is called that reads some, at a version: once, unless it may be tried again. */
  allow({ reads }: PlanNode, version: number): void {
    for (const index of reads) {
      const channel = this.channels[index]?.at(version)?.value;
      if (channel && !this.plan.channels[index]?.keepsAll)
        channel.left = Number.isFinite(channel.left) ? channel.left + 1 : 1;
    }
  }

  push({ streams }: PlanNode, chunk: unknown, version: number): void {
    for (const stream of streams) this.pushTo(stream, chunk, version);
  }

  /** A step that has nothing new to say at a version repeats what it said, to those around it who begin anew. */
  repeat({ streams, index }: PlanNode, chunks: readonly unknown[], version: number): void {
    if (chunks.length === 0) return;
    for (const stream of streams) {
      const [channel] = this.channelsOf(stream);
      const isNew = this.channels[channel ?? -1]?.at(version)?.number === version;
      if (stream === index || !isNew) continue;
      for (const chunk of chunks) this.pushTo(stream, chunk, version);
    }
  }

  end(stream: number, outcome: Outcome, version: number): void {
    for (const channel of this.channelsOf(stream))
      this.channels[channel]?.at(version)?.value?.end(outcome);
  }

  /** What its readers at a version read. */
  of(stream: number, version: number): readonly unknown[] {
    return this.channelsOf(stream).map((channel) => this.read(channel, version));
  }

  read(channel: number, version: number): unknown {
    return this.channels[channel]?.at(version)?.value?.chunks$;
  }

  private pushTo(stream: number, chunk: unknown, version: number): void {
    for (const channel of this.channelsOf(stream))
      this.channels[channel]?.at(version)?.value?.push(chunk);
  }

  private channelsOf(stream: number): readonly number[] {
    return this.plan.channelsOf.get(stream) ?? none;
  }
}
