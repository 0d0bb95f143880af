/**
 * The live engine: the plan of a flow, kept running while its input changes. Each input is a version of it.
 *
 * A version enters by `visits`, which finds out what of the input has changed and, by `route`, which nodes that can reach. Where nothing is
 * under way it goes through these in the order of the plan, as far as they answer at once (`sweep`, the short way; `straight-way` where
 * nothing has to be decided). From there on each of them gets a ticket for it, in its `seat`: a ticket counts the sources that have yet to answer, as the join of a run does, which has one
 * version only. When the last one has, the node is looked at (`looking`). It is answered in the end, or superseded (`answering`), and that
 * travels on (`passing-on`); `turn` says what a busy step does with a newer version, `at-work` is a step while its handler runs.
 *
 * Several versions may be under way at once. What a node has answered is a `history`, so that another one which is slower reads it as it
 * was (`past`). L1 to L4, in `seat`, are all that holds it together. Chunks (`live-streams`) are kept by version in the same way; a stream
 * that is given up takes its readers with it (`abandoned`). Events are made while somebody hears them (`told`, `live-tale`); whoever comes
 * late is told what has become of each step (`retelling`).
 */
import { errorJson } from '../../errors.ts';
import type { FlowEvent } from '../../state/event.ts';
import { stopAll } from '../../wire/limiter.ts';
import type { Plan } from '../../wire/plan.ts';
import { cancelledError } from '../changes.ts';
import type { RunOptions } from '../options.ts';
import { type LiveListener, LiveState } from './live-state.ts';
import { look } from './looking.ts';
import { retell, tellCancelled } from './retelling.ts';
import type { Equals } from './same.ts';
import type { Values } from './seat.ts';
import { takeChanges, takeInput } from './visits.ts';

export interface LiveEngineOptions extends RunOptions {
  /** Whether an input is the same as before, though it is another value. */
  readonly equals?: Equals | undefined;
}

export class LiveExecution {
  readonly state: LiveState;

  constructor(plan: Plan, options: LiveEngineOptions, listener: LiveListener) {
    const { equals } = options;
    this.state = new LiveState(plan, options, listener, {
      look,
      take: (state, input, names) => {
        try {
          if (!names) takeInput(state, input, equals);
          else if (!takeChanges(state, input as Values, names, equals))
            takeInput(state, { ...(input as Values) }, equals);
        } catch (error) {
          this.stop();
          listener.error(error);
        }
      },
    });
  }

  /** Takes a new input in. `names`: what of it may be new, where the rest is that of the one before. */
  push(input: unknown, names?: readonly string[]): void {
    if (!this.state.isStopped) this.state.push(input, names);
  }

  /** Tells everything from now on; first, what has become of each step so far. Without anybody who hears it tells nothing more. */
  hear(event?: (event: FlowEvent) => void): void {
    const { state } = this;
    const { tale } = state;
    tale.hear = event;
    if (!event) return;
    // What has been counted before is told, and counted, again.
    tale.usage = undefined;
    state.heard.next();
    state.isMute = false;
    retell(state);
    state.isMute = state.isStopped;
  }

  /** Stops what is at work. */
  stop(reason?: unknown): void {
    const { state } = this;
    if (state.isStopped) return;
    const { open, plan } = state;
    // First: whoever hears of the end may stop it again.
    state.isStopped = true;
    state.isMute = true;
    if (open.length > 0) {
      state.cancelled = errorJson(cancelledError(plan.definition.id, reason));
      tellCancelled(state);
    }
    stopAll(() => {
      for (const { tickets } of state.seats) for (const { work } of tickets) work?.stop();
    });
  }
}
