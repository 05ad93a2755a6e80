/** SSDP messages (UPnP Device Architecture 2.0, 1.2 and 1.3): HTTP heads in one datagram each. */

export interface SsdpMessage {
  readonly kind: 'alive' | 'byebye' | 'answer' | 'search';
  /** Names in lower case; of a name that comes twice the first. */
  readonly headers: ReadonlyMap<string, string>;
}

const HEADERS_MAX = 64;

/** Undefined for whatever is no such message. Lines may end in LF alone, as some devices have it. */
export function parseSsdp(bytes: Uint8Array): SsdpMessage | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const [start = '', ...lines] = text.split(/\r?\n/, HEADERS_MAX + 1);
  const headers = new Map<string, string>();
  for (const line of lines) {
    if (line === '') break;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (name !== '' && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  const kind = kindOf(start, headers.get('nts'));
  return kind === undefined ? undefined : { kind, headers };
}

function kindOf(start: string, nts: string | undefined): SsdpMessage['kind'] | undefined {
  if (/^HTTP\/1\.[01] 200\b/i.test(start)) return 'answer';
  if (/^M-SEARCH \* HTTP\/1\.[01]/i.test(start)) return 'search';
  if (!/^NOTIFY \* HTTP\/1\.[01]/i.test(start)) return undefined;
  return nts === 'ssdp:alive' || nts === 'ssdp:update'
    ? 'alive'
    : nts === 'ssdp:byebye'
      ? 'byebye'
      : undefined;
}

/** [UDA 2.0, 1.3.2] `mx`: seconds within which devices spread their answers. */
export const searchMessage = (group: string, port: number, target: string, mx: number): Buffer =>
  Buffer.from(
    [
      'M-SEARCH * HTTP/1.1',
      `HOST: ${group}:${port}`,
      'MAN: "ssdp:discover"',
      `MX: ${mx}`,
      `ST: ${target}`,
      '',
      '',
    ].join('\r\n'),
    'latin1',
  );

/** USN: `uuid:device-UUID` or `uuid:device-UUID::type` [UDA 2.0, 1.2.2]. */
export function splitUsn(usn: string): {
  readonly uuid: string | undefined;
  readonly type: string | undefined;
} {
  const [, uuid, type] = /^uuid:([^:\s]{1,128})(?:::(.+))?$/i.exec(usn) ?? [];
  return { uuid, type };
}
