/**
 * The live engine: the plan of a flow, kept running while its input changes. Each input is a version. A version visits the nodes that it
 * can reach and no others (`visits`); a node is looked at when all its sources have answered for that version (`looking`): the counting
 * join of a run, which has one version only. It is answered in the end, or superseded (`answering`), and that travels on (`passing-on`).
 * `seat` keeps the versions of a node apart, `turn` says what a busy step does with a newer one.
 */
import { errorJson } from '../../errors.ts';
import type { FlowEvent } from '../../state/event.ts';
import type { Plan } from '../../wire/plan.ts';
import type { Questions } from '../../wire/questions.ts';
import { cancelledError } from '../changes.ts';
import type { RunOptions } from '../options.ts';
import { type LiveListener, LiveState } from './live-state.ts';
import { look } from './looking.ts';
import { retell } from './retelling.ts';
import type { Equals } from './same.ts';
import type { Values } from './seat.ts';
import { takeChanges, takeInput } from './visits.ts';

export interface LiveEngineOptions extends RunOptions {
  /** Whether an input is the same as before. Default `Object.is`. */
  readonly equals?: Equals | undefined;
}

export class LiveExecution {
  private readonly state: LiveState;

  constructor(plan: Plan, options: LiveEngineOptions, listener: LiveListener) {
    const { equals = Object.is } = options;
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

  get runId(): string {
    return this.state.runId;
  }

  get questions(): Questions {
    return this.state.questions;
  }

  /** Every version so far has been answered. */
  get isIdle(): boolean {
    return this.state.isIdle;
  }

  /** How much has happened so far. */
  get changes(): number {
    return this.state.changes;
  }

  /** Takes a new input in. `names`: what of it may be new, where the rest is that of the one before. */
  push(input: unknown, names?: readonly string[]): void {
    if (!this.state.isStopped) this.state.push(input, names);
  }

  /** Tells everything from now on; first, what has become of each step so far. Without anybody who hears it tells nothing more. */
  hear(event?: (event: FlowEvent) => void): void {
    this.state.tale.hear = event;
    if (event) retell(this.state);
  }

  /** Stops what is at work. */
  stop(reason?: unknown): void {
    const { state } = this;
    if (state.isStopped) return;
    const { open, root, plan } = state;
    if (open.length > 0) {
      const error = errorJson(cancelledError(plan.definition.id, reason));
      state.tellOf(root.path, root.id, { type: 'FLOW_CANCEL', reason: error }, undefined);
    }
    state.isStopped = true;
    for (const { tickets } of state.seats) for (const { work } of tickets) work?.stop();
  }
}
