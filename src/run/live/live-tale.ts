/** Numbers what happens in a live flow and tells it, while anyone hears. */
import { type Change, type FlowEvent, summed, type Usage } from '../../state/event.ts';
import type { Clock } from '../../wire/clock.ts';

export class LiveTale {
  /** Without it no event is made. */
  hear: ((event: FlowEvent) => void) | undefined;
  /** The counts of all steps that have been told of since somebody hears. */
  usage: Usage | undefined;
  private readonly runId: string;
  private readonly clock: Clock;
  private seq = 0;

  constructor(runId: string, clock: Clock) {
    this.runId = runId;
    this.clock = clock;
  }

  tell(
    path: string,
    stepId: string,
    change: Change,
    version: number | undefined,
    isAgain = false,
  ): void {
    if (!this.hear) return;
    if (change.type === 'STEP_OUTPUT' && !isAgain) this.usage = summed(this.usage, change.usage);
    const { runId, clock } = this;
    const place = { runId, path, stepId, seq: this.seq++, t: clock.now() };
    this.hear(Object.freeze({ ...change, ...place, ...(version !== undefined && { version }) }));
  }
}
