/**
 * Checks untrusted input against a schema of the model. The checker is loaded with the first write: a server that
 * only reads its registry starts without it (60 ms).
 * Returns what is wrong in one line, undefined when nothing is.
 */
export async function schemaFault(schema: object, input: unknown): Promise<string | undefined> {
  const { Check, Errors } = await import('typebox/schema');
  if (Check(schema, input)) return undefined;
  const first = Errors(schema, input)[1].find((error) => error.message !== 'schema is false');
  if (first === undefined) return 'does not match the schema';
  const field = first.instancePath === '' ? '' : `${first.instancePath.slice(1, 65)}: `;
  const extra =
    first.keyword === 'additionalProperties'
      ? ` (${first.params.additionalProperties.slice(0, 3).join(', ')})`
      : '';
  return `${field}${first.message}${extra}`;
}
