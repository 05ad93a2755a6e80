/**
 * Where connections wait between TCP and MQTT: held back by their address's rate, or in the middle of a handshake.
 * Owns the bounds on all transports together and the count of what was refused; promises that nobody stays longer
 * than a handshake may take. It must not know what the handshakes are.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import {
  MQTT_CONNECT_TIMEOUT_MS,
  MQTT_CONNECTIONS_MAX,
  MQTT_CONNECTS_BURST_MAX,
  MQTT_CONNECTS_HELD_MAX,
  MQTT_CONNECTS_PER_SECOND_MAX,
  MQTT_CONNECTS_TRACKED_MAX,
} from '../../../base/limits.ts';
import { ConnectRate } from './connect-rate.ts';

export const REFUSALS = ['connect_rate', 'too_many', 'tls', 'websocket'] as const;
export type Refusal = (typeof REFUSALS)[number];

export interface LobbyLimits {
  readonly perSecond: number;
  readonly burst: number;
  readonly heldMax: number;
  readonly connectionsMax: number;
  readonly handshakeMs: number;
}

const LIMITS: LobbyLimits = {
  perSecond: MQTT_CONNECTS_PER_SECOND_MAX,
  burst: MQTT_CONNECTS_BURST_MAX,
  heldMax: MQTT_CONNECTS_HELD_MAX,
  connectionsMax: MQTT_CONNECTIONS_MAX,
  handshakeMs: MQTT_CONNECT_TIMEOUT_MS,
};

interface Guest {
  readonly socket: Socket;
  timer: NodeJS.Timeout | undefined;
}

export class Lobby {
  readonly refused: Record<Refusal, number> = { connect_rate: 0, too_many: 0, tls: 0, websocket: 0 };
  readonly #limits: LobbyLimits;
  readonly #rate: ConnectRate;
  /** By peer, because a TLS socket is another object than the socket it came in by. */
  readonly #guests = new Map<string, Guest>();
  #held = 0;
  /** All that came in and whose socket is not closed. */
  #connections = 0;

  constructor({
    clock,
    limits = LIMITS,
  }: { readonly clock: Clock; readonly limits?: LobbyLimits | undefined }) {
    this.#limits = limits;
    const { perSecond, burst } = limits;
    this.#rate = new ConnectRate({ clock, perSecond, burst, trackedMax: MQTT_CONNECTS_TRACKED_MAX });
  }

  /** The socket comes paused; `letIn` is called when it is its turn, and reading begins behind it. */
  enter(socket: Socket, letIn: () => void): void {
    const { connectionsMax, heldMax } = this.#limits;
    const address = socket.remoteAddress;
    // It was gone before we saw it.
    if (address === undefined) {
      socket.destroy();
      return;
    }
    if (this.#connections >= connectionsMax) {
      this.refuse(socket, 'too_many');
      return;
    }
    const waitMs = this.#rate.waitMs(address);
    if (waitMs > 0 && this.#held >= heldMax) {
      this.refuse(socket, 'connect_rate');
      return;
    }
    this.#rate.take(address);
    const guest = this.#register(socket);
    if (waitMs > 0) this.#hold(guest, waitMs, letIn);
    else this.#letIn(guest, letIn);
  }

  /** It is through its handshake: the lobby has nothing to do with it any more, but to count it. */
  leave(socket: Socket): void {
    const peer = peerOf(socket);
    clearTimeout(this.#guests.get(peer)?.timer);
    this.#guests.delete(peer);
  }

  refuse(socket: { destroy(): unknown }, reason: Refusal): void {
    this.refused[reason] += 1;
    socket.destroy();
  }

  close(): void {
    for (const { socket, timer } of this.#guests.values()) {
      clearTimeout(timer);
      socket.destroy();
    }
  }

  #register(socket: Socket): Guest {
    const peer = peerOf(socket);
    const guest: Guest = { socket, timer: undefined };
    this.#guests.set(peer, guest);
    this.#connections += 1;
    socket.once('close', () => {
      this.#connections -= 1;
      clearTimeout(guest.timer);
      if (this.#guests.get(peer) === guest) this.#guests.delete(peer);
    });
    return guest;
  }

  #hold(guest: Guest, waitMs: number, letIn: () => void): void {
    this.#held += 1;
    const { socket } = guest;
    const release = (): void => {
      this.#held -= 1;
      socket.off('error', destroy);
    };
    const destroy = (): void => void socket.destroy();
    socket.on('error', destroy);
    socket.once('close', release);
    guest.timer = setTimeout(() => {
      socket.off('close', release);
      release();
      this.#letIn(guest, letIn);
    }, Math.ceil(waitMs));
  }

  #letIn(guest: Guest, letIn: () => void): void {
    const { socket } = guest;
    letIn();
    socket.resume();
    if (socket.destroyed || this.#guests.get(peerOf(socket)) !== guest) return;
    guest.timer = setTimeout(() => socket.destroy(), this.#limits.handshakeMs);
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
