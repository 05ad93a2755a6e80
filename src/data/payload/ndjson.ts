import { BATCH_MAX_ITEMS, JSON_FAULTS_EXPLAINED_MAX } from '../../base/limits.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { tooManyItems } from './bounds.ts';
import { emitItem, readJson } from './json.ts';
import type { ValueSink } from './sink.ts';

/**
 * Newline-delimited JSON: one item per line, in either JSON form. A bad line is one rejection; its neighbours
 * count. Items are numbered without the blank lines; messages name the line as an editor does.
 */
export function decodeNdjson(text: string, sink: ValueSink): SensoriumError | undefined {
  let index = 0;
  let line = 0;
  let faults = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const content = text.slice(start, end);
    start = end + 1;
    line += 1;
    // White space around a value, a carriage return too, is JSON's own business.
    if (content.trim() === '') continue;
    if (index === BATCH_MAX_ITEMS) return tooManyItems();
    const read = readJson(content, faults < JSON_FAULTS_EXPLAINED_MAX);
    const fault = 'root' in read ? emitItem(index, read.root, sink) : read;
    if (fault !== undefined) {
      faults += 1;
      sink.reject(index, fault[0], `line ${line}: ${fault[1]}`);
    }
    index += 1;
  }
  return index === 0 ? problem('payload.empty', 'there is no line with an item') : undefined;
}
