import { createPrivateKey, sign, verify, X509Certificate } from 'node:crypto';
import { damaged } from '../keys/secret-file.ts';
import type { KeyAndCertificate } from './certificates.ts';

export interface Authority extends KeyAndCertificate {
  readonly expiresAt: number;
}

/** What the TLS listeners present. Times in milliseconds since the epoch. */
export interface ServerIdentity extends KeyAndCertificate {
  readonly validFrom: number;
  readonly expiresAt: number;
  readonly subjectAltName: string;
}

/** Checks that key and certificate are readable and belong together; throws data_dir.corrupt with the file's path. */
export function readAuthority(
  files: KeyAndCertificate & { readonly keyPath: string; readonly certPath: string },
): Authority {
  const { key, cert, keyPath, certPath } = files;
  const certificate = believed(certPath, 'it is not a certificate', () => new X509Certificate(cert));
  believed(certPath, 'it is not the certificate of an authority', () =>
    check(certificate.ca && certificate.verify(certificate.publicKey)),
  );
  believed(keyPath, 'it is not the private key of ca.crt', () => check(signsFor(key, certificate)));
  return { key, cert, expiresAt: certificate.validToDate.getTime() };
}

/** Reads `server.pem`: a private key and a certificate that the authority signed. */
export function readServerPem(pem: string, path: string, authority: Authority): ServerIdentity {
  const key = block(pem, 'PRIVATE KEY', path);
  const cert = block(pem, 'CERTIFICATE', path);
  const issuer = new X509Certificate(authority.cert);
  const certificate = believed(path, 'it has no readable certificate', () => new X509Certificate(cert));
  believed(path, 'its certificate is not signed by ca.crt', () =>
    check(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)),
  );
  believed(path, 'its private key is not that of its certificate', () => check(signsFor(key, certificate)));
  return {
    key,
    cert,
    validFrom: certificate.validFromDate.getTime(),
    expiresAt: certificate.validToDate.getTime(),
    subjectAltName: certificate.subjectAltName ?? '',
  };
}

function block(pem: string, label: string, path: string): string {
  const found = new RegExp(`-----BEGIN ${label}-----[\\s\\S]+?-----END ${label}-----\\n?`).exec(pem);
  if (found === null) throw damaged(path, `it has no ${label.toLowerCase()}`);
  return found[0];
}

/** A signature tells more than a comparison: a key file carries its public half beside the private one. */
function signsFor(key: string, certificate: X509Certificate): boolean {
  const probe = Buffer.from(certificate.fingerprint256);
  return verify('sha256', probe, certificate.publicKey, sign('sha256', probe, createPrivateKey(key)));
}

function check(holds: boolean): void {
  if (!holds) throw new Error('does not hold');
}

/** OpenSSL throws at many depths of a damaged file; all of it means the same to whoever reads the message. */
function believed<T>(path: string, why: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw damaged(path, why, cause);
  }
}
