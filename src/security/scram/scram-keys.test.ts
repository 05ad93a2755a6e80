import { describe, expect, it } from 'vitest';
import { ScramClient } from '../../../test/support/scram-client.ts';
import { deriveScramKeys, provenKeys, serverSignature } from './scram-keys.ts';
import { parseClientFinal, parseClientFirst } from './scram-message.ts';

/** RFC 7677, section 3: user "user", password "pencil". */
const VECTOR = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
} as const;
const SALT = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');

describe('SCRAM-SHA-256', () => {
  const first = parseClientFirst(Buffer.from(VECTOR.clientFirst));
  const final = parseClientFinal(Buffer.from(VECTOR.clientFinal));
  const authMessage = `${first?.bare},${VECTOR.serverFirst},${final?.withoutProof}`;
  const proof = final?.proof ?? new Uint8Array();

  it('gives what the example of RFC 7677 gives', async () => {
    const keys = await deriveScramKeys('pencil', SALT);
    expect(provenKeys([keys], proof, authMessage)).toBe(keys);
    expect(`v=${serverSignature(keys, authMessage).toString('base64')}`).toBe(VECTOR.serverFinal);
  });

  it('finds which of several keys was proven, wherever it stands', async () => {
    const right = await deriveScramKeys('pencil', SALT);
    const others = await Promise.all(['pen', 'ink'].map((secret) => deriveScramKeys(secret, SALT)));
    expect(provenKeys([right, ...others], proof, authMessage)).toBe(right);
    expect(provenKeys([...others, right], proof, authMessage)).toBe(right);
    expect(provenKeys(others, proof, authMessage)).toBeUndefined();
    expect(provenKeys([], proof, authMessage)).toBeUndefined();
  });

  it('takes no proof of another secret, another salt or other messages', async () => {
    const keys = await deriveScramKeys('pencil', SALT);
    expect(provenKeys([await deriveScramKeys('Pencil', SALT)], proof, authMessage)).toBeUndefined();
    expect(
      provenKeys([await deriveScramKeys('pencil', Buffer.alloc(16))], proof, authMessage),
    ).toBeUndefined();
    expect(provenKeys([keys], proof, authMessage.replace('n=user', 'n=root'))).toBeUndefined();
    expect(
      provenKeys(
        [keys],
        proof.map((byte, at) => (at === 31 ? byte ^ 1 : byte)),
        authMessage,
      ),
    ).toBeUndefined();
  });

  it('is spoken by the client of the tests as RFC 7677 writes it', () => {
    const client = new ScramClient('user', 'pencil', { nonce: 'rOprNGfwEbeRWgbNEkqO' });
    expect(client.first()).toBe(VECTOR.clientFirst);
    expect(client.final(VECTOR.serverFirst)).toBe(VECTOR.clientFinal);
    expect(client.trusts(VECTOR.serverFinal)).toBe(true);
  });
});
