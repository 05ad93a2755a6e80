import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface FakeAnswer {
  readonly status?: number;
  readonly type?: string;
  /** An object goes as JSON. */
  readonly body?: object | string;
}

export interface FakeHttp extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
  readonly seen: SeenRequest[];
}

/** An HTTP server that answers as the test says and keeps what it was asked. */
export async function fakeHttp(answer: (request: SeenRequest) => FakeAnswer): Promise<FakeHttp> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://fake');
      const { method = '', headers } = request;
      const body = Buffer.concat(chunks).toString();
      const asked = { method, path: url.pathname, query: url.searchParams, headers, body };
      seen.push(asked);
      const { status = 200, type = 'application/json', body: answered = '' } = answer(asked);
      response.writeHead(status, { 'content-type': type });
      response.end(typeof answered === 'string' ? answered : JSON.stringify(answered));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    server,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const problemAnswer = (status: number, code: string, detail: string): FakeAnswer => ({
  status,
  type: 'application/problem+json',
  body: { type: 'about:blank', title: 'Refused', status, code, detail, cure: 'Do it otherwise.' },
});
