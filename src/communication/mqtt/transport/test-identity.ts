/** Certificates for tests: an authority, and whom it signs. */
import { webcrypto } from 'node:crypto';
import type { JsonGeneralName, X509Certificate } from '@peculiar/x509';

// It asks for the metadata it is built on as soon as it is loaded.
await import('reflect-metadata');
const x509 = await import('@peculiar/x509');
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export interface Identity {
  readonly key: string;
  readonly cert: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly certificate: X509Certificate;
}

interface IdentityOptions {
  readonly issuer?: Identity;
  readonly daysLeft?: number;
  readonly names?: readonly JsonGeneralName[];
}

let serial = 0;

/** `subject` as in "CN=d1"; without an issuer it signs itself. */
export async function identity(subject: string, options: IdentityOptions = {}): Promise<Identity> {
  const { issuer, daysLeft = 1, names = [{ type: 'ip', value: '127.0.0.1' }] } = options;
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  serial += 1;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial.toString(16).padStart(4, '0'),
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    notBefore: new Date(Date.now() - 10 * DAY_MS),
    notAfter: new Date(Date.now() + daysLeft * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(issuer === undefined, undefined, true),
      new x509.SubjectAlternativeNameExtension([...names]),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
  return { key, cert: certificate.toString('pem'), keys, certificate };
}
