/** Tables of neighbours as text: `/proc/net/arp`, and what `ip -6 neigh show` prints. */

export interface Neighbour {
  readonly ip: string;
  readonly mac: string;
  readonly interface: string;
}

/** Linux, Documentation/networking/ip-sysctl: flag 0x2 (ATF_COM) = the entry is complete. */
const ATF_COM = 0x2;
const TYPE_ETHERNET = 0x1;

export function parseArp(text: string): readonly Neighbour[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [ip, type, flags, mac, , device] = line.trim().split(/\s+/);
      if (ip === undefined || mac === undefined || device === undefined) return [];
      if (Number(type) !== TYPE_ETHERNET || (Number(flags) & ATF_COM) === 0) return [];
      return [{ ip, mac, interface: device }];
    });
}

/** States that say somebody is or was there; FAILED and INCOMPLETE have nobody. */
export function parseIpNeigh(text: string): readonly Neighbour[] {
  return text.split('\n').flatMap((line) => {
    const [, ip, device, mac] = /^(\S+) dev (\S+) lladdr ([0-9a-f:]{17})\b/.exec(line) ?? [];
    if (ip === undefined || device === undefined || mac === undefined) return [];
    if (/\b(FAILED|INCOMPLETE)\b/.test(line)) return [];
    return [{ ip: /^fe80:/i.test(ip) ? `${ip}%${device}` : ip, mac, interface: device }];
  });
}
