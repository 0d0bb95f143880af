/** The flow as a microservice: each thing that a handler's Observable emits is a packet of the response. */
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { errorJson, type FlowEvent } from 'millrace';
import { catchError, type Observable, of, throwError } from 'rxjs';
import { type Gist, gistFlow, type Text } from './flow.ts';

@Controller()
export class GistMessages {
  /** One packet: the output. */
  @MessagePattern('gist')
  gist(@Payload() text: Text): Observable<Gist> {
    return of(text).pipe(gistFlow.operator(), asRpc());
  }

  /** A packet for each event. */
  @MessagePattern('gist.events')
  events(@Payload() text: Text): Observable<FlowEvent> {
    return gistFlow.run(text).pipe(asRpc());
  }
}

/** The client learns what went wrong, and where; of any other error Nest says "Internal server error". */
const asRpc = <T>() =>
  catchError<T, Observable<never>>((error: unknown) => {
    const { code, message, path } = errorJson(error);
    return throwError(() => new RpcException({ code, message, path }));
  });
