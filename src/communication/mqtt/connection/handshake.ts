/**
 * Who is it? By user name and password or certificate in CONNECT, or by an enhanced authentication of several packets
 * [MQTT 5, 4.12], which may be repeated on an open connection. Owns the exchange in progress; it must not know what the
 * answer allows.
 */
import type { ErrorCode } from '../../../model/errors.ts';
import {
  type AuthExchange,
  type Principal,
  principalKey,
  type SecurityFacade,
} from '../../../model/ports/security.ts';
import type { ConnectPacket } from '../codec/connect.ts';
import { type Fault, REASON } from '../codec/reason.ts';
import type { AuthPacket } from '../codec/session-packets.ts';

export interface Peer {
  readonly address: string;
  readonly certificateName: string | undefined;
}

/** A principal: done. Otherwise `data` is for the client, which has the next word. */
export interface Step {
  readonly principal: Principal | undefined;
  readonly data: Uint8Array | undefined;
}

const refusal = (fault: number, why: string): Fault => ({ fault, why });

export class Handshake {
  readonly #security: Pick<SecurityFacade, 'connect' | 'exchange'>;
  readonly #peer: Peer;
  #clientId = '';
  #username: string | undefined;
  #method: string | undefined;
  #exchange: AuthExchange | undefined;
  #principal: Principal | undefined;

  constructor(security: Pick<SecurityFacade, 'connect' | 'exchange'>, peer: Peer) {
    this.#security = security;
    this.#peer = peer;
  }

  /** Of the enhanced authentication; undefined for user name and password. */
  get method(): string | undefined {
    return this.#method;
  }

  async begin(packet: ConnectPacket): Promise<Step | Fault> {
    const { clientId, username, password, authenticationMethod, authenticationData } = packet;
    this.#clientId = clientId;
    this.#username = username;
    if (authenticationMethod !== undefined) {
      this.#method = authenticationMethod;
      return this.#start(authenticationMethod, authenticationData);
    }
    try {
      const result = await this.#security.connect({ username, password, clientId, ...this.#peer });
      if (!result.ok) return asRefusal(result.error.code);
      this.#principal = result.value;
      return { principal: result.value, data: undefined };
    } catch {
      return refusal(REASON.serverUnavailable, 'credentials cannot be checked at present');
    }
  }

  /** An AUTH packet: it goes on with an exchange, or begins one anew [MQTT-4.12.1-1]. */
  async go({ reason, method, data }: AuthPacket): Promise<Step | Fault> {
    // The method of CONNECT holds for the whole connection [MQTT-4.12.0-5].
    if (this.#method === undefined || method !== this.#method)
      return refusal(REASON.protocolError, 'AUTH with another method than CONNECT');
    const isAgain = reason === REASON.reAuthenticate;
    if (isAgain !== (this.#exchange === undefined))
      return refusal(
        REASON.protocolError,
        isAgain ? 'an exchange is in progress' : 'no exchange is in progress',
      );
    return isAgain ? this.#start(method, data) : this.#step(data);
  }

  async #start(method: string, data: Uint8Array | undefined): Promise<Step | Fault> {
    this.#exchange = this.#security.exchange(method, { clientId: this.#clientId, ...this.#peer });
    if (this.#exchange === undefined)
      return refusal(REASON.badAuthenticationMethod, 'this authentication method is not offered');
    return this.#step(data);
  }

  async #step(data: Uint8Array = new Uint8Array(0)): Promise<Step | Fault> {
    try {
      const result = await this.#exchange?.step(data);
      if (result === undefined || !result.ok) {
        this.#exchange = undefined;
        return asRefusal(result?.error.code ?? 'auth.invalid');
      }
      const { principal } = result.value;
      if (principal === undefined) return result.value;
      this.#exchange = undefined;
      return this.#isSame(principal)
        ? result.value
        : refusal(REASON.notAuthorized, 'the exchange proves somebody else');
    } catch {
      this.#exchange = undefined;
      return refusal(REASON.serverUnavailable, 'credentials cannot be checked at present');
    }
  }

  /** Whom CONNECT names, and whom the connection belongs to since. */
  #isSame(principal: Principal): boolean {
    const before = this.#principal;
    this.#principal ??= principal;
    if (before !== undefined) return principalKey(before) === principalKey(principal);
    return this.#username === undefined || this.#username === principal.id;
  }
}

function asRefusal(code: ErrorCode): Fault {
  if (code === 'auth.unavailable')
    return refusal(REASON.serverUnavailable, 'credentials cannot be checked at present');
  if (code === 'auth.forbidden') return refusal(REASON.notAuthorized, 'this client may not connect');
  return refusal(REASON.badCredentials, 'user name, password or proof are wrong');
}
