import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import type { Sighting } from '../../../model/discovery.ts';
import { frameBytes, identificationRequest, readIdentification } from './modbus-identification.ts';
import { ModbusScanner } from './modbus-scanner.ts';
import { parseRange } from './ranges.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

/** What the scanner sees of the one host 127.0.0.1; its address is nobody's, but a sighting is one all the same. */
async function seenAt(port: number): Promise<readonly Sighting[]> {
  const range = parseRange('127.0.0.1') ?? expect.fail();
  const scanner = new ModbusScanner({ ranges: [range], clock: systemClock, port });
  const seen: Sighting[] = [];
  await scanner.start((one) => seen.push(one));
  await scanner.scan(new AbortController().signal);
  await scanner.stop();
  return seen;
}

const reply = (request: Buffer, pdu: readonly number[]): Buffer => {
  const header = Buffer.from(request.subarray(0, 7));
  header.writeUInt16BE(pdu.length + 1, 4);
  return Buffer.concat([header, Buffer.from(pdu)]);
};

const objects = (all: readonly (readonly [number, string])[]): number[] =>
  all.flatMap(([id, text]) => [id, text.length, ...Buffer.from(text, 'latin1')]);

describe('a Modbus/TCP server', () => {
  it('is asked until it has said everything, piece by piece', async () => {
    const port = await listen((socket) => {
      socket.on('data', (request: Buffer) => {
        const isFirst = request[10] === 0;
        const some = isFirst
          ? objects([
              [0, 'Acme'],
              [1, 'SDM-1'],
            ])
          : objects([
              [2, '1.4'],
              [4, 'Energy meter'],
            ]);
        const answer = reply(request, [0x2b, 0x0e, 2, 0x82, isFirst ? 0xff : 0, isFirst ? 2 : 0, 2, ...some]);
        for (const byte of answer) socket.write(Buffer.of(byte));
      });
    });
    expect(await seenAt(port)).toMatchObject([
      {
        manufacturer: 'Acme',
        model: 'Energy meter',
        names: ['Energy meter'],
        services: ['modbus-tcp'],
        attributes: { productCode: 'SDM-1', revision: '1.4' },
      },
    ]);
  });

  it('agrees with the server of another project', async () => {
    const { ServerTCP } = await import('modbus-serial');
    const free = await listen(() => undefined);
    servers.splice(0)[0]?.close();
    // Not in its types.
    const readDeviceIdentification = () => ({ 0: 'Acme', 1: 'PM-5110', 2: 'v2', 5: 'PM5110', 128: 'own' });
    const vector: object = { readDeviceIdentification };
    const other = new ServerTCP(vector, { host: '127.0.0.1', port: free, unitID: 255 });
    await new Promise<void>((done) => other.on('initialized', () => done()));
    try {
      expect(await seenAt(free)).toMatchObject([{ manufacturer: 'Acme', model: 'PM5110' }]);
    } finally {
      await new Promise<void>((done) => other.close(() => done()));
    }
  });

  it('that does not say who it is, is one all the same', async () => {
    const asked: number[][] = [];
    const port = await listen((socket) => {
      socket.on('data', (request: Buffer) => {
        asked.push([request[6] ?? 0, request[9] ?? 0]);
        socket.write(reply(request, [0xab, 0x01]));
      });
    });
    const [sighting] = await seenAt(port);
    expect(sighting?.services).toEqual(['modbus-tcp']);
    expect(sighting?.manufacturer).toBeUndefined();
    expect(asked).toEqual([
      [255, 2],
      [255, 1],
      [1, 2],
      [1, 1],
    ]);
  });

  it.each<[string, (socket: Socket, request: Buffer) => void]>([
    ['speaks HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['answers another transaction', (socket) => socket.write(Buffer.from('0099000000030bab01', 'hex'))],
    ['ends at once', (socket) => socket.destroy()],
    ['sends without end', (socket) => socket.write(Buffer.alloc(1_000_000, 0))],
  ])('that %s is none', async (_what, answer) => {
    const port = await listen((socket) => socket.on('data', (request: Buffer) => answer(socket, request)));
    expect(await seenAt(port)).toEqual([]);
  });

  it('that says "more follows" for ever is left after a few requests', async () => {
    let requests = 0;
    const port = await listen((socket) => {
      socket.on('data', (request: Buffer) => {
        requests += 1;
        const id = request[10] ?? 0;
        socket.write(reply(request, [0x2b, 0x0e, 2, 2, 0xff, id + 1, 1, id, 1, 65]));
      });
    });
    expect(await seenAt(port)).toHaveLength(1);
    expect(requests).toBe(8);
  });
});

describe('identification frames', () => {
  it('are built as the specification shows them', () => {
    // [MODBUS Application Protocol V1.1b3, 6.21], behind an MBAP header.
    const frame = identificationRequest({ transaction: 1, unit: 255, code: 1, objectId: 0 });
    expect(frame.toString('hex')).toBe('000100000005ff2b0e0100');
  });

  it('of any bytes give an answer, and a cut one none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const frame = Buffer.from(bytes);
        frameBytes(frame);
        readIdentification(frame, 0);
      }),
    );
    const whole = reply(Buffer.alloc(7), [0x2b, 0x0e, 2, 2, 0, 0, 1, ...objects([[0, 'Acme']])]);
    expect(readIdentification(whole, 0)?.kind).toBe('objects');
    for (let size = 0; size < whole.length; size += 1)
      expect(readIdentification(whole.subarray(0, size), 0)).toBeUndefined();
  });
});
