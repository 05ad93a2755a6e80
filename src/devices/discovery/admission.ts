/** The device a candidate becomes: what the person said first, what was suggested and seen after that. */
import { DEVICE_ID_MAX_CHARS } from '../../base/limits.ts';
import type { DeviceInput } from '../../model/device.ts';
import type { Candidate } from '../../model/discovery.ts';
import { deviceIdFromName } from '../../model/ids.ts';
import type { Admission } from '../../model/ports/discovery.ts';
import type { Registry } from '../../model/ports/registry.ts';

export function deviceInputOf(
  candidate: Candidate,
  admission: Admission,
  registry: Pick<Registry, 'get'>,
): DeviceInput {
  const { suggestion } = candidate;
  const { profile = suggestion?.profile, name = candidate.name, parent, gateway } = admission;
  const input: DeviceInput = {
    id: admission.id ?? freeId(candidate, registry),
    name,
    identifiers: known({
      mac: candidate.identifiers.mac?.[0],
      serial: candidate.identifiers.serial?.[0],
      uuid: candidate.identifiers.uuid?.[0],
    }),
    attributes: attributesOf(candidate),
  };
  if (profile !== undefined) input.profile = profile;
  if (parent !== undefined) input.parent = parent;
  if (gateway !== undefined) input.gateway = gateway;
  if (suggestion?.preset !== undefined) input.preset = suggestion.preset;
  return input;
}

/** From its name; where that is taken or none, with the candidate's own id, which is as good as unique. */
function freeId({ id, name }: Candidate, registry: Pick<Registry, 'get'>): string {
  const wanted = deviceIdFromName(name) ?? `found-${id}`;
  if (registry.get(wanted) === undefined) return wanted;
  return `${wanted.slice(0, DEVICE_ID_MAX_CHARS - id.length - 1)}-${id}`;
}

/** What identifies it in the field, for whoever looks for it later. */
function attributesOf({ manufacturer, model, identifiers }: Candidate): Record<string, string> {
  return known({ manufacturer, model, hostName: identifiers.hostName?.[0], address: identifiers.ip?.[0] });
}

const known = (facts: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== undefined));
