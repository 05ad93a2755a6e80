/** How the other server is reached: address, credentials, and what is asked of it. */
import { readFile } from 'node:fs/promises';
import type { IClientOptions } from 'mqtt';
import {
  BRIDGE_CONNECT_TIMEOUT_MS,
  BRIDGE_KEEP_ALIVE_S,
  BRIDGE_WINDOW,
  MQTT_SESSION_EXPIRY_MAX_S,
} from '../../base/limits.ts';
import { Secret } from '../../base/secret.ts';
import { MAXIMUM_PACKET_SIZE } from '../mqtt/codec/framing.ts';
import type { BridgeSettings } from './bridge-settings.ts';
import { ONCE } from './peer.ts';

/** Reads the files anew: certificates and passwords are renewed while we run. Throws what reading throws. */
export async function remoteOptions(settings: BridgeSettings, clientId: string): Promise<IClientOptions> {
  const { version, username, caFile, certFile, keyFile } = settings;
  const [password, ca, cert, key] = await Promise.all([
    passwordOf(settings),
    caFile === undefined ? undefined : readFile(caFile),
    certFile === undefined ? undefined : readFile(certFile),
    keyFile === undefined ? undefined : readFile(keyFile),
  ]);
  return {
    ...ONCE,
    clientId,
    clean: false,
    protocolVersion: version,
    keepalive: BRIDGE_KEEP_ALIVE_S,
    connectTimeout: BRIDGE_CONNECT_TIMEOUT_MS,
    rejectUnauthorized: true,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(version === 5
      ? {
          properties: {
            sessionExpiryInterval: MQTT_SESSION_EXPIRY_MAX_S,
            receiveMaximum: BRIDGE_WINDOW,
            maximumPacketSize: MAXIMUM_PACKET_SIZE,
          },
        }
      : {}),
  };
}

async function passwordOf({ password }: BridgeSettings): Promise<string | undefined> {
  if (password === undefined || password instanceof Secret) return password?.reveal();
  return (await readFile(password.file, 'utf8')).replace(/\r?\n$/, '');
}
