import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project folder, wherever the command was given. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const RUNTIME_DIR = join(ROOT, '.runtime');
export const MODULES_DIR = join(ROOT, 'node_modules');
