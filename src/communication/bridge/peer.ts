/** One of the two connections of a bridge: connects once, says why it ended, and forgets nothing of its own accord. */
import type { IClientOptions, IConnackPacket, MqttClient } from 'mqtt';

export interface Peer {
  readonly client: MqttClient;
  /** Resolves with CONNACK; rejects with the reason. */
  connect(): Promise<IConnackPacket>;
  /** Resolves with the reason when the connection has ended. */
  readonly ended: Promise<string>;
  close(): void;
}

/** One life of a client: what is on its way is kept by the servers' sessions, so that it never has to come back itself. */
export const ONCE = {
  manualConnect: true,
  reconnectPeriod: 0,
  resubscribe: false,
} as const satisfies IClientOptions;

export function peerOf(client: MqttClient, name: string, isBridge = false): Peer {
  let reason = 'the connection was closed';
  client.on('error', (error) => {
    reason = reasonOf(error);
  });
  client.on('disconnect', (packet) => {
    reason = `DISCONNECT ${packet.reasonCode ?? 0} ${packet.properties?.reasonString ?? ''}`.trim();
  });
  // Bit 7 of the protocol level: Mosquitto sends a bridge nothing of its own, and retained messages as published. The
  // client library has no option for it, its encoder has.
  if (isBridge) {
    client.on('packetsend', (packet) => {
      if (packet.cmd === 'connect') Object.assign(packet, { bridgeMode: true });
    });
  }
  let hasBegun = false;
  const ended = new Promise<string>((done) => {
    client.once('close', () => done(`${name}: ${reason}`));
  });
  return {
    client,
    ended,
    async connect() {
      const welcome = new Promise<IConnackPacket>((done) => client.once('connect', done));
      hasBegun = true;
      client.connect();
      return await Promise.race([
        welcome,
        ended.then((why) => {
          throw new Error(why);
        }),
      ]);
    },
    close() {
      if (hasBegun) client.end(true);
    },
  };
}

/** Node tells several failed addresses as one error without words. */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message;
}
