import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/**
 * The client's side of SCRAM-SHA-256, written from RFC 5802 and from nothing of the server's, so that the two check each
 * other. Its messages are plain text: a test may change them on the way.
 */
export class ScramClient {
  readonly #secret: string;
  readonly #bare: string;
  readonly #header: string;
  readonly nonce: string;
  #serverSignature = '';

  constructor(
    user: string,
    secret: string,
    more: { readonly nonce?: string; readonly header?: string } = {},
  ) {
    const { nonce = randomBytes(18).toString('base64'), header = 'n,,' } = more;
    this.#secret = secret;
    this.#header = header;
    this.nonce = nonce;
    this.#bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  }

  first(): string {
    return this.#header + this.#bare;
  }

  /** Throws where the server does not follow the protocol. `lies`: what it says, and signs, in the place of the truth. */
  final(
    serverFirst: Uint8Array | string,
    lies: { readonly header?: string; readonly nonce?: string } = {},
  ): string {
    const text = Buffer.from(serverFirst).toString();
    const [, nonce = '', salt = '', rounds = ''] = /^r=([!-+\--~]+),s=([^,]+),i=(\d+)$/.exec(text) ?? [];
    if (!nonce.startsWith(this.nonce) || nonce === this.nonce) throw new Error(`no nonce of ours: ${text}`);
    if (Number(rounds) < 4_096) throw new Error(`too few rounds: ${text}`);
    const salted = pbkdf2Sync(this.#secret, Buffer.from(salt, 'base64'), Number(rounds), 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash('sha256').update(clientKey).digest();
    const header = Buffer.from(lies.header ?? this.#header).toString('base64');
    const withoutProof = `c=${header},r=${lies.nonce ?? nonce}`;
    const signed = `${this.#bare},${text},${withoutProof}`;
    const signature = hmac(storedKey, signed);
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), signed).toString('base64');
    const proof = clientKey.map((byte, index) => byte ^ signature.readUInt8(index));
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  /** Has the server shown that it knows the secret, too? */
  trusts(serverFinal: Uint8Array | string): boolean {
    return Buffer.from(serverFinal).toString() === `v=${this.#serverSignature}`;
  }
}

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();
