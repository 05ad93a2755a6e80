/** Every metric the platform exposes, in one file. Labels have bounded values: never a device id. */
interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

const rows = {
  iot_requests_total: {
    type: 'counter',
    help: 'Requests handled: HTTP requests and MQTT packets',
    labels: ['protocol', 'status'],
  },
  iot_response_time_seconds: {
    type: 'histogram',
    help: 'Time to the answer of an HTTP request',
    labels: ['protocol', 'route'],
  },
  iot_memory_usage_bytes: {
    type: 'gauge',
    help: 'Memory: resident set of the process, and used memory of the host',
    labels: ['scope'],
  },
  iot_cpu_usage_percent: {
    type: 'gauge',
    help: 'CPU use since the last refresh, percent of one core for the process, of all for the host',
    labels: ['scope'],
  },
  iot_mqtt_connections: { type: 'gauge', help: 'Open MQTT connections', labels: ['listener'] },
  iot_mqtt_refused_connections_total: {
    type: 'counter',
    help: 'Connections that ended before MQTT began',
    labels: ['reason'],
  },
  iot_mqtt_sessions: { type: 'gauge', help: 'MQTT sessions, connected or kept', labels: [] },
  iot_mqtt_queued: { type: 'gauge', help: 'Messages that wait for an MQTT session', labels: [] },
  iot_mqtt_subscriptions: { type: 'gauge', help: 'MQTT subscriptions', labels: [] },
  iot_mqtt_retained: { type: 'gauge', help: 'Retained messages', labels: [] },
  iot_mqtt_received_total: { type: 'counter', help: 'PUBLISH packets received', labels: ['qos'] },
  iot_mqtt_delivered_total: { type: 'counter', help: 'PUBLISH packets sent to subscribers', labels: ['qos'] },
  iot_messages_dropped_total: { type: 'counter', help: 'Messages dropped, by reason', labels: ['reason'] },
  iot_bridge_up: { type: 'gauge', help: '1 when the bridge is connected', labels: ['bridge'] },
  iot_bridge_forwarded_total: {
    type: 'counter',
    help: 'Messages forwarded by a bridge',
    labels: ['bridge', 'direction'],
  },
  iot_bridge_dropped_total: {
    type: 'counter',
    help: 'Messages a bridge did not forward, by reason',
    labels: ['bridge', 'reason'],
  },
  iot_log_appended_total: { type: 'counter', help: 'Packets appended to the log', labels: [] },
  iot_log_committed_total: { type: 'counter', help: 'Packets committed to disk', labels: [] },
  iot_log_commits_total: { type: 'counter', help: 'Group commits', labels: [] },
  iot_log_commit_seconds: { type: 'histogram', help: 'Duration of a group commit', labels: [] },
  iot_log_bytes: { type: 'gauge', help: 'Size of the log on disk', labels: [] },
  iot_log_backlog_bytes: {
    type: 'gauge',
    help: 'Bytes of the log that its slowest consumer has not got; QoS 0 is shed at 75 % of the budget',
    labels: [],
  },
  iot_pipeline_packets_total: {
    type: 'counter',
    help: 'Packets through the pipeline, by outcome',
    labels: ['outcome'],
  },
  iot_pipeline_readings_total: { type: 'counter', help: 'Readings stored in history', labels: [] },
  iot_pipeline_rejections_total: {
    type: 'counter',
    help: 'Readings or packets refused, by code',
    labels: ['code'],
  },
  iot_pipeline_lag_packets: {
    type: 'gauge',
    help: 'Committed packets that are not in history yet',
    labels: [],
  },
  iot_store_commit_seconds: { type: 'histogram', help: 'Duration of a history commit', labels: [] },
  iot_events_total: { type: 'counter', help: 'Events published', labels: ['type'] },
  iot_event_dead_letters_total: {
    type: 'counter',
    help: 'Events whose handler failed for good',
    labels: ['type'],
  },
  iot_auth_failures_total: { type: 'counter', help: 'Refused logins', labels: ['protocol', 'code'] },
  iot_devices: { type: 'gauge', help: 'Registered devices', labels: [] },
  iot_manager_up: { type: 'gauge', help: '1 when the manager is up', labels: ['manager'] },
  iot_manager_restarts_total: {
    type: 'counter',
    help: 'Restarts of a manager after a failure',
    labels: ['manager'],
  },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof rows;
export const METRICS: Readonly<Record<MetricName, MetricRow>> = rows;
