import { SCRAM_MESSAGE_MAX_BYTES } from '../../base/limits.ts';

/**
 * The messages a SCRAM client sends, by the grammar of RFC 5802, section 7. Reads them to the letter: what is not in the
 * grammar is undefined, whoever sent it. Knows no keys.
 */
export interface ClientFirst {
  readonly user: string;
  readonly nonce: string;
  /** `gs2-header`: must come back, in base64, as the channel binding of the last message. */
  readonly gs2Header: string;
  /** `client-first-message-bare`: a part of what both sides sign. */
  readonly bare: string;
}

export interface ClientFinal {
  readonly channelBinding: string;
  readonly nonce: string;
  readonly proof: Uint8Array;
  /** `client-final-message-without-proof`: a part of what both sides sign. */
  readonly withoutProof: string;
}

/** HMAC-SHA-256 gives 32 bytes. */
const PROOF_BYTES = 32;

/**
 * `n` or `y`: no channel binding is offered here, and `p=` asks for one. An `a=` must name the user itself (nobody acts
 * for another). `m=` before the name is an extension that must be understood; none is. Later extensions are ignored.
 */
const CLIENT_FIRST =
  /^([ny],(?:a=([^,\0]+))?,)(n=([^,\0]+),r=([\x21-\x2B\x2D-\x7E]+)(?:,[A-Za-z]=[^,\0]+)*)$/;
const CLIENT_FINAL =
  /^(c=([A-Za-z0-9+/]+={0,2}),r=([\x21-\x2B\x2D-\x7E]+)(?:,[A-Za-z]=[^,\0]+)*),p=([A-Za-z0-9+/]+={0,2})$/;

/** SASLprep (RFC 4013), reduced to its prohibitions: nothing is mapped, so what would be mapped is refused, too. */
const PROHIBITED =
  /[\u{340}\u{341}]|[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000\u2FF0-\u2FFB\uFFF9-\uFFFD]/u;

export function parseClientFirst(data: Uint8Array): ClientFirst | undefined {
  const [, gs2Header, authorization, bare, name, nonce] = CLIENT_FIRST.exec(textOf(data) ?? '') ?? [];
  if (gs2Header === undefined || bare === undefined || name === undefined || nonce === undefined) {
    return undefined;
  }
  const user = userOf(name);
  if (user === undefined || (authorization !== undefined && authorization !== name)) return undefined;
  return { user, nonce, gs2Header, bare };
}

export function parseClientFinal(data: Uint8Array): ClientFinal | undefined {
  const [, withoutProof, channelBinding, nonce, encoded] = CLIENT_FINAL.exec(textOf(data) ?? '') ?? [];
  if (withoutProof === undefined || channelBinding === undefined || nonce === undefined) return undefined;
  const proof = Buffer.from(encoded ?? '', 'base64');
  // One spelling per value: Buffer reads base64 leniently.
  if (proof.byteLength !== PROOF_BYTES || proof.toString('base64') !== encoded) return undefined;
  return { channelBinding, nonce, proof, withoutProof };
}

function textOf(data: Uint8Array): string | undefined {
  if (data.byteLength > SCRAM_MESSAGE_MAX_BYTES) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return undefined;
  }
}

/** `saslname`: `,` and `=` come as `=2C` and `=3D`, and no other `=` may stand there. */
function userOf(saslName: string): string | undefined {
  if (/=(?!2C|3D)/.test(saslName)) return undefined;
  const user = saslName.replaceAll('=2C', ',').replaceAll('=3D', '=');
  return PROHIBITED.test(user) ? undefined : user;
}
