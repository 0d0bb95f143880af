/** A small search server, which tells what became of each request. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Document, Index } from '../support/bm25.ts';

export interface SearchServer {
  readonly base: string;
  close(): void;
}

/** `left`: the client has gone before it was answered. */
export type Told = (what: 'asked' | 'answered' | 'left', query: string) => void;

/** `delayOf` says for each query how many ms it takes. */
export async function serve(
  documents: readonly Document[],
  delayOf: (query: string) => number,
  tell: Told,
): Promise<SearchServer> {
  const index = new Index(documents);
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://localhost').searchParams.get('q') ?? '';
    tell('asked', query);
    const timer = setTimeout(() => {
      tell('answered', query);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(index.search(query, 10)));
    }, delayOf(query));
    response.on('close', () => {
      if (response.writableEnded) return;
      clearTimeout(timer);
      tell('left', query);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
