/**
 * Modbus/TCP servers in the ranges a user named, and what they say they are. Reads the identification and nothing else:
 * no register is touched. Without ranges it touches nobody.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import {
  DISCOVERY_TICK_MS,
  MODBUS_FRAME_MAX_BYTES,
  MODBUS_IDENTIFICATION_REQUESTS_MAX,
  MODBUS_REPLY_TIMEOUT_MS,
} from '../../../base/limits.ts';
import type { ScannerCondition } from '../../../model/discovery.ts';
import { RUNNING, type Scanner, type SightingSink, sighting, unavailable } from '../scanner.ts';
import {
  frameBytes,
  IDENTIFICATION_OBJECTS,
  type IdentificationReply,
  identificationRequest,
  readIdentification,
} from './modbus-identification.ts';
import { RangeWalk } from './range-walk.ts';
import type { AddressRange } from './ranges.ts';
import { tryConnect } from './tcp-connect.ts';

interface ModbusScannerOptions {
  readonly ranges: readonly AddressRange[];
  readonly clock: Clock;
  readonly port?: number | undefined;
}

const PORT = 502;
const ROUND_MS = 10 * 60_000;
/** 255 is the server itself [MODBUS Messaging on TCP/IP, 4.4.2.1]; many small ones know only their serial address 1. */
const UNITS = [255, 1] as const;

export class ModbusScanner implements Scanner {
  readonly name = 'modbus';
  readonly paceMs = DISCOVERY_TICK_MS;
  readonly #options: ModbusScannerOptions;
  #walk: RangeWalk | undefined;
  #sink: SightingSink = () => undefined;

  constructor(options: ModbusScannerOptions) {
    this.#options = options;
  }

  start(sink: SightingSink): Promise<ScannerCondition> {
    this.#sink = sink;
    const { ranges, clock, port = PORT } = this.#options;
    if (ranges.length === 0) return Promise.resolve(unavailable('no ranges are configured'));
    this.#walk = new RangeWalk({ ranges, ports: [port], roundMs: ROUND_MS, clock });
    return Promise.resolve(RUNNING);
  }

  async scan(signal: AbortSignal): Promise<ScannerCondition> {
    await this.#walk?.slice(signal, async ({ address, port }) => {
      const socket = await tryConnect(address, port, signal);
      if (socket === undefined) return;
      try {
        const objects = await identify(socket);
        if (objects !== undefined && !signal.aborted) this.#tell(address, port, objects);
      } finally {
        socket.destroy();
      }
    });
    return RUNNING;
  }

  stop(): Promise<void> {
    this.#walk = undefined;
    return Promise.resolve();
  }

  #tell(address: string, port: number, objects: ReadonlyMap<number, string>): void {
    const text = (id: number): string | undefined => objects.get(id)?.trim() || undefined;
    const { vendor, productCode, revision, url, productName, model, application } = IDENTIFICATION_OBJECTS;
    const facts = { productCode: text(productCode), revision: text(revision), url: text(url), port };
    this.#sink(
      sighting({
        scanner: this.name,
        identifiers: { ip: address },
        names: [text(application), text(productName)].filter((name) => name !== undefined),
        manufacturer: text(vendor),
        model: text(model) ?? text(productName) ?? text(productCode),
        services: ['modbus-tcp'],
        attributes: Object.fromEntries(
          Object.entries(facts).filter((fact): fact is [string, string | number] => fact[1] !== undefined),
        ),
        evidence: `answers Modbus/TCP at ${address}:${port}`,
        ts: this.#options.clock.now(),
      }),
    );
  }
}

/** Its objects; empty where it speaks Modbus and does not say who it is, undefined where it speaks something else. */
async function identify(socket: Socket): Promise<ReadonlyMap<number, string> | undefined> {
  const objects = new Map<number, string>();
  let unit = 0;
  let code: 1 | 2 = 2;
  let objectId = 0;
  let speaksModbus = false;
  for (let transaction = 1; transaction <= MODBUS_IDENTIFICATION_REQUESTS_MAX; transaction += 1) {
    socket.write(identificationRequest({ transaction, unit: UNITS[unit] ?? 1, code, objectId }));
    const reply = await replyTo(socket, transaction);
    if (reply === undefined) return speaksModbus ? objects : undefined;
    speaksModbus = true;
    if (reply.kind === 'objects') {
      for (const [id, text] of reply.objects) objects.set(id, text);
      if (reply.next === undefined || reply.next <= objectId) return objects;
      objectId = reply.next;
    } else if (code === 2) {
      code = 1;
    } else if (unit + 1 < UNITS.length) {
      unit += 1;
      code = 2;
    } else {
      return objects;
    }
  }
  return objects;
}

/** One reply within its time and size; undefined for silence, an end, or what is no reply to this. */
function replyTo(socket: Socket, transaction: number): Promise<IdentificationReply | undefined> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const settle = (reply: IdentificationReply | undefined): void => {
      clearTimeout(timer);
      socket.off('data', take).off('close', gone);
      resolve(reply);
    };
    const gone = (): void => settle(undefined);
    const take = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk.subarray(0, MODBUS_FRAME_MAX_BYTES)]);
      const size = frameBytes(received);
      if (size === 0) settle(undefined);
      else if (size !== undefined && received.length >= size)
        settle(readIdentification(received.subarray(0, size), transaction));
    };
    const timer = setTimeout(gone, MODBUS_REPLY_TIMEOUT_MS);
    socket.on('data', take).on('close', gone);
    if (socket.destroyed) gone();
  });
}
