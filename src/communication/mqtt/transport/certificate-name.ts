import type { PeerCertificate, TLSSocket } from 'node:tls';

const DEVICE_URI = 'urn:sensorium:device:';

/**
 * Whom the client's certificate names: its common name; where it has none, the `urn:sensorium:device:{id}` among its
 * alternative names; where there is none of these either, its one DNS name. Undefined where it shows no certificate,
 * false where our authority did not sign it or where what decides is there twice: who it is must not be a guess.
 */
export function certificateName(socket: TLSSocket): string | undefined | false {
  // Null once the socket is destroyed, whatever its type says.
  const certificate = socket.getPeerCertificate() as PeerCertificate | null;
  if (certificate === null) return false;
  if (Object.keys(certificate).length === 0) return undefined;
  if (!socket.authorized) return false;
  const { subject, subjectaltname = '' } = certificate;
  const name: unknown = subject?.CN;
  if (typeof name === 'string') return name !== '' && name;
  // A list: two common names. OpenSSL's text quotes names with commas in them: none of ours has any.
  if (name !== undefined || subjectaltname.includes('"')) return false;
  const alternatives = subjectaltname.split(', ');
  const uris = starting(alternatives, `URI:${DEVICE_URI}`);
  const decisive = uris.length > 0 ? uris : starting(alternatives, 'DNS:');
  return decisive.length === 1 && decisive[0] !== undefined && decisive[0] !== '' && decisive[0];
}

const starting = (names: readonly string[], prefix: string): readonly string[] =>
  names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
