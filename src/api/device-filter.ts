import type { DeviceQuery } from '../model/ports/registry.ts';
import { shortText } from './schemas.ts';

/** Which devices a request is about: the query parameters of lists and exports. */
export interface FilterParameters {
  readonly text?: string;
  readonly parent?: string;
  readonly profile?: string;
  readonly tag?: readonly string[];
  readonly group?: string;
  readonly identifier?: string;
}

export const FILTER_PARAMETERS = {
  text: shortText('Part of id or name'),
  parent: shortText('Children of this gateway'),
  profile: shortText('Devices with this profile'),
  tag: {
    type: 'array',
    items: { type: 'string', maxLength: 256 },
    maxItems: 16,
    description: 'Devices with this tag; given more than once: with all of them',
  },
  group: shortText('Devices in this group'),
  identifier: shortText('The device known by this, such as mac:aa:bb:cc:dd:ee:ff'),
} as const;

export const filterOf = ({
  text,
  parent,
  profile,
  tag: tags,
  group,
  identifier,
}: FilterParameters): DeviceQuery => ({ text, parent, profile, tags, group, identifier });
