/** Runs belong to the server, not to a request: they go on whoever listens. */
import { Injectable, NotFoundException, type OnApplicationShutdown } from '@nestjs/common';
import type { Run } from 'millrace';
import { type Gist, gistFlow, type Text } from './flow.ts';

const keptFor = 10 * 60 * 1000;

@Injectable()
export class GistService implements OnApplicationShutdown {
  private readonly runs = new Map<string, Run<Gist>>();

  start(text: Text): Run<Gist> {
    const run = gistFlow.start(text);
    this.runs.set(run.id, run);
    // Whoever comes back in time still hears everything.
    run.events$.subscribe({
      complete: () => setTimeout(() => this.runs.delete(run.id), keptFor).unref(),
    });
    return run;
  }

  get(id: string): Run<Gist> {
    const run = this.runs.get(id);
    if (!run) throw new NotFoundException(`There is no run ${id}`);
    return run;
  }

  onApplicationShutdown(): void {
    for (const run of this.runs.values()) run.cancel('The server is going down');
  }
}
