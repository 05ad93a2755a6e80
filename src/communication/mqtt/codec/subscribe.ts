import { Fields } from './fields.ts';
import { isFilter } from './topics.ts';

interface SubscribePacket {
  readonly packetId: number;
  readonly entries: readonly { readonly filter: string; readonly qos: 0 | 1 | 2 }[];
}

/** Undefined = malformed: no entry [MQTT-3.8.3-3], reserved bits of the QoS [MQTT-3-8.3-4], packet id 0 [MQTT-2.3.1-1]. */
export function parseSubscribe(bytes: Buffer, start: number, end: number): SubscribePacket | undefined {
  const fields = new Fields(bytes, start, end);
  const packetId = fields.uint16();
  const entries: { filter: string; qos: 0 | 1 | 2 }[] = [];
  while (fields.wellFormed && !fields.atEnd) {
    const filter = fields.text();
    const qos = fields.byte();
    if (qos > 2 || !isFilter(filter)) return undefined;
    entries.push({ filter, qos: qos === 0 ? 0 : qos === 1 ? 1 : 2 });
  }
  return fields.wellFormed && packetId !== 0 && entries.length > 0 ? { packetId, entries } : undefined;
}

/** Undefined = malformed: no filter at all [MQTT-3.10.3-2], packet id 0. */
export function parseUnsubscribe(
  bytes: Buffer,
  start: number,
  end: number,
): { readonly packetId: number; readonly filters: readonly string[] } | undefined {
  const fields = new Fields(bytes, start, end);
  const packetId = fields.uint16();
  const filters: string[] = [];
  while (fields.wellFormed && !fields.atEnd) filters.push(fields.text());
  const sound = fields.wellFormed && packetId !== 0 && filters.length > 0 && filters.every(isFilter);
  return sound ? { packetId, filters } : undefined;
}
