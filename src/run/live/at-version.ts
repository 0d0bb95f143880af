/** A live run as a step sees it that is at work on one version: what others have remembered by then, whatever comes later. */
import type { Observable } from 'rxjs';
import type { Delivered, Host, Recorded } from '../../wire/host.ts';
import type { LiveState } from './live-state.ts';
import { viewAt } from './past.ts';
import type { Version } from './seat.ts';

export class AtVersion implements Host {
  private readonly state: LiveState;
  private readonly version: Version;

  constructor(state: LiveState, version: Version) {
    this.state = state;
    this.version = version;
  }

  remembered(path: string, name: string, count: number): Observable<readonly unknown[]> {
    const { outcomes } = viewAt(this.state, this.version);
    return this.state.rememberedOf(outcomes, path, name, count);
  }

  get isEnding() {
    return this.state.isEnding;
  }
  get runId() {
    return this.state.runId;
  }
  get depth() {
    return this.state.depth;
  }
  get clock() {
    return this.state.clock;
  }
  get logger() {
    return this.state.logger;
  }
  get limiter() {
    return this.state.limiter;
  }
  get listening() {
    return this.state.listening;
  }
  get questions() {
    return this.state.questions;
  }
  deafness(): void {
    this.state.deafness();
  }
  late(path: string, stepId: string, delivered: Delivered): void {
    this.state.late(path, stepId, delivered);
  }
  recorded(path: string): Recorded | undefined {
    return this.state.recorded(path);
  }
}
