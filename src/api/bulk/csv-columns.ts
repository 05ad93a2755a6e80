import type { Device } from '../../model/device.ts';
import { problem } from '../../model/errors.ts';
import type { DeviceRow } from './device-row.ts';

/**
 * Devices as rows of a table. Columns: id, name, profile, gateway, parent, preset, topicBase, tags and groups (with ;
 * between), attributes (JSON), attributes.NAME (text, number, true or false), identifiers.SCHEME. What is read is what was
 * written.
 */
const TEXTS = ['id', 'name', 'profile', 'parent', 'preset', 'topicBase'] as const;
const LISTS = ['tags', 'groups'] as const;
export const COLUMNS = [...TEXTS, 'gateway', ...LISTS, 'identifiers', 'attributes'] as const;
const BETWEEN = ';';

type Cell = { readonly value: unknown } | { readonly fault: string };
type Reader = (cell: string) => Cell;

interface Column {
  /** Field of the device, and the name inside it. */
  readonly field: string;
  readonly name?: string | undefined;
  readonly read: Reader;
}

export type Header = readonly Column[];

/** Throws SensoriumError `payload.not_csv`: a column that means nothing is a mistake, not something to ignore. */
export function readHeader(cells: readonly string[]): Header {
  const header = cells.map((cell) => columnOf(cell.trim()));
  if (!header.some(({ field }) => field === 'id'))
    throw problem('payload.not_csv', 'There is no column "id"');
  const names = header.map(({ field, name = '' }) => `${field}.${name}`);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw problem('payload.not_csv', `Column "${twice}" is there twice`);
  return header;
}

export function csvDevice(
  { line, cells }: { line: number; cells: readonly string[] },
  header: Header,
): DeviceRow {
  if (cells.length > header.length) return { line, fault: 'more cells than columns' };
  const device: Record<string, unknown> = {};
  for (const [at, { field, name, read }] of header.entries()) {
    const cell = cells[at] ?? '';
    if (cell === '') continue;
    const taken = read(cell);
    if ('fault' in taken) return { line, fault: `${field}: ${taken.fault}` };
    const inner = device[field];
    if (name === undefined) device[field] = taken.value;
    else device[field] = { ...(isRecord(inner) ? inner : {}), [name]: taken.value };
  }
  return { line, input: device };
}

/** A device as the cells of COLUMNS. */
export const csvCells = (device: Device): readonly string[] =>
  COLUMNS.map((column) => {
    const value = device[column];
    if (value === undefined || value === false) return '';
    if (Array.isArray(value)) return value.join(BETWEEN);
    if (typeof value === 'object') return Object.keys(value).length === 0 ? '' : JSON.stringify(value);
    return String(value);
  });

function columnOf(title: string): Column {
  const [field = '', ...rest] = title.split('.');
  if (rest.length > 0) return innerColumn(field, rest.join('.'), title);
  if (TEXTS.some((name) => name === field)) return { field, read: asText };
  if (LISTS.some((name) => name === field)) return { field, read: asList };
  if (field === 'gateway') return { field, read: asFlag };
  if (field === 'attributes' || field === 'identifiers') return { field, read: asRecord };
  throw problem(
    'payload.not_csv',
    `Column "${title.slice(0, 64)}" is not known; there are ${COLUMNS.join(', ')}`,
  );
}

function innerColumn(field: string, name: string, title: string): Column {
  if (field === 'attributes') return { field, name, read: asScalar };
  if (field === 'identifiers') return { field, name, read: asText };
  throw problem(
    'payload.not_csv',
    `Column "${title.slice(0, 64)}" is not known; there are attributes.NAME, identifiers.SCHEME`,
  );
}

const asText: Reader = (value) => ({ value });
const asList: Reader = (cell) => ({
  value: cell
    .split(BETWEEN)
    .map((one) => one.trim())
    .filter((one) => one !== ''),
});
const asFlag: Reader = (cell) => {
  const isFlag = /^(?:true|false|1|0|yes|no)$/i.test(cell);
  return isFlag
    ? { value: /^(?:true|1|yes)$/i.test(cell) }
    : { fault: `"${cell.slice(0, 32)}" is neither true nor false` };
};
const asRecord: Reader = (cell) => {
  try {
    const value: unknown = JSON.parse(cell);
    return isRecord(value) ? { value } : { fault: 'no JSON object' };
  } catch {
    return { fault: 'no JSON object' };
  }
};
const asScalar: Reader = (cell) => {
  if (cell === 'true' || cell === 'false') return { value: cell === 'true' };
  // What would come back as another text stays text: 007, 1e3, a number of 20 digits.
  return { value: String(Number(cell)) === cell ? Number(cell) : cell };
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
