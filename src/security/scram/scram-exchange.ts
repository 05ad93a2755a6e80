import { SCRAM_ITERATIONS } from '../../base/limits.ts';
import type { Random } from '../../base/random.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { AuthExchange, AuthStep, ExchangePeer, Principal } from '../../model/ports/security.ts';
import type { Attempt, LoginGate } from '../identity/login-gate.ts';
import { provenKeys, type ScramKeys, serverSignature } from './scram-keys.ts';
import { type ClientFirst, parseClientFinal, parseClientFirst } from './scram-message.ts';

export const SCRAM_METHOD = 'SCRAM-SHA-256';

/** What the exchange asks the rest of security. Names come from the peer and may be nobody's. */
export interface ScramDirectory {
  /** The same for the same name, whether it is known or not: a salt must not tell who exists. */
  salt(user: string): Uint8Array;
  /** Never empty: for a name without keys, keys that nobody can prove. */
  keys(user: string): readonly ScramKeys[];
  /** Who the user is after the proof; undefined where the peer says otherwise elsewhere. */
  principal(user: string): Principal | undefined;
  /** What may have gone wrong for this user, for the server's own log. */
  hint(user: string): string | undefined;
}

interface ScramExchangeOptions {
  readonly directory: ScramDirectory;
  readonly gate: LoginGate;
  readonly peer: ExchangePeer;
  readonly random: Random;
}

/** What was said before the last message. */
interface Opened {
  readonly first: ClientFirst;
  readonly serverFirst: string;
  readonly nonce: string;
}

type State = 'new' | 'over' | Opened;
type Answer = Result<AuthStep, SensoriumError>;

/** 192 bits: no two exchanges meet, so that no message is good for a second one. */
const NONCE_BYTES = 24;

/**
 * The server's side of one SCRAM-SHA-256 exchange. Promises that nothing but the proof tells a known user from an unknown
 * one, that a failed proof counts as a wrong password does, and that it is over after the first refusal.
 */
export class ScramExchange implements AuthExchange {
  readonly #directory: ScramDirectory;
  readonly #gate: LoginGate;
  readonly #peer: ExchangePeer;
  readonly #random: Random;
  #state: State = 'new';

  constructor({ directory, gate, peer, random }: ScramExchangeOptions) {
    this.#directory = directory;
    this.#gate = gate;
    this.#peer = peer;
    this.#random = random;
  }

  async step(data: Uint8Array): Promise<Answer> {
    const state = this.#state;
    this.#state = 'over';
    if (state === 'over') return err(problem('auth.invalid', 'this exchange is over'));
    return state === 'new' ? this.#open(data) : this.#close(state, data);
  }

  async #open(data: Uint8Array): Promise<Answer> {
    const first = parseClientFirst(data);
    const attempt = { ...this.#attempt(first?.user), provesNothing: true };
    return this.#gate.run(attempt, first?.user ?? this.#peer.clientId, async () => {
      if (first === undefined) return err(malformed('first'));
      const nonce = first.nonce + Buffer.from(this.#random.bytes(NONCE_BYTES)).toString('base64');
      const salt = Buffer.from(this.#directory.salt(first.user)).toString('base64');
      const serverFirst = `r=${nonce},s=${salt},i=${SCRAM_ITERATIONS}`;
      this.#state = { first, serverFirst, nonce };
      return ok({ data: Buffer.from(serverFirst), principal: undefined });
    });
  }

  async #close({ first, serverFirst, nonce }: Opened, data: Uint8Array): Promise<Answer> {
    const { user, gs2Header, bare } = first;
    let hint: string | undefined;
    const attempt: Attempt = { ...this.#attempt(user), hint: () => hint };
    return this.#gate.run(attempt, user, async () => {
      const final = parseClientFinal(data);
      if (final === undefined) return err(malformed('final'));
      // The header of the first message must come back: nobody on the way has changed it [RFC 5802, 6].
      if (final.channelBinding !== Buffer.from(gs2Header).toString('base64')) return err(malformed('final'));
      if (final.nonce !== nonce) return err(malformed('final'));
      const authMessage = `${bare},${serverFirst},${final.withoutProof}`;
      // Read anew: what was revoked since the first message is no longer good.
      const keys = provenKeys(this.#directory.keys(user), final.proof, authMessage);
      const principal = this.#directory.principal(user);
      if (keys === undefined || principal === undefined) {
        hint = this.#directory.hint(user);
        return err(problem('auth.invalid', 'id or secret is wrong'));
      }
      const signature = serverSignature(keys, authMessage).toString('base64');
      return ok({ data: Buffer.from(`v=${signature}`), principal });
    });
  }

  #attempt(subject: string | undefined): Attempt {
    return { protocol: 'mqtt', action: 'connect', address: this.#peer.address, subject };
  }
}

const malformed = (which: 'first' | 'final'): SensoriumError =>
  problem('auth.invalid', `not a SCRAM client-${which}-message of this exchange`);
