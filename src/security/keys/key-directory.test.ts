import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import { SERVER_CERTIFICATE_LIFETIME_MS } from '../../base/limits.ts';
import { silentLogger } from '../../base/logger.ts';
import { makeAuthority, makeServerCertificate } from '../tls/certificates.ts';
import { hostNames } from '../tls/host-names.ts';
import { KeyDirectory, type KeyRing } from './key-directory.ts';

const FILES = ['ca.crt', 'ca.key', 'device-token.key', 'jwt.key', 'server.pem'];
const DAY_MS = 86_400_000;

describe('the key directory', () => {
  let dataDir: string;
  let clock: ManualClock;
  const open = (dir = dataDir, mayCreate = true): Promise<KeyRing> =>
    new KeyDirectory({ dataDir: dir, logger: silentLogger, clock }).open(() => mayCreate);
  const path = (file: string): string => join(dataDir, 'keys', file);
  const contents = (): Record<string, string> =>
    Object.fromEntries(FILES.map((file) => [file, readFileSync(path(file), 'utf8')]));

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'sensorium-keys-'));
    clock = new ManualClock(Date.now());
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it('makes everything at the first start, for its owner alone, and the same again afterwards', async () => {
    const first = await open();
    expect(readdirSync(join(dataDir, 'keys')).toSorted()).toEqual(FILES);
    expect(readdirSync(dataDir)).toEqual(['keys']);
    expect(statSync(join(dataDir, 'keys')).mode & 0o777).toBe(0o700);
    for (const file of FILES) expect(statSync(path(file)).mode & 0o777).toBe(0o600);
    expect(first.deviceTokenKey.byteLength).toBe(32);
    expect(first.jwtKey.byteLength).toBe(32);
    const before = contents();
    expect(await open()).toEqual(first);
    expect(contents()).toEqual(before);
  });

  it('shares nothing between two installations', async () => {
    const other = mkdtempSync(join(tmpdir(), 'sensorium-keys-'));
    try {
      const [a, b] = [await open(), await open(other)];
      const secrets = ({ deviceTokenKey, jwtKey, authority, server }: KeyRing): readonly string[] => [
        Buffer.from(deviceTokenKey).toString('hex'),
        Buffer.from(jwtKey).toString('hex'),
        authority.key,
        authority.cert,
        server.key,
        server.cert,
      ];
      expect(new Set([...secrets(a), ...secrets(b)]).size).toBe(12);
      const [ca, foreign] = [new X509Certificate(a.authority.cert), new X509Certificate(b.server.cert)];
      expect(foreign.verify(ca.publicKey)).toBe(false);
      expect(ca.subject).not.toBe(new X509Certificate(b.authority.cert).subject);
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  it.each(FILES)(
    'refuses to start, and changes nothing, when %s is damaged, cut, empty or gone',
    async (file) => {
      await open();
      const whole = readFileSync(path(file), 'utf8');
      // Letters of the base64 body, spread over it, each turned into another one.
      const letters = [...whole.matchAll(/(?<=^[^-\s][^\n]*)[a-z]/gm)].map((match) => match.index);
      const step = Math.ceil(letters.length / 12);
      const flipped = letters
        .filter((_, index) => index % step === 0)
        .map((at) => whole.slice(0, at) + (whole[at] === 'q' ? 'k' : 'q') + whole.slice(at + 1));
      expect(flipped.length).toBeGreaterThan(5);
      for (const damage of [...flipped, whole.slice(0, whole.length / 2), '']) {
        writeFileSync(path(file), damage);
        const before = contents();
        await expect(open()).rejects.toMatchObject({ code: 'data_dir.corrupt' });
        expect(contents()).toEqual(before);
      }
      rmSync(path(file));
      await expect(open()).rejects.toMatchObject({ code: 'data_dir.corrupt' });
      expect(readdirSync(join(dataDir, 'keys'))).not.toContain(file);
    },
  );

  it('refuses a key whose last character differs in bits that say nothing', async () => {
    await open();
    const whole = readFileSync(path('jwt.key'), 'utf8');
    const [, encoded = ''] = whole.split(' ');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const next = alphabet[alphabet.indexOf(encoded.at(-1) ?? '') + 1] ?? '';
    writeFileSync(path('jwt.key'), whole.replace(encoded, encoded.slice(0, -1) + next));
    await expect(open()).rejects.toMatchObject({ code: 'data_dir.corrupt' });
  });

  it('refuses keys and certificates of another installation', async () => {
    const { authority } = await open();
    const stranger = await makeAuthority(clock.now());
    writeFileSync(path('ca.key'), stranger.key);
    await expect(open()).rejects.toMatchObject({ code: 'data_dir.corrupt' });
    writeFileSync(path('ca.key'), authority.key);
    const { key, cert } = await makeServerCertificate(stranger, hostNames(), clock.now());
    writeFileSync(path('server.pem'), key + cert);
    await expect(open()).rejects.toMatchObject({ code: 'data_dir.corrupt' });
  });

  it('does not make new keys where credentials exist that need the old ones', async () => {
    await expect(open(dataDir, false)).rejects.toMatchObject({ code: 'data_dir.corrupt' });
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('starts over after a crash in the middle of making them', async () => {
    mkdirSync(join(dataDir, 'keys.new'));
    writeFileSync(join(dataDir, 'keys.new', 'jwt.key'), 'half a k');
    await open();
    expect(readdirSync(dataDir)).toEqual(['keys']);
  });

  it('takes back rights that were widened', async () => {
    await open();
    chmodSync(path('jwt.key'), 0o644);
    chmodSync(join(dataDir, 'keys'), 0o755);
    await open();
    expect(statSync(path('jwt.key')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, 'keys')).mode & 0o777).toBe(0o700);
  });

  it('names a data directory that cannot be written', async () => {
    writeFileSync(join(dataDir, 'file'), '');
    await expect(open(join(dataDir, 'file'))).rejects.toMatchObject({ code: 'data_dir.unwritable' });
  });

  it('renews a server certificate near its end, with the same authority', async () => {
    const first = await open();
    clock.jump(SERVER_CERTIFICATE_LIFETIME_MS - 31 * DAY_MS);
    expect((await open()).server).toEqual(first.server);
    clock.jump(2 * DAY_MS);
    const renewed = await open();
    expect(renewed.server.cert).not.toBe(first.server.cert);
    expect(renewed.server.expiresAt).toBeGreaterThan(clock.now() + 390 * DAY_MS);
    expect(renewed.authority).toEqual(first.authority);
    expect(renewed.jwtKey).toEqual(first.jwtKey);
    expect((await open()).server).toEqual(renewed.server);
    expect(statSync(path('server.pem')).mode & 0o777).toBe(0o600);
  });

  it('makes a certificate that TLS clients accept for every name of this machine, and no other', async () => {
    const { server, authority } = await open();
    const listener = createServer({ key: server.key, cert: server.cert, minVersion: 'TLSv1.2' });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    const handshake = (servername: string, ca: string): Promise<string> =>
      new Promise((resolve) => {
        const name = isIP(servername) === 0 ? { servername } : {};
        const socket = connect({ host: '127.0.0.1', port, ca, ...name }, () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        });
        socket.on('error', (error) => resolve(error.message));
      });
    try {
      expect(await handshake('localhost', authority.cert)).toBe('TLSv1.3');
      expect(await handshake('127.0.0.1', authority.cert)).toBe('TLSv1.3');
      expect(await handshake('evil.example', authority.cert)).toContain('not in the cert');
      const stranger = await makeAuthority(clock.now());
      expect(await handshake('localhost', stranger.cert)).not.toContain('TLS');
    } finally {
      await new Promise((resolve) => listener.close(resolve));
    }
    const certificate = new X509Certificate(server.cert);
    for (const address of hostNames().ip) expect(certificate.checkIP(address)).toBe(address);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });
});
