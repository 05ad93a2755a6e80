import { connect, type Socket } from 'node:net';
import { PROBE_CONNECT_TIMEOUT_MS } from '../../../base/limits.ts';

/** An open connection, or undefined: refused, silent, unreachable, aborted. The caller destroys it. */
export function tryConnect(address: string, port: number, signal: AbortSignal): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, signal });
    const timer = setTimeout(() => settle(undefined), PROBE_CONNECT_TIMEOUT_MS);
    const settle = (result: Socket | undefined): void => {
      clearTimeout(timer);
      if (result === undefined) socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => settle(socket));
    // Stays on: an error after this one has nobody else to go to.
    socket.on('error', () => settle(undefined));
  });
}
