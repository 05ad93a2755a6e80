import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fetchDescription, readDescription } from './device-description.ts';
import { parseXml } from './xml.ts';

const HERE = '127.0.0.1';

/** The schema of UPnP Device Architecture 2.0, 2.3. */
const document = (body: string): string => `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0" configId="7">
  <specVersion><major>2</major><minor>0</minor></specVersion>
  <!-- made up -->
  <device>${body}</device>
</root>`;

const lamp = document(`
  <deviceType>urn:schemas-upnp-org:device:DimmableLight:1</deviceType>
  <friendlyName>Kitchen &amp; Hall &#x1F4A1; <![CDATA[<lamp>]]></friendlyName>
  <manufacturer>AT&T</manufacturer>
  <modelName>L-1</modelName>
  <serialNumber>SN-4711-x</serialNumber>
  <UDN>uuid:2fac1234-31f8-11b4-a222-08002b34c003</UDN>
  <serviceList><service><serviceType>urn:x:service:SwitchPower:1</serviceType></service><service/></serviceList>`);

const bomb = `<?xml version="1.0"?><!DOCTYPE root [<!ENTITY a "${'x'.repeat(1_000)}">${Array.from(
  { length: 10 },
  (_, n) => `<!ENTITY b${n} "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">`,
).join('')}]><root><device><friendlyName>&b9;</friendlyName></device></root>`;

const messageOf = (result: { ok: boolean; error?: { message: string } }): string =>
  result.ok ? 'accepted' : (result.error?.message ?? '');

async function fetchFrom(
  listener: RequestListener,
  location: (port: number) => string = (port) => `http://${HERE}:${port}/d.xml`,
) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    listener(request, response);
  });
  await new Promise<void>((done) => server.listen(0, HERE, done));
  try {
    const { port } = server.address() as AddressInfo;
    return { requests: () => requests, result: await fetchDescription(location(port), HERE) };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('a device description', () => {
  it('is fetched from its announcer and read', async () => {
    const { result } = await fetchFrom((_request, response) => response.end(lamp));
    expect(result).toEqual({
      ok: true,
      value: {
        deviceType: 'urn:schemas-upnp-org:device:DimmableLight:1',
        friendlyName: 'Kitchen & Hall 💡 <lamp>',
        manufacturer: 'AT&T',
        modelName: 'L-1',
        modelNumber: undefined,
        serialNumber: 'SN-4711-x',
        uuid: 'uuid:2fac1234-31f8-11b4-a222-08002b34c003',
        services: ['urn:x:service:SwitchPower:1'],
      },
    });
  });

  it.each([
    ['another host', () => 'http://10.1.2.3/d.xml', 'did not announce it'],
    ['a host name', (port: number) => `http://localhost:${port}/d.xml`, 'did not announce it'],
    ['credentials', (port: number) => `http://u:p@${HERE}:${port}/`, 'not an http URL'],
    ['a file', () => 'file:///etc/passwd', 'not an http URL'],
    ['nonsense', () => 'http://', 'not an http URL'],
  ])('that is said to be at %s is refused before anything is sent', async (_what, location, message) => {
    const { result, requests } = await fetchFrom((_request, response) => response.end(lamp), location);
    expect(result).toMatchObject({ ok: false, error: { code: 'discovery.description_refused' } });
    expect(messageOf(result)).toContain(message);
    expect(requests()).toBe(0);
  });

  it.each<[string, RequestListener, string]>([
    ['redirects', (_q, r) => r.writeHead(302, { location: '/other' }).end(), 'status 302'],
    [
      'is announced with 100 MB',
      (_q, r) => r.writeHead(200, { 'content-length': 100_000_000 }).write('<'),
      'over 65536 bytes',
    ],
    [
      'has no end',
      (_q, r) => {
        const more = (): void => void (r.destroyed || r.write('<a>'.repeat(10_000), more));
        more();
      },
      'over 65536 bytes',
    ],
    ['is compressed', (_q, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end('x'), 'compressed'],
    ['is an XML bomb', (_q, r) => r.end(bomb), 'document type'],
    ['is cut off', (_q, r) => r.end(lamp.slice(0, lamp.indexOf('</friendlyName>'))), 'ends too early'],
    [
      'breaks off',
      (_q, r) => r.writeHead(200, { 'content-length': 500 }).write('<root>', () => r.destroy()),
      'cannot be fetched',
    ],
    ['is no description', (_q, r) => r.end('<html></html>'), 'describes no device'],
  ])('that %s is refused with a code', async (_what, listener, message) => {
    const { result } = await fetchFrom(listener);
    expect(result).toMatchObject({ ok: false, error: { code: 'discovery.description_refused' } });
    expect(messageOf(result)).toContain(message);
  });

  it('that never comes is given up in time', async () => {
    const { result } = await fetchFrom(() => undefined);
    expect(messageOf(result)).toContain('takes over 3000 ms');
  });
});

describe('XML', () => {
  it.each([
    ['an entity of its own', '<root><device>&x;</device></root>', 'it uses an entity'],
    ['a character that is none', '<root><device>&#xD800;</device></root>', 'it uses an entity'],
    ['crossed tags', '<root><device></root></device>', 'its tags do not match'],
    ['a thousand levels', `${'<a>'.repeat(1_000)}${'</a>'.repeat(1_000)}`, 'it is over 16 levels deep'],
    ['many elements', `<root>${'<a/>'.repeat(3_000)}</root>`, 'it has over 2000 elements'],
    ['two roots', '<root/><root/>', 'it has not one root element'],
    ['nothing', '', 'it has not one root element'],
  ])('with %s is refused', (_what, text, message) => {
    expect(parseXml(text)).toEqual({ ok: false, error: message });
  });

  it('of any shape gives an answer and never throws', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      '<a>',
      '</a>',
      '<!',
      '<!--',
      '-->',
      '<?',
      '?>',
      '&',
      ';',
      '#',
      'x',
      '<![CDATA[',
      ']]>',
      '\0',
    );
    fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => void parseXml(pieces.join(''))));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void readDescription(document(text))));
  });
});
