/**
 * Names that the Bluetooth SIG assigned: companies by their number, services by their 16-bit UUID. The list is shipped
 * (assigned-numbers.json, made by scripts/device-names.ts) and read when a scanner starts, not before.
 */
export interface AssignedNumbers {
  companyName(id: number): string | undefined;
  /** Lower case, 4 hexadecimal digits; other UUIDs have no assigned name. */
  serviceName(uuid: string): string | undefined;
}

export async function loadAssignedNumbers(): Promise<AssignedNumbers> {
  const { default: list } = await import('./assigned-numbers.json', { with: { type: 'json' } });
  const companies = new Map(Object.entries(list.companies));
  const services = new Map(Object.entries(list.services));
  return {
    companyName: (id) => companies.get(id.toString(16).padStart(4, '0')),
    serviceName: (uuid) => services.get(uuid),
  };
}
