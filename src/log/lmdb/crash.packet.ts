import type { DataPacket, Offset } from '../../model/packet.ts';
import { packetOf } from '../log.case.ts';

/** The packet that belongs to an offset: whoever reads it back knows every byte. */
export const crashPacket = (offset: Offset): DataPacket =>
  packetOf({
    topic: `v1/device-${offset % 50}/telemetry`,
    payload: Buffer.alloc(8 + (offset % 400), `${offset};`),
    receivedAt: offset,
  });
