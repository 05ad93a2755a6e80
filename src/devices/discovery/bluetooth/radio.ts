/** The radio as a scanner needs it: opened, it hands over what it hears until it is closed. */
import type { ScannerCondition } from '../../../model/discovery.ts';
import type { Advertisement } from './advertisement.ts';

export interface Radio {
  /** Begins to listen; answers within BLE_START_MAX_MS, by a condition and never by a throw. Closed before it is opened again. */
  open(heard: (advertisement: Advertisement) => void): Promise<ScannerCondition>;
  /** As it is now: an adapter can be pulled out. */
  readonly condition: ScannerCondition;
  /** Idempotent; nothing is heard after it. */
  close(): Promise<void>;
}
