import { UNIT_MAX_CHARS } from '../../base/limits.ts';

/** Units as people and foreign projects write them, as UCUM codes (https://ucum.org). */
const UCUM: Readonly<Record<string, string>> = {
  '°C': 'Cel',
  C: 'Cel',
  '°F': '[degF]',
  F: '[degF]',
  K: 'K',
  '°': 'deg',
  lx: 'lx',
  lux: 'lx',
  Wh: 'W.h',
  kWh: 'kW.h',
  MWh: 'MW.h',
  VA: 'V.A',
  Ah: 'A.h',
  mAh: 'mA.h',
  mBar: 'mbar',
  mmHg: 'mm[Hg]',
  inHg: "[in_i'Hg]",
  psi: '[psi]',
  ppm: '[ppm]',
  ppb: '[ppb]',
  'm³': 'm3',
  'm³/h': 'm3/h',
  'm²': 'm2',
  'ft³': '[cft_i]',
  'µg/m³': 'ug/m3',
  'μg/m³': 'ug/m3',
  'mg/m³': 'mg/m3',
  'g/m³': 'g/m3',
  'µS/cm': 'uS/cm',
  'W/m²': 'W/m2',
  'm/s²': 'm/s2',
  kB: 'kBy',
  B: 'By',
};

/** Unknown units are kept as they are; what is no unit at all gives none. */
export function ucum(unit: unknown): string | undefined {
  if (typeof unit !== 'string') return undefined;
  const name = unit.trim();
  if (name === '' || name.length > UNIT_MAX_CHARS) return undefined;
  return Object.hasOwn(UCUM, name) ? UCUM[name] : name;
}
