/**
 * The best known broker of the Node ecosystem, in memory, with authentication on. This file is also the program that
 * the process of it runs: `node aedes.ts PORT`.
 */
import { createServer } from 'node:net';
import type { Broker } from './broker.ts';
import { freePort } from './daemon.ts';
import { PEER_PASSWORD, Peer } from './peer.ts';

/** It serves benchmarks only; an installation without development dependencies does not have it. */
export function hasAedes(): boolean {
  try {
    import.meta.resolve('aedes');
    return true;
  } catch {
    return false;
  }
}

export async function startAedes(): Promise<Broker> {
  const port = await freePort();
  return await Peer.start('aedes', port, [process.execPath, import.meta.filename, String(port)]);
}

async function serve(port: number): Promise<void> {
  const { Aedes } = await import('aedes');
  const broker = await Aedes.createBroker();
  broker.authenticate = (_client, _user, password, done) =>
    done(null, password?.toString() === PEER_PASSWORD);
  createServer((socket) => {
    socket.setNoDelay(true);
    broker.handle(socket);
  }).listen(port, '127.0.0.1');
}

if (import.meta.main) await serve(Number(process.argv[2]));
