/** A raw MQTT client over WebSocket: bytes in frames out, bytes of frames in. */
import { once } from 'node:events';
import { type RawData, WebSocket } from 'ws';
import type { Rig } from '../test-support.ts';
import type { ListenerRow } from '../transport/link.ts';

export const DOORS: { readonly listeners: readonly ListenerRow[] } = {
  listeners: [{ name: 'ws', transport: 'ws', host: '127.0.0.1', port: 0 }],
};

export const urlOf = (rig: Rig): string => `ws://127.0.0.1:${rig.server.addresses.ws?.port}/mqtt`;

interface Talk extends AsyncDisposable {
  readonly socket: WebSocket;
  /** So many bytes of the server, in hexadecimal digits; shorter when it closes first. */
  bytes(count: number): Promise<string>;
}

const nothing = (): void => undefined;

export async function talk(rig: Rig, protocols: string[] = ['mqtt']): Promise<Talk> {
  const socket = new WebSocket(urlOf(rig), protocols);
  let received = Buffer.alloc(0);
  let wake = nothing;
  socket.on('message', (data: RawData, isBinary) => {
    if (!isBinary || !Buffer.isBuffer(data)) throw new Error('not a binary frame [MQTT-6.0.0-1]');
    received = Buffer.concat([received, data]);
    wake();
  });
  socket.on('close', () => wake());
  await once(socket, 'open');
  return {
    socket,
    async bytes(count) {
      while (received.length < count && socket.readyState === WebSocket.OPEN) {
        await new Promise<void>((done) => {
          wake = done;
        });
      }
      return received.toString('hex');
    },
    async [Symbol.asyncDispose]() {
      if (socket.readyState === WebSocket.CLOSED) return;
      socket.terminate();
      await once(socket, 'close');
    },
  };
}
