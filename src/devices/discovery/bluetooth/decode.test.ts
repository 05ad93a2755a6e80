import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Decoder } from './advertisement.ts';
import { decodeBthome } from './bthome.ts';
import { BTHOME_OBJECTS } from './bthome-objects.ts';
import { decode } from './decode.ts';
import { decodeEddystone } from './eddystone.ts';
import { decodeIBeacon } from './ibeacon.ts';
import { decodeRuuvi } from './ruuvi.ts';
import { advertisement, bytes } from './testing.ts';

/** Valid payloads of each format: what truncation and bit errors start from. */
const WHOLE: readonly (readonly [name: string, decoder: Decoder, hexText: string])[] = [
  ['iBeacon', decodeIBeacon, '0215 e2c56db5dffb48d2b060d0f5a71096e0 0001 0002 c5'],
  ['Eddystone-UID', decodeEddystone, '00ee 00010203040506070809 0a0b0c0d0e0f 0000'],
  ['Eddystone-URL', decodeEddystone, '10ee 03 676f6f2e676c2f41713138 7a46'],
  ['Eddystone-TLM', decodeEddystone, '2000 0bb8 1580 00000064 000003e8'],
  ['RuuviTag 3', decodeRuuvi, '03291A1ECE1EFC18F94202CA0B53'],
  ['RuuviTag 5', decodeRuuvi, '0512FC5394C37C0004FFFC040CAC364200CDCBB8334C884F'],
  ['BTHome', decodeBthome, '40 0002 0161 02CA09 03BF13 04138A01 3A01 5303414243 F100010203'],
];
const DECODERS = [decodeIBeacon, decodeEddystone, decodeRuuvi, decodeBthome];

describe('decoders of advertisements', () => {
  it('never throw and never invent a number, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(...DECODERS), (data, decoder) => {
        const result = decoder(data);
        if (result === undefined || !result.ok) return;
        for (const { value } of result.value.readings)
          if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never throw on a payload with a few bytes changed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...WHOLE),
        fc.array(fc.tuple(fc.nat(30), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        ([, decoder, hexText], changes) => {
          const data = bytes(hexText);
          for (const [at, byte] of changes) data[at % data.length] = byte;
          decoder(data);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each(WHOLE.filter(([name]) => !name.startsWith('BTHome') && name !== 'Eddystone-URL'))(
    '%s cut anywhere but in what may be missing is refused with a code',
    (name, decoder, hexText) => {
      const data = bytes(hexText);
      const optional = name === 'Eddystone-UID' ? 2 : 0;
      for (let length = 1; length < data.length - optional; length += 1) {
        const result = decoder(data.subarray(0, length));
        expect(result?.ok === false && result.error.code, `${length} bytes`).toBe(
          'discovery.payload_refused',
        );
      }
    },
  );

  it('BTHome cut inside of an object is refused; cut between two, it is a shorter packet', () => {
    for (const [id, object] of BTHOME_OBJECTS) {
      if (object.kind === 'text' || object.kind === 'raw') continue;
      const whole = [...bytes('40 0161'), id, 1, 1, 1, 1];
      const lengths = whole.map((_, i) => decodeBthome(new Uint8Array(whole.slice(0, i + 1)))?.ok);
      // Device byte alone and battery whole are fine; the lone id of the next object never is.
      expect([lengths[0], lengths[1], lengths[2], lengths[3]], `object ${id}`).toEqual([
        true,
        false,
        true,
        false,
      ]);
      expect(lengths.slice(4).includes(true), `object ${id}`).toBe(true);
    }
  });

  it('read the part that is theirs and leave the others alone', () => {
    const results = decode(
      advertisement({
        manufacturerData: [
          { company: 0x0499, data: bytes('03291A1ECE1EFC18F94202CA0B53') },
          { company: 0x0006, data: bytes('0109') },
        ],
        serviceData: [
          { uuid: 'fcd2', data: bytes('400161') },
          { uuid: '180f', data: bytes('64') },
        ],
      }),
    );
    expect(results.map((result) => result.ok && result.value.label)).toEqual([
      'RuuviTag data format 3',
      'BTHome v2',
    ]);
  });
});
