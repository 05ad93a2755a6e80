import { hostname, networkInterfaces } from 'node:os';

/** Names and addresses a client may reach this machine by. */
export interface HostNames {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}

const ADDRESSES_MAX = 32; // a certificate is sent with each handshake: keep it below one round trip
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

export function hostNames(): HostNames {
  const name = hostname().toLowerCase();
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.toLowerCase().startsWith('fe80'))
    .map(({ address }) => address);
  return {
    dns: [...new Set(['localhost', ...(DNS_NAME.test(name) ? [name] : [])])],
    ip: [...new Set(['127.0.0.1', '::1', ...addresses])].slice(0, ADDRESSES_MAX),
  };
}

/**
 * Does a certificate name this host? IPv6 addresses do not count: privacy extensions make new ones every day, and a new
 * certificate at every start would break whoever pins it.
 */
export function coversHost(subjectAltName: string, names: HostNames): boolean {
  const covered = new Set(subjectAltName.split(', '));
  return (
    names.dns.every((name) => covered.has(`DNS:${name}`)) &&
    names.ip.every((address) => address.includes(':') || covered.has(`IP Address:${address}`))
  );
}
