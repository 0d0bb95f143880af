/** A run over HTTP: started by a request, followed by as many others as there are. */
import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  type MessageEvent,
  Param,
  Post,
  Sse,
} from '@nestjs/common';
import { isFinal, type Snapshot } from 'millrace';
import { map, type Observable, skipWhile, takeWhile } from 'rxjs';
import type { Text } from './flow.ts';
import { GistService } from './gist.service.ts';

@Controller('gists')
export class GistController {
  constructor(private readonly gists: GistService) {}

  @Post()
  @HttpCode(202)
  start(@Body() text: Text): { id: string } {
    return { id: this.gists.start(text).id };
  }

  /** Every event from the first one on, or from where the client was: an EventSource says so by itself. */
  @Sse(':id/events')
  events(@Param('id') id: string, @Headers('last-event-id') last = '-1'): Observable<MessageEvent> {
    return this.gists.get(id).events$.pipe(
      skipWhile(({ seq }) => seq <= Number(last)),
      // What deaf handlers report later is not for clients.
      takeWhile((event) => !isFinal(event), true),
      map((event) => ({
        id: String(event.seq),
        type: event.type,
        data: JSON.stringify(event, withoutStacks),
        retry: 500,
      })),
    );
  }

  @Get(':id')
  state(@Param('id') id: string): Snapshot {
    return JSON.parse(JSON.stringify(this.gists.get(id).getSnapshot(), withoutStacks));
  }

  @Delete(':id')
  cancel(@Param('id') id: string): void {
    this.gists.get(id).cancel('no longer wanted');
  }
}

/** Where in the code something failed is for the log of the server. */
const withoutStacks = (name: string, value: unknown): unknown =>
  name === 'stack' ? undefined : value;
