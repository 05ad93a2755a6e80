import { describe, expect, it } from 'vitest';
import { ERRORS } from '../model/errors.ts';
import { runApi } from './test-support.ts';

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: object; readonly securitySchemes: object };
}

const ROUTES = [
  'DELETE /api/v1/candidates/{id}',
  'DELETE /api/v1/clients/{id}',
  'DELETE /api/v1/commands/{request}',
  'DELETE /api/v1/devices/{id}',
  'DELETE /api/v1/devices/{id}/credentials',
  'DELETE /api/v1/groups/{id}',
  'DELETE /api/v1/profiles/{id}',
  'DELETE /api/v1/quarantine',
  'DELETE /api/v1/quarantine/{offset}',
  'GET /api/openapi.json',
  'GET /api/v1/bulk/devices',
  'GET /api/v1/candidates',
  'GET /api/v1/candidates/{id}',
  'GET /api/v1/clients',
  'GET /api/v1/clients/{id}',
  'GET /api/v1/commands/{request}',
  'GET /api/v1/dead-letters',
  'GET /api/v1/devices',
  'GET /api/v1/devices/{id}',
  'GET /api/v1/devices/{id}/commands',
  'GET /api/v1/devices/{id}/history',
  'GET /api/v1/devices/{id}/latest',
  'GET /api/v1/devices/{id}/presence',
  'GET /api/v1/devices/{id}/telemetry',
  'GET /api/v1/devices/{id}/twin',
  'GET /api/v1/devices/{id}/twin/history',
  'GET /api/v1/devices/{id}/windows',
  'GET /api/v1/discovery',
  'GET /api/v1/events',
  'GET /api/v1/groups',
  'GET /api/v1/groups/{id}',
  'GET /api/v1/ledger',
  'GET /api/v1/live',
  'GET /api/v1/profiles',
  'GET /api/v1/profiles/{id}',
  'GET /api/v1/quarantine',
  'GET /api/v1/quarantine/{offset}',
  'GET /api/v1/retention',
  'GET /api/v1/retention/preview',
  'GET /api/v1/system',
  'GET /api/v1/telemetry/latest',
  'GET /api/v1/telemetry/top',
  'GET /api/v1/traces',
  'GET /healthz',
  'GET /metrics',
  'GET /readyz',
  'PATCH /api/v1/devices/{id}',
  'PATCH /api/v1/devices/{id}/twin',
  'PATCH /api/v1/devices/{id}/twin/reported',
  'POST /api/v1/bulk/devices',
  'POST /api/v1/candidates/{id}/admit',
  'POST /api/v1/candidates/{id}/block',
  'POST /api/v1/candidates/{id}/ignore',
  'POST /api/v1/devices',
  'POST /api/v1/devices/{id}/commands/{name}',
  'POST /api/v1/devices/{id}/credentials',
  'POST /api/v1/devices/{id}/telemetry',
  'POST /api/v1/discovery/scan',
  'POST /api/v1/groups',
  'POST /api/v1/login',
  'POST /api/v1/profiles',
  'POST /api/v1/quarantine/replay',
  'POST /api/v1/tokens',
  'PUT /api/v1/devices/{id}/twin/desired',
];

async function fetchDocument(): Promise<Document> {
  await using api = await runApi();
  const [first, second] = await Promise.all([
    fetch(`${api.url}/api/openapi.json`),
    fetch(`${api.url}/api/openapi.json`),
  ]);
  const text = await first.text();
  expect(await second.text()).toBe(text);
  return JSON.parse(text) as Document;
}

const operationsOf = ({ paths }: Document): (readonly [string, Operation])[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => [`${method.toUpperCase()} ${path}`, one] as const),
  );

/** Every value of a key, anywhere. */
function collect(value: unknown, key: string): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === key ? [inner] : collect(inner, key)));
}

function resolve(document: unknown, pointer: string): unknown {
  return pointer
    .slice(2)
    .split('/')
    .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
}

describe('the OpenAPI document', () => {
  it('is 3.1 and lists every route of the contract, and no other', async () => {
    const document = await fetchDocument();
    expect(document.openapi).toBe('3.1.0');
    expect(document.info).toMatchObject({ title: 'Sensorium', version: '9.9.9' });
    expect(
      operationsOf(document)
        .map(([name]) => name)
        .toSorted(),
    ).toEqual(ROUTES);
  });

  it('resolves every reference', async () => {
    const document = await fetchDocument();
    const references = collect(document, '$ref');
    expect(references.length).toBeGreaterThan(50);
    for (const reference of references) {
      expect(reference).toMatch(/^#\/components\/schemas\//);
      expect(resolve(document, String(reference))).toBeTypeOf('object');
    }
  });

  it('describes each operation, its path parameters, and its errors as problems', async () => {
    const document = await fetchDocument();
    for (const [name, one] of operationsOf(document)) {
      expect([name, typeof one.summary, typeof one.description, one.tags?.length]).toEqual([
        name,
        'string',
        'string',
        1,
      ]);
      const inPath = one.parameters
        ?.filter((parameter) => parameter.in === 'path')
        .map((parameter) => parameter.name);
      expect([name, inPath ?? []]).toEqual([
        name,
        [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter),
      ]);
      const open = one.security?.length === 0;
      expect([name, '401' in one.responses]).toEqual([name, !open || name === 'POST /api/v1/login']);
      for (const [status, { description, content }] of Object.entries(one.responses)) {
        if (Number(status) < 400 || name === 'GET /readyz') continue;
        expect(content).toEqual({
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        });
        for (const [, code] of description.matchAll(/`([a-z_.]+)`/g)) {
          expect(ERRORS).toHaveProperty([code ?? '', 'status'], Number(status));
        }
      }
    }
  });

  it('names what telemetry may be sent as', async () => {
    const { paths } = await fetchDocument();
    const { requestBody } = paths['/api/v1/devices/{id}/telemetry']?.['post'] ?? {};
    expect(Object.keys(requestBody?.content ?? {})).toEqual([
      'application/json',
      'application/x-ndjson',
      'text/csv',
      'application/senml+json',
      'application/senml+cbor',
    ]);
  });
});
