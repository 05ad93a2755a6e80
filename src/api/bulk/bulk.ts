/** Many devices at once: files in and out, as streams. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { csvLine } from '../../base/csv.ts';
import { DEVICE_PAGE_MAX, GATEWAY_DEPTH_MAX, IMPORT_MAX_BYTES, IMPORTS_AT_ONCE } from '../../base/limits.ts';
import { principalOf } from '../../communication/http/door.ts';
import { describeRoute } from '../../communication/http/route-schema.ts';
import type { Device } from '../../model/device.ts';
import { asSensoriumError, problem } from '../../model/errors.ts';
import type { DeviceQuery } from '../../model/ports/registry.ts';
import { principalKey } from '../../model/ports/security.ts';
import type { SystemFacade } from '../../model/ports/system.ts';
import { FILTER_PARAMETERS, type FilterParameters, filterOf } from '../device-filter.ts';
import { COLUMNS, csvCells } from './csv-columns.ts';
import { EXISTING, Importer, type ImportOptions } from './importer.ts';
import { readRows, type TableFormat } from './rows.ts';

const PATH = '/api/v1/bulk/devices';
const FORMATS: Readonly<Record<string, TableFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
};
const MEDIA_TYPES = { json: 'application/json', ndjson: 'application/x-ndjson', csv: 'text/csv' } as const;
const text = { type: 'string' } as const;

const IMPORT_QUERY = {
  existing: { enum: EXISTING, description: 'What becomes of a device that is there; default refuse' },
  dryRun: { type: 'boolean', description: 'Only say what would come of it' },
  tokens: { type: 'boolean', description: 'Make a token for each device that is added; shown only now' },
  report: { enum: ['all', 'refused'], description: 'Rows that are told of; default all. With tokens: all' },
} as const;

type ImportQuery = Partial<Pick<ImportOptions, 'existing' | 'dryRun' | 'tokens'>> & {
  readonly report?: 'all' | 'refused';
};

export async function bulkRoutes(app: FastifyInstance, facade: SystemFacade): Promise<void> {
  exportRoute(app, facade);
  await app.register(async (door) => {
    door.removeAllContentTypeParsers();
    // The body is read row by row, by whom it is for.
    door.addContentTypeParser(Object.keys(FORMATS), (_request, payload, done) => done(null, payload));
    importRoute(door, facade);
  });
}

function importRoute(app: FastifyInstance, facade: SystemFacade): void {
  let running = 0;
  app.post<{ Querystring: ImportQuery; Body: unknown }>(
    PATH,
    {
      config: { access: 'devices.write', stream: true },
      schema: describeRoute({
        summary: 'Import devices',
        description:
          'One device per line, array element or row; answers one line of JSON per row while it reads, and a last ' +
          'one with `summary`, or with `error` where the rest of the file could not be read.',
        tag: 'devices',
        query: IMPORT_QUERY,
        consumes: { 'application/json': { type: 'array' }, 'application/x-ndjson': text, 'text/csv': text },
        answers: { 200: { description: 'What became of each row', content: { [MEDIA_TYPES.ndjson]: text } } },
        errors: ['payload.empty', 'payload.unsupported_type', 'request.busy'],
      }),
    },
    async (request, reply) => {
      const { body } = request;
      if (!(body instanceof Readable))
        return await reply.send(problem('payload.empty', 'The request has no body'));
      if (running >= IMPORTS_AT_ONCE)
        return await reply.send(problem('request.busy', 'Other imports are running'));
      running += 1;
      reply.raw.once('close', () => {
        running -= 1;
      });
      const { existing = 'refuse', dryRun = false, tokens = false, report = 'all' } = request.query;
      const by = principalKey(principalOf(request));
      const importer = new Importer(facade, { existing, dryRun, tokens: tokens && !dryRun, by });
      const format = FORMATS[request.mediaType ?? ''] ?? 'ndjson';
      const lines = resultLines(importer, readRows(bounded(body), format), report === 'all' || tokens);
      return await sendLines(reply, MEDIA_TYPES.ndjson, lines);
    },
  );
}

/** The status is out when the file turns out to be bad: its last line says so. */
async function* resultLines(
  importer: Importer,
  rows: ReturnType<typeof readRows>,
  tellsAll: boolean,
): AsyncGenerator<string> {
  try {
    for await (const result of importer.run(rows))
      if (tellsAll || result.status === 'refused') yield `${JSON.stringify(result)}\n`;
  } catch (cause) {
    const { code, title, message: detail, cure } = asSensoriumError(cause);
    yield `${JSON.stringify({ error: { code, title, detail, cure }, summary: importer.summary })}\n`;
    return;
  }
  yield `${JSON.stringify({ summary: importer.summary })}\n`;
}

async function* bounded(body: Readable): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > IMPORT_MAX_BYTES) throw problem('payload.too_large', `More than ${IMPORT_MAX_BYTES} bytes`);
    yield chunk;
  }
}

function exportRoute(app: FastifyInstance, { registry }: SystemFacade): void {
  app.get<{ Querystring: FilterParameters & { readonly format?: TableFormat } }>(
    PATH,
    {
      exposeHeadRoute: false,
      config: { access: 'devices.read', stream: true },
      schema: describeRoute({
        summary: 'Export devices',
        description:
          'As an import takes them: gateways before their children, else by id. Credentials are not part of it.',
        tag: 'devices',
        query: {
          ...FILTER_PARAMETERS,
          format: { enum: Object.keys(MEDIA_TYPES), description: 'Default ndjson' },
        },
        answers: {
          200: {
            description: 'One device per line, array element or row',
            content: { [MEDIA_TYPES.ndjson]: text, 'application/json': { type: 'array' }, 'text/csv': text },
          },
        },
      }),
    },
    async (request, reply) => {
      const { format = 'ndjson' } = request.query;
      void reply.header('content-disposition', `attachment; filename="devices.${format}"`);
      const pages = devicePages(registry, filterOf(request.query));
      return await sendLines(reply, MEDIA_TYPES[format], exported(pages, format));
    },
  );
}

/** Gateways before those that hang on them, so that an import of it finds them: one walk for each depth there is. */
function* devicePages(registry: SystemFacade['registry'], filter: DeviceQuery): Generator<readonly Device[]> {
  let deepest = 0;
  for (let depth = 0; depth <= deepest; depth += 1) {
    let after: string | undefined;
    do {
      const page = registry.list({ ...filter, after, limit: DEVICE_PAGE_MAX });
      const depths = page.devices.map((device) => depthOf(device, registry));
      deepest = Math.max(deepest, ...depths);
      yield page.devices.filter((_, at) => depths[at] === depth);
      after = page.next;
    } while (after !== undefined);
  }
}

function depthOf(device: Device, registry: SystemFacade['registry']): number {
  let depth = 0;
  for (let at = device.parent; at !== undefined && depth < GATEWAY_DEPTH_MAX; at = registry.get(at)?.parent)
    depth += 1;
  return depth;
}

function* exported(pages: Iterable<readonly Device[]>, format: TableFormat): Generator<string> {
  if (format === 'csv') yield csvLine(COLUMNS);
  if (format === 'json') yield '[';
  let isFirst = true;
  for (const devices of pages) {
    const rows = devices.map((device) =>
      format === 'csv' ? csvLine(csvCells(device)) : JSON.stringify(plain(device)),
    );
    if (rows.length === 0) continue;
    if (format === 'json') yield `${isFirst ? '' : ','}\n${rows.join(',\n')}`;
    else yield rows.join(format === 'csv' ? '' : '\n') + (format === 'csv' ? '' : '\n');
    isFirst = false;
  }
  if (format === 'json') yield '\n]\n';
}

/** What an import takes: no times, no version. */
const plain = (device: Device): object => ({
  ...device,
  createdAt: undefined,
  updatedAt: undefined,
  version: undefined,
});

const sendLines = async (
  reply: FastifyReply,
  type: string,
  lines: Iterable<string> | AsyncIterable<string>,
): Promise<FastifyReply> => await reply.type(`${type}; charset=utf-8`).send(Readable.from(lines));
