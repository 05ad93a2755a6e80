/**
 * The one table of errors: code → HTTP status, what it means, what to do. Codes are stable: scripts match on
 * them, docs/errors.md is checked against this table. Add rows; never rename one. Longer than other files may be: it is
 * one table.
 */
interface ErrorRow {
  readonly status: number;
  readonly title: string;
  /** The cure, said to the person who sees it. */
  readonly cure: string;
}

const rows = {
  // --- payloads and readings
  'payload.empty': { status: 400, title: 'Payload is empty', cure: 'Send at least one reading.' },
  'payload.too_large': {
    status: 413,
    title: 'Payload is too large',
    cure: 'Split it: 1 MiB per message, 8 MiB per HTTP batch.',
  },
  'payload.not_json': {
    status: 400,
    title: 'Payload is not valid JSON',
    cure: 'Check the JSON at the position named.',
  },
  'payload.not_utf8': { status: 400, title: 'Payload is not valid UTF-8', cure: 'Encode text as UTF-8.' },
  'payload.not_cbor': {
    status: 400,
    title: 'Payload is not valid CBOR',
    cure: 'Check the encoder; SenML/CBOR is RFC 8428.',
  },
  'payload.not_csv': {
    status: 400,
    title: 'Payload is not valid CSV',
    cure: 'First line: column names, one of them ts or time.',
  },
  'payload.not_senml': {
    status: 400,
    title: 'Payload is not a valid SenML pack',
    cure: 'See RFC 8428, section 4.',
  },
  'payload.not_gzip': {
    status: 400,
    title: 'Payload is not valid gzip',
    cure: 'Send the whole compressed body, or none of Content-Encoding.',
  },
  'payload.shape': {
    status: 400,
    title: 'Payload has an unknown shape',
    cure: 'Use {"metric":value}, {"ts":ms,"values":{…}} or an array of these.',
  },
  'payload.too_deep': { status: 400, title: 'Payload is nested too deeply', cure: 'Send flat readings.' },
  'payload.too_many': { status: 413, title: 'Too many readings in one message', cure: 'Split the batch.' },
  'payload.unsupported_type': {
    status: 415,
    title: 'Content type is not supported',
    cure: 'Use application/json, application/x-ndjson, text/csv, application/senml+json or application/senml+cbor.',
  },
  'reading.name': {
    status: 422,
    title: 'Metric name is not allowed',
    cure: 'Use 1–128 letters, digits, _ - . : / or spaces; no control characters.',
  },
  'reading.reserved_name': {
    status: 422,
    title: 'Metric name is reserved',
    cure: '__proto__, constructor and prototype cannot be metrics.',
  },
  'reading.type': {
    status: 422,
    title: 'Value has the wrong type',
    cure: 'Send a JSON number for numeric metrics, not a string, object or null.',
  },
  'reading.not_finite': {
    status: 422,
    title: 'Value is not a finite number',
    cure: 'NaN and infinities are not readings; leave the metric out.',
  },
  'reading.out_of_range': {
    status: 422,
    title: 'Value is outside the range of the profile',
    cure: 'Check the sensor, or widen the range in the profile.',
  },
  'reading.unknown_metric': {
    status: 422,
    title: 'Metric is not in the profile',
    cure: 'Add it to the profile, or allow additional metrics there.',
  },
  'reading.text_too_long': {
    status: 422,
    title: 'Text value is too long',
    cure: 'Keep text values under 4,096 characters.',
  },
  'reading.timestamp': {
    status: 422,
    title: 'Timestamp is not usable',
    cure: 'Send milliseconds since 1970, after 2000-01-01 (or ISO 8601 in CSV).',
  },
  'reading.future': {
    status: 422,
    title: 'Timestamp is too far in the future',
    cure: 'Set the clock of the device (NTP); up to 24 h ahead is accepted.',
  },
  'reading.expression': {
    status: 422,
    title: 'Expression of the profile gives no value',
    cure: 'See why in the message; correct the expression in a new version of the profile.',
  },
  'reading.unit': {
    status: 422,
    title: 'Unit is not allowed',
    cure: 'Use a UCUM code of up to 64 characters: Cel, %, Pa, V, kW.h.',
  },
  'reading.too_many_metrics': {
    status: 422,
    title: 'Device has too many metrics',
    cure: 'Use fixed metric names: up to 1,000 per device. Put what varies into the value.',
  },
  'topic.unmapped': {
    status: 422,
    title: 'Topic carries no telemetry this device is known for',
    cure: 'Publish to v1/{device}/telemetry, or give the device its topic preset.',
  },
  'topic.invalid': {
    status: 400,
    title: 'Topic is not valid',
    cure: 'No wildcards, NUL or empty name in a topic; 1,024 bytes and 32 levels at most.',
  },
  'gateway.child_foreign': {
    status: 403,
    title: 'Child device belongs to another gateway',
    cure: 'Move the device to this gateway first.',
  },
  'gateway.required': {
    status: 403,
    title: 'Device may not speak for others',
    cure: 'Register it as a gateway (gateway: true), or set it as the parent of the child.',
  },
  'gateway.cycle': {
    status: 409,
    title: 'Gateways cannot hang on each other in a circle',
    cure: 'Choose a parent that is not below this device.',
  },
  'gateway.too_many_children': {
    status: 422,
    title: 'Gateway has too many children',
    cure: 'Use another gateway: up to 10,000 children each.',
  },

  // --- quarantine
  'quarantine.unknown': {
    status: 404,
    title: 'Packet is not in the quarantine',
    cure: 'It was replayed, dropped, or made room for newer ones. List those there are: sensorium quarantine list.',
  },
  'quarantine.busy': {
    status: 503,
    title: 'The quarantine is being replayed',
    cure: 'Wait until that is done, and try again.',
  },
  'quarantine.no_payload': {
    status: 422,
    title: 'The packet was kept without its payload',
    cure: 'It is larger than 1 MiB, or from a version that kept none: send it again, then drop it here.',
  },
  'quarantine.derived': {
    status: 422,
    title: 'Only derived values of the packet were refused',
    cure: 'They are not computed again; the values they come from are stored. Drop the packet.',
  },
  'quarantine.changed': {
    status: 422,
    title: 'The packet is read differently today',
    cure: 'Which of its values are stored cannot be told any more: look at it (sensorium quarantine show), then drop it.',
  },

  // --- mqtt clients
  'client.unknown': {
    status: 404,
    title: 'There is no such MQTT client',
    cure: 'List those there are: sensorium clients list. An id ends with its session.',
  },

  // --- devices and profiles
  'device.unknown': {
    status: 404,
    title: 'Device is not registered',
    cure: 'Register it: sensorium devices add ID.',
  },
  'device.exists': {
    status: 409,
    title: 'Device is registered already',
    cure: 'Choose another id, or update the device.',
  },
  'device.id_invalid': {
    status: 400,
    title: 'Device id is not allowed',
    cure: 'Use 1–128 letters, digits, . _ : - starting with a letter or digit.',
  },
  'device.version_conflict': {
    status: 412,
    title: 'Device was changed meanwhile',
    cure: 'Read it again and repeat the change.',
  },
  'twin.version_conflict': {
    status: 412,
    title: 'Twin was changed meanwhile',
    cure: 'Read that part again and repeat the change.',
  },
  'twin.invalid': {
    status: 422,
    title: 'Twin cannot be this',
    cure: 'Send a JSON object: 32 KiB, 512 properties and the depth named at most, names in plain text.',
  },
  'twin.busy': { status: 503, title: 'Too many twins change at once', cure: 'Try again in a second.' },
  'device.has_children': {
    status: 409,
    title: 'Gateway still has children',
    cure: 'Remove or move its children first.',
  },
  'device.too_many': {
    status: 507,
    title: 'Too many devices',
    cure: 'Remove devices that are gone; one server keeps up to 250,000.',
  },
  'device.too_many_tokens': {
    status: 409,
    title: 'Device has too many tokens',
    cure: 'Revoke its tokens and make a new one.',
  },
  'candidate.unknown': {
    status: 404,
    title: 'There is no such candidate',
    cure: 'List those there are: sensorium discover. One unseen for long makes room for newer ones.',
  },
  'candidate.admitted': {
    status: 409,
    title: 'Candidate is a device already',
    cure: 'Remove the device first, or leave it as it is.',
  },
  'candidate.blocked': {
    status: 409,
    title: 'Candidate is blocked',
    cure: 'Forget the block first: sensorium discover forget ID.',
  },
  'candidate.too_many': {
    status: 507,
    title: 'Too many decisions about candidates',
    cure: 'Forget some: sensorium discover list --state ignored.',
  },
  'discovery.payload_refused': {
    status: 422,
    title: 'A Bluetooth advertisement is not what it claims to be',
    cure: 'Update the firmware of the device, if it is yours: it still counts as seen, its values do not.',
  },
  'discovery.description_refused': {
    status: 422,
    title: 'The description of a found device is refused',
    cure: 'Nothing to do unless the device is yours: its announcement still counts, its description does not.',
  },
  'device.identity_taken': {
    status: 409,
    title: 'Another device is known by this identifier',
    cure: 'Find it with GET /api/v1/devices?identifier=…, and remove the one that is wrong.',
  },
  'group.unknown': {
    status: 404,
    title: 'There is no such group',
    cure: 'List those there are, or make it: sensorium devices group add GROUP.',
  },
  'group.in_use': {
    status: 409,
    title: 'Devices are in this group',
    cure: 'Take them out first: sensorium devices list --group GROUP.',
  },
  'group.too_many': {
    status: 507,
    title: 'Too many groups',
    cure: 'Remove groups, or use tags: these need not be made.',
  },
  'registry.unavailable': {
    status: 503,
    title: 'The device registry cannot write',
    cure: 'Try again in a moment; see the server log if it stays so.',
  },
  'profile.unknown': { status: 404, title: 'Profile is not known', cure: 'See GET /api/v1/profiles.' },
  'profile.invalid': {
    status: 400,
    title: 'Profile is not valid',
    cure: 'See the schema in /api/openapi.json.',
  },
  'profile.in_use': {
    status: 409,
    title: 'Devices have this profile',
    cure: 'Give them another one first: sensorium devices list --profile PROFILE.',
  },
  'profile.built_in': {
    status: 409,
    title: 'Profile comes with the platform',
    cure: 'Leave it; a profile that no device has changes nothing.',
  },
  'profile.exists': {
    status: 409,
    title: 'Profile version exists already',
    cure: 'Raise the version; versions are never changed.',
  },

  // --- commands
  'command.unknown': {
    status: 404,
    title: 'The profile has no such command',
    cure: 'See the commands of the profile: GET /api/v1/profiles/{id}. One that lists none takes any.',
  },
  'command.arguments': {
    status: 422,
    title: 'Arguments of the command are not valid',
    cure: 'Correct the argument named; the profile has their schema.',
  },
  'command.queue_full': {
    status: 429,
    title: 'Too many commands are open',
    cure: 'Wait for replies, or cancel some: 100 for one device, 50,000 in all.',
  },
  'command.not_found': {
    status: 404,
    title: 'There is no such command request',
    cure: 'Only the last 20,000 that ended are kept.',
  },
  'command.ended': {
    status: 409,
    title: 'The command has ended',
    cure: 'Nothing to do: its state says how.',
  },
  'command.expired': {
    status: 504,
    title: 'The device did not answer',
    cure: 'See whether it is connected and subscribes to v1/{device}/commands/#; give it more time with timeout and expiry.',
  },

  'expression.invalid': {
    status: 400,
    title: 'Expression is not valid',
    cure: 'Correct it at the character named. Numbers are doubles: write 2.0, not 2. See docs/profiles.md.',
  },
  'expression.too_costly': {
    status: 400,
    title: 'Expression could take too long',
    cure: 'Make it shorter: 1,000 characters, 256 parts, lists of 64, two loops inside each other.',
  },

  // --- security
  'auth.required': {
    status: 401,
    title: 'Credentials are missing',
    cure: 'Send Authorization: Bearer with a device token or a JWT.',
  },
  'auth.invalid': {
    status: 401,
    title: 'Credentials are not valid',
    cure: 'Check the id and its token; make a new one with sensorium devices credentials ID.',
  },
  'auth.expired': { status: 401, title: 'Token has expired', cure: 'Get a new one: sensorium token.' },
  'auth.locked': {
    status: 429,
    title: 'Too many failed logins',
    cure: 'Wait a minute and check the credentials.',
  },
  'auth.unavailable': {
    status: 503,
    title: 'Credentials cannot be checked',
    cure: 'Try again in a moment; see the server log if it stays so.',
  },
  'auth.forbidden': { status: 403, title: 'Not allowed', cure: 'Use an identity that has this right.' },

  // --- requests
  'request.invalid': {
    status: 400,
    title: 'Request is not valid',
    cure: 'See the named field and /api/openapi.json.',
  },
  'request.not_found': {
    status: 404,
    title: 'There is nothing here',
    cure: 'See /api/openapi.json for the paths.',
  },
  'request.rate_limited': {
    status: 429,
    title: 'Too many requests',
    cure: 'Slow down; see the Retry-After header.',
  },
  'request.timeout': {
    status: 408,
    title: 'Request took too long',
    cure: 'Send it faster, or in smaller parts.',
  },
  'request.method': {
    status: 405,
    title: 'Method is not allowed here',
    cure: 'Use one of the methods in the Allow header.',
  },
  'request.headers_too_large': {
    status: 431,
    title: 'Request headers are too large',
    cure: 'Send at most 16 KiB of headers.',
  },
  'request.busy': {
    status: 503,
    title: 'Too many of these at once',
    cure: 'Wait for the seconds in the Retry-After header and try again.',
  },
  'server.stopping': { status: 503, title: 'The server is stopping', cure: 'Try again when it is back.' },
  'query.invalid': { status: 400, title: 'Query is not valid', cure: 'See the named parameter.' },
  'query.too_wide': {
    status: 422,
    title: 'Query would return too much',
    cure: 'Narrow the time range, raise the interval or lower the limit.',
  },
  'query.timeout': {
    status: 504,
    title: 'Query took too long',
    cure: 'Narrow the time range or use an interval.',
  },
  'query.busy': { status: 503, title: 'Too many queries at once', cure: 'Try again in a moment.' },

  // --- memory
  'memory.exhausted': {
    status: 503,
    title: 'The memory pool has no free block',
    cure: 'Slow down and try again; nothing that was acknowledged is affected.',
  },

  // --- scheduler
  'scheduler.full': {
    status: 503,
    title: 'Too many batches wait for a worker',
    cure: 'Slow down and submit again; see iot_scheduler_queued_batches.',
  },
  'scheduler.cancelled': {
    status: 503,
    title: 'The batch was cancelled',
    cure: 'Nothing to do: its caller no longer wanted it.',
  },
  'scheduler.stopped': {
    status: 503,
    title: 'The scheduler has stopped',
    cure: 'Try again when the server is back.',
  },
  'scheduler.timeout': {
    status: 504,
    title: 'A task ran for too long',
    cure: 'Split the work, or look for a loop in the expression or payload it worked on.',
  },
  'scheduler.crashed': {
    status: 500,
    title: 'A task ended its worker thread twice',
    cure: 'See the server log; what it worked on may have been too large for its memory.',
  },
  'scheduler.task_failed': {
    status: 500,
    title: 'A task failed',
    cure: 'See the message; this is a bug unless it names your input.',
  },
  'scheduler.failed': {
    status: 500,
    title: 'Worker threads cannot be started',
    cure: 'See the server log; check memory and the installation.',
  },

  // --- log, store, disk
  'log.full': {
    status: 507,
    title: 'The log has used its disk budget',
    cure: 'Raise log.maxBytes, or find out why history lags (sensorium doctor).',
  },
  'log.congested': {
    status: 503,
    title: 'The disk does not keep up',
    cure: 'Slow down and try again; nothing that was acknowledged is affected.',
  },
  'log.shedding': {
    status: 503,
    title: 'QoS 0 is shed: history lags far behind, or the disk is nearly full',
    cure: 'Send with QoS 1, or slow down; `sensorium doctor` says what lags.',
  },
  'log.failed': { status: 503, title: 'The log cannot write', cure: 'See the server log; check the disk.' },
  'log.corrupt': {
    status: 500,
    title: 'A log block fails its checksum',
    cure: 'Restore from a backup; do not delete the data directory.',
  },
  'disk.full': {
    status: 507,
    title: 'The disk is full',
    cure: 'Free some space; the server goes on by itself.',
  },
  'store.failed': {
    status: 503,
    title: 'History cannot be opened or written',
    cure: 'Messages stay safe in the log. See the server log; nothing was deleted.',
  },
  'state.failed': {
    status: 503,
    title: 'Settings and registry cannot be written',
    cure: 'See the server log; check the disk.',
  },
  'store.unavailable': { status: 503, title: 'History is restarting', cure: 'Try again in a moment.' },
  'data_dir.unwritable': {
    status: 500,
    title: 'The data directory cannot be written',
    cure: 'Fix its owner and rights, or name another with --data-dir.',
  },
  'data_dir.newer': {
    status: 500,
    title: 'The data directory was written by a newer version',
    cure: 'Update Sensorium, or name another directory with --data-dir.',
  },
  'data_dir.in_use': {
    status: 500,
    title: 'Another Sensorium uses this data directory',
    cure: 'Stop it first, or name another directory with --data-dir.',
  },
  'data_dir.corrupt': {
    status: 500,
    title: 'The data directory is damaged',
    cure: 'Restore from a backup; nothing was changed or deleted.',
  },

  // --- starting
  'config.invalid': {
    status: 500,
    title: 'Configuration is not valid',
    cure: 'Correct the line named; the allowed values are listed.',
  },
  'port.taken': {
    status: 500,
    title: 'The port is taken',
    cure: 'Stop the other program, or choose another port (0 = any free one, off = none).',
  },
  'port.denied': {
    status: 500,
    title: 'The port may not be opened',
    cure: 'Choose a port above 1023, or give the right to bind it.',
  },
  'manager.failed': {
    status: 500,
    title: 'A part of the system keeps failing',
    cure: 'See the cause in the message and the server log.',
  },
  'server.unreachable': {
    status: 503,
    title: 'No running server was found',
    cure: 'Start it with npm start, or name it with --url.',
  },
  'file.unreadable': {
    status: 400,
    title: 'The file cannot be read',
    cure: 'Check its path and your rights.',
  },
  'file.unwritable': {
    status: 500,
    title: 'The file cannot be written',
    cure: 'Check the path, your rights and the free space.',
  },
  'event.unknown_type': {
    status: 500,
    title: 'Event type is not known',
    cure: 'Use a type of the event map.',
  },
  internal: {
    status: 500,
    title: 'Unexpected error',
    cure: 'This is a bug; please report it with the server log.',
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof rows;
export const ERRORS: Readonly<Record<ErrorCode, ErrorRow>> = rows;
