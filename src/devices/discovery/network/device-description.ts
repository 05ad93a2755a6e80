/**
 * The description document of a UPnP device: fetched from the address that announced it and from nowhere else, without
 * redirects, bounded in time and size, never decompressed; then read for what identifies the device.
 */
import { get, type IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { DESCRIPTION_MAX_BYTES, DESCRIPTION_TIMEOUT_MS } from '../../../base/limits.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import { problem, type SensoriumError } from '../../../model/errors.ts';
import { withoutZone } from './ranges.ts';
import { childNamed, childText, parseXml } from './xml.ts';

/** UPnP Device Architecture 2.0, 2.3. */
export interface DeviceDescription {
  readonly deviceType: string | undefined;
  readonly friendlyName: string | undefined;
  readonly manufacturer: string | undefined;
  readonly modelName: string | undefined;
  readonly modelNumber: string | undefined;
  readonly serialNumber: string | undefined;
  readonly uuid: string | undefined;
  readonly services: readonly string[];
}

const refuse = (message: string): Result<never, SensoriumError> =>
  err(problem('discovery.description_refused', message));

/** `announcer`: the address that sent `location`. Errors: 'discovery.description_refused' with the reason. */
export async function fetchDescription(
  location: string,
  announcer: string,
  signal?: AbortSignal,
): Promise<Result<DeviceDescription, SensoriumError>> {
  const url = URL.canParse(location) ? new URL(location) : undefined;
  if (url === undefined || url.protocol !== 'http:' || url.username !== '' || url.password !== '')
    return refuse('its address is not an http URL');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 0 || host !== withoutZone(announcer))
    return refuse(`it is said to be at ${host.slice(0, 64)}, which did not announce it`);
  const late = AbortSignal.timeout(DESCRIPTION_TIMEOUT_MS);
  try {
    const body = await download(url, signal === undefined ? late : AbortSignal.any([signal, late]));
    return body.ok ? readDescription(body.value) : body;
  } catch (cause) {
    const isLate = late.aborted && signal?.aborted !== true;
    return refuse(
      isLate ? `it takes over ${DESCRIPTION_TIMEOUT_MS} ms` : `it cannot be fetched: ${String(cause)}`,
    );
  }
}

export function readDescription(text: string): Result<DeviceDescription, SensoriumError> {
  const xml = parseXml(text);
  if (!xml.ok) return refuse(xml.error);
  const device = childNamed(xml.value, 'device');
  if (xml.value.name !== 'root' || device === undefined) return refuse('it describes no device');
  const services = childNamed(device, 'serviceList')?.children ?? [];
  return ok({
    deviceType: childText(device, 'deviceType'),
    friendlyName: childText(device, 'friendlyName'),
    manufacturer: childText(device, 'manufacturer'),
    modelName: childText(device, 'modelName'),
    modelNumber: childText(device, 'modelNumber'),
    serialNumber: childText(device, 'serialNumber'),
    uuid: childText(device, 'UDN'),
    services: services.flatMap((service) => childText(service, 'serviceType') ?? []),
  });
}

async function download(url: URL, signal: AbortSignal): Promise<Result<string, SensoriumError>> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { accept: 'text/xml', 'accept-encoding': 'identity', connection: 'close' };
    get(url, { headers, signal, agent: false, maxHeaderSize: 16_384 }, resolve).on('error', reject);
  });
  try {
    const { statusCode = 0, headers } = response;
    if (statusCode !== 200) return refuse(`it is answered with status ${statusCode}`);
    if ((headers['content-encoding'] ?? 'identity') !== 'identity') return refuse('it is compressed');
    if (Number(headers['content-length'] ?? 0) > DESCRIPTION_MAX_BYTES) return tooLarge();
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > DESCRIPTION_MAX_BYTES) return tooLarge();
      chunks.push(chunk);
    }
    return ok(Buffer.concat(chunks).toString('utf8'));
  } finally {
    response.destroy();
  }
}

const tooLarge = (): Result<never, SensoriumError> => refuse(`it is over ${DESCRIPTION_MAX_BYTES} bytes`);
