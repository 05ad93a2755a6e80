/** The doors: what comes through each transport, who a certificate names, and what ends before MQTT begins. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { until } from '../test-client.ts';
import { type Doors, type DoorsOptions, openDoors } from './test-doors.ts';
import { type Identity, identity } from './test-identity.ts';

let authority: Identity;
let server: Identity;
beforeAll(async () => {
  authority = await identity('CN=Test CA');
  server = await identity('CN=server', { issuer: authority });
});
const open = async (options: DoorsOptions): Promise<Doors> =>
  await openDoors({ server, authority, ...options });

describe('the TCP listener', () => {
  it('hands on the socket itself, with its name and address', async () => {
    await using doors = await open({ names: ['mqtt'] });
    const client = await doors.tcp('mqtt');
    client.write('in');
    await until(() => doors.entered[0]?.bytes.toString() === 'in');
    expect(doors.entered).toMatchObject([
      { listener: 'mqtt', address: '127.0.0.1', certificateName: undefined },
    ]);
    doors.entered[0]?.socket.write(Buffer.from('out'));
    expect(String((await once(client, 'data'))[0])).toBe('out');
  });

  it('keeps its port over a restart, and takes nobody in between', async () => {
    await using doors = await open({ names: ['mqtt'] });
    const port = doors.port('mqtt');
    doors.listeners.close();
    await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    expect(doors.refused('too_many')).toBeNaN();
    await doors.listeners.start({ tls: { key: '', cert: '', ca: '' } }, () => undefined);
    expect(doors.port('mqtt')).toBe(port);
  });

  it('says which port another program has', async () => {
    await using doors = await open({ names: ['mqtt'] });
    const taken = doors.port('mqtt');
    const { Listeners } = await import('./listeners.ts');
    const { systemClock } = await import('../../../base/clock.ts');
    const { silentMeter } = await import('../../../model/ports/meter.ts');
    const table = [{ name: 'mqtt', transport: 'tcp', host: '127.0.0.1', port: taken }] as const;
    const second = new Listeners({ table, clock: systemClock, meter: silentMeter });
    await expect(second.start({ tls: { key: '', cert: '', ca: '' } }, () => undefined)).rejects.toMatchObject(
      {
        code: 'port.taken',
      },
    );
    second.close();
  });
});

describe('the lobby', () => {
  it('does not read a connection over the rate, and lets it in when its turn has come', async () => {
    await using doors = await open({ names: ['mqtt'], limits: { perSecond: 20, burst: 2 } });
    for (const word of ['one', 'two', 'three', 'four']) (await doors.tcp('mqtt')).write(word);
    await until(() => doors.entered.length === 2);
    await until(() => doors.entered.length === 4);
    await until(() => doors.entered.every(({ chunks }) => chunks.length === 1));
    expect(doors.entered.map(({ bytes }) => bytes.toString())).toEqual(['one', 'two', 'three', 'four']);
    expect(doors.refused('connect_rate')).toBe(0);
  });

  it('ends connections beyond those it can hold, and goes on with the others', async () => {
    await using doors = await open({ names: ['mqtt'], limits: { perSecond: 1, burst: 1, heldMax: 2 } });
    const first = await doors.tcp('mqtt');
    for (let i = 0; i < 4; i += 1) await doors.tcp('mqtt');
    await until(() => doors.refused('connect_rate') === 2);
    expect(doors.entered).toHaveLength(1);
    first.write('still here');
    await until(() => doors.entered[0]?.bytes.length === 10);
  });

  it('bounds the connections of all transports together, and makes room when one ends', async () => {
    await using doors = await open({ names: ['mqtt', 'ws'], limits: { connectionsMax: 2 } });
    const first = await doors.tcp('mqtt');
    const second = doors.ws();
    await until(() => doors.entered.length === 2);
    const third = await doors.tcp('mqtt');
    await once(third.resume(), 'close');
    await expect(once(doors.ws(), 'open')).rejects.toThrow();
    expect(doors.refused('too_many')).toBe(2);
    first.destroy();
    await doors.entered[0]?.closed;
    doors.ws();
    await until(() => doors.entered.length === 3);
    second.terminate();
  });

  it.each(['mqtts', 'ws', 'wss'] as const)('ends a handshake on %s that takes too long', async (name) => {
    await using doors = await open({ names: [name], limits: { handshakeMs: 20 } });
    const silent = await doors.tcp(name);
    await once(silent.resume(), 'close');
    const slow = await doors.tcp(name);
    slow.write(name === 'ws' ? 'GET / HTTP/1.1\r\n' : Buffer.from('1603', 'hex'));
    await once(slow.resume(), 'close');
    expect(doors.entered).toEqual([]);
  });

  it.each(['mqtts', 'ws', 'wss'] as const)('ends handshakes on %s when the server stops', async (name) => {
    await using doors = await open({ names: [name] });
    const half = await doors.tcp(name);
    doors.listeners.close();
    await once(half.resume(), 'close');
  });
});

describe('the TLS listener', () => {
  it('takes a client without certificate, and speaks of MQTT where it is asked to', async () => {
    await using doors = await open({ names: ['mqtts'] });
    const client = doors.tls('mqtts', { ALPNProtocols: ['mqtt'] });
    await once(client, 'secureConnect');
    expect(client.alpnProtocol).toBe('mqtt');
    client.write('in');
    await until(() => doors.entered[0]?.bytes.toString() === 'in');
    expect(doors.entered).toMatchObject([
      { listener: 'mqtts', address: '127.0.0.1', certificateName: undefined },
    ]);
  });

  it('takes the name of a certificate that our authority signed, TLS 1.2 or 1.3', async () => {
    await using doors = await open({ names: ['mqtts'] });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { key, cert } = await identity('CN=d7', { issuer: authority });
      await once(doors.tls('mqtts', { key, cert, maxVersion }), 'secureConnect');
    }
    await until(() => doors.entered.length === 2);
    expect(doors.entered).toMatchObject([{ certificateName: 'd7' }, { certificateName: 'd7' }]);
  });

  it.each([
    ['the device that it names', 'O=x', [['url', 'urn:sensorium:device:d7']], 'd7'],
    [
      'the device, whatever host it is',
      'O=x',
      [
        ['dns', 'host'],
        ['url', 'urn:sensorium:device:a:b-1'],
      ],
      'a:b-1',
    ],
    [
      'its one host',
      'O=x',
      [
        ['dns', 'd8.example'],
        ['ip', '192.0.2.1'],
        ['url', 'https://d9.example'],
      ],
      'd8.example',
    ],
    ['its common name first', 'CN=d1', [['url', 'urn:sensorium:device:d2']], 'd1'],
  ] as const)('takes from the alternative names %s', async (_what, subject, names, expected) => {
    await using doors = await open({ names: ['mqtts'] });
    const options = { issuer: authority, names: names.map(([type, value]) => ({ type, value })) };
    const { key, cert } = await identity(subject, options);
    await once(doors.tls('mqtts', { key, cert }), 'secureConnect');
    await until(() => doors.entered.length === 1);
    expect(doors.entered[0]?.certificateName).toBe(expected);
  });

  const names = (...rows: readonly (readonly ['dns' | 'url', string])[]) => ({
    issuer: authority,
    names: rows.map(([type, value]) => ({ type, value })),
  });
  it.each([
    ['signed by another', async () => await identity('CN=d1', { issuer: await identity('CN=Test CA') })],
    ['signed by itself', async () => await identity('CN=d1')],
    ['expired', async () => await identity('CN=d1', { issuer: authority, daysLeft: -1 })],
    ['without any name', async () => await identity('O=nobody', { issuer: authority })],
    ['with two common names', async () => await identity('CN=d1, CN=d2', { issuer: authority })],
    ['with two hosts', async () => await identity('O=x', names(['dns', 'a'], ['dns', 'b']))],
    [
      'with two devices',
      async () =>
        await identity('O=x', names(['url', 'urn:sensorium:device:a'], ['url', 'urn:sensorium:device:b'])),
    ],
    [
      'with a name made to look like two',
      async () => await identity('O=x', names(['dns', 'a, URI:urn:sensorium:device:b'])),
    ],
  ])('ends the connection of a certificate %s, before MQTT begins', async (_what, make) => {
    await using doors = await open({ names: ['mqtts'] });
    const { key, cert } = await make();
    await once(doors.tls('mqtts', { key, cert }).resume(), 'close');
    expect(doors.entered).toEqual([]);
    expect(doors.refused('tls')).toBe(1);
    doors.tls('mqtts');
    await until(() => doors.entered.length === 1);
  });

  it('survives what is no TLS, TLS that is too old, and TLS that is not for MQTT', async () => {
    await using doors = await open({ names: ['mqtts'] });
    const plain = await doors.tcp('mqtts');
    plain.write(Buffer.from('101000044d51545404020000000464657631', 'hex'));
    await once(plain.resume(), 'close');
    const refused = async (socket: TLSSocket): Promise<void> =>
      await expect(once(socket, 'secureConnect')).rejects.toThrow();
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await refused(doors.tls('mqtts', old));
    await refused(doors.tls('mqtts', { ALPNProtocols: ['h2'] }));
    await until(() => doors.refused('tls') === 3);
    doors.tls('mqtts');
    await until(() => doors.entered.length === 1);
  });
});

describe('the secure WebSocket listener', () => {
  it('takes the name of a certificate, and not from a page of another site', async () => {
    await using doors = await open({ names: ['wss'] });
    const { key, cert } = await identity('CN=d7', { issuer: authority });
    await once(doors.wss({ key, cert }), 'open');
    await once(doors.wss(), 'open');
    await once(doors.wss({ key, cert, origin: 'https://evil.example' }), 'open');
    await once(doors.wss({ key, cert, origin: `https://127.0.0.1:${doors.port('wss')}` }), 'open');
    await until(() => doors.entered.length === 4);
    expect(doors.entered.map(({ certificateName }) => certificateName)).toEqual([
      'd7',
      undefined,
      undefined,
      'd7',
    ]);
    expect(doors.entered[0]?.listener).toBe('wss');
  });

  it('carries bytes both ways, and refuses a foreign certificate', async () => {
    await using doors = await open({ names: ['wss'] });
    const client = doors.wss();
    await once(client, 'open');
    client.send(Buffer.from('in'));
    await until(() => doors.entered[0]?.bytes.toString() === 'in');
    doors.entered[0]?.socket.write(Buffer.from('out'));
    expect(String((await once(client, 'message'))[0])).toBe('out');
    const { key, cert } = await identity('CN=d1');
    await expect(once(doors.wss({ key, cert }), 'open')).rejects.toThrow();
    expect(doors.refused('tls')).toBe(1);
  });
});
