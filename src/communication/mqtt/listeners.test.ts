/** The doors: TLS with and without a client certificate, and handshakes that never end. */
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { X509Certificate } from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { connectPacket, packet, publishPacket, RawClient, until } from './test-client.ts';
import { FakeSecurity, type Rig, startRig } from './test-support.ts';

// It asks for the metadata it is built on as soon as it is loaded.
await import('reflect-metadata');
const x509 = await import('@peculiar/x509');
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

interface Identity {
  readonly key: string;
  readonly cert: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly certificate: X509Certificate;
}

let serial = 0;
async function identity(name: string, issuer?: Identity, daysLeft = 1): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  serial += 1;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial.toString(16).padStart(4, '0'),
    subject: name,
    issuer: issuer?.certificate.subject ?? name,
    notBefore: new Date(Date.now() - 10 * DAY_MS),
    notAfter: new Date(Date.now() + daysLeft * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(issuer === undefined, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
  return { key, cert: certificate.toString('pem'), keys, certificate };
}

describe('the TLS listener', () => {
  let authority: Identity;
  let server: Identity;
  beforeAll(async () => {
    authority = await identity('CN=Test CA');
    server = await identity('CN=server', authority);
  });

  const start = async (): Promise<Rig> => {
    const security = new FakeSecurity();
    security.tls = { key: server.key, cert: server.cert, ca: authority.cert };
    const door = { host: '127.0.0.1', port: 0 };
    return await startRig({ security, listeners: { tcp: door, tls: door } });
  };
  const dial = (rig: Rig, options: ConnectionOptions = {}): TLSSocket => {
    const port = rig.server.addresses.mqtts?.port ?? 0;
    return connectTls({ host: '127.0.0.1', port, ca: authority.cert, ...options });
  };

  it('serves a client without certificate, by its password', async () => {
    await using rig = await start();
    const client = new RawClient(dial(rig));
    client.send(connectPacket('d1'));
    expect(await client.nextHex()).toBe('20020000');
    expect(rig.security.asked).toMatchObject([{ username: 'd1', certificateName: undefined }]);
    expect(rig.events).toMatchObject([{ data: { transport: 'mqtts', address: '127.0.0.1' } }]);
    expect(rig.meter.read('iot_mqtt_connections mqtts')).toBe(1);
    expect(rig.meter.read('iot_mqtt_connections mqtt')).toBe(0);
  });

  it('takes the name of a certificate that our authority signed, TLS 1.2 or 1.3', async () => {
    await using rig = await start();
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { key, cert } = await identity('CN=d7', authority);
      const client = new RawClient(dial(rig, { key, cert, maxVersion }));
      const hello = {
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        clientId: 'd7',
        keepalive: 0,
      } as const;
      client.send(packet({ cmd: 'connect', ...hello }));
      expect(await client.nextHex()).toBe('20020000');
      client.destroy();
    }
    expect(rig.security.asked).toMatchObject([{ certificateName: 'd7' }, { certificateName: 'd7' }]);
  });

  it.each([
    ['signed by another', async () => await identity('CN=d1', await identity('CN=Test CA'))],
    ['signed by itself', async () => await identity('CN=d1')],
    ['expired', async () => await identity('CN=d1', authority, -1)],
    ['without a common name', async () => await identity('O=nobody', authority)],
    ['with two common names', async () => await identity('CN=d1, CN=d2', authority)],
  ])('ends the connection of a certificate %s, before MQTT begins', async (_what, make) => {
    await using rig = await start();
    const { key, cert } = await make();
    const client = new RawClient(dial(rig, { key, cert }));
    client.send(connectPacket('d1'));
    await client.closed;
    expect(client.waiting).toEqual([]);
    expect(rig.security.asked).toEqual([]);
    const honest = new RawClient(dial(rig));
    honest.send(connectPacket('d1'));
    expect(await honest.nextHex()).toBe('20020000');
  });

  it('survives what is no TLS, and TLS that is too old', async () => {
    await using rig = await start();
    const plain = await RawClient.dial(rig.server.addresses.mqtts?.port ?? 0);
    plain.send(connectPacket('d1'));
    await plain.closed;
    const old = dial(rig, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    await expect(once(old, 'secureConnect')).rejects.toThrow();
    const honest = new RawClient(dial(rig));
    honest.send(connectPacket('d1'));
    expect(await honest.nextHex()).toBe('20020000');
  });

  it('ends handshakes that are not over when the server stops, and says goodbye to those that are', async () => {
    await using rig = await start();
    const half = connectTcp(rig.server.addresses.mqtts?.port ?? 0, '127.0.0.1');
    await once(half, 'connect');
    half.on('error', () => half.destroy());
    half.resume();
    const whole = new RawClient(dial(rig));
    whole.send(connectPacket('d1'));
    await whole.next();
    rig.log.isPrompt = false;
    whole.send(publishPacket('v1/d1/telemetry', 'x', { qos: 1, messageId: 1 }));
    await until(() => rig.log.next === 1);
    const ended = new Promise((done) => half.once('close', done));
    const stopped = rig.server.stop();
    await ended;
    rig.log.commit();
    expect(await whole.nextHex()).toBe('40020001');
    await Promise.all([stopped, whole.closed]);
    expect(rig.events.map(({ data }) => (data as { reason?: string }).reason)).toEqual([
      undefined,
      'shutdown',
    ]);
  });
});
