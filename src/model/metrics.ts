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
  iot_devices_present: { type: 'gauge', help: 'Devices that were heard of, by presence', labels: ['state'] },
  iot_presence_transitions_total: {
    type: 'counter',
    help: 'Transitions of presence: told as events, and held back because a device flaps',
    labels: ['outcome'],
  },
  iot_twin_changes_total: { type: 'counter', help: 'Changes of twins', labels: ['part'] },
  iot_twin_reports_refused_total: {
    type: 'counter',
    help: 'Messages of devices that could not be their reported twin',
    labels: ['reason'],
  },
  iot_twins_due: { type: 'gauge', help: 'Devices that have not reported all that is desired', labels: [] },
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
  iot_memory_pool_bytes: {
    type: 'gauge',
    help: 'Memory pool: leased, the most ever leased, and all there is',
    labels: ['state'],
  },
  iot_memory_pool_leases: {
    type: 'gauge',
    help: 'Blocks of the memory pool in use',
    labels: ['block_bytes'],
  },
  iot_memory_pool_refused_total: {
    type: 'counter',
    help: 'Leases refused because the memory pool was exhausted',
    labels: [],
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
  iot_analysis_findings_total: {
    type: 'counter',
    help: 'Findings of the analysis that began or ended',
    labels: ['detector', 'state'],
  },
  iot_pipeline_lag_packets: {
    type: 'gauge',
    help: 'Committed packets that are not in history yet',
    labels: [],
  },
  iot_quarantine_packets: { type: 'gauge', help: 'Packets in the quarantine', labels: [] },
  iot_quarantine_bytes: { type: 'gauge', help: 'Payloads kept in the quarantine', labels: [] },
  iot_quarantine_left_total: {
    type: 'counter',
    help: 'Packets that left the quarantine: replayed, dropped by a person, trimmed by its bounds',
    labels: ['how'],
  },
  iot_ledger_unaccounted_total: {
    type: 'counter',
    help: 'Messages that were received and have no outcome, or have one and were not received; 0, or it is a bug',
    labels: [],
  },
  iot_windows_total: {
    type: 'counter',
    help: 'Declared windows told: closed, amended by late readings, withdrawn',
    labels: ['change'],
  },
  iot_window_late_readings_total: {
    type: 'counter',
    help: 'Readings stored that came too late for a window of theirs',
    labels: [],
  },
  iot_pipeline_stage_seconds: {
    type: 'histogram',
    help: 'Time of one message in a stage, of one message in 1,000',
    labels: ['stage'],
  },
  iot_pipeline_delay_seconds: {
    type: 'histogram',
    help: 'From the receipt of a message until it can be queried, of one message in 1,000',
    labels: [],
  },
  iot_store_commit_seconds: { type: 'histogram', help: 'Duration of a history commit', labels: [] },
  iot_scheduler_tasks_total: {
    type: 'counter',
    help: 'Tasks run on worker threads, by kind',
    labels: ['kind'],
  },
  iot_scheduler_taken_total: {
    type: 'counter',
    help: 'Tasks run, by where the worker had them from: its own lane, the global queue, another worker',
    labels: ['from'],
  },
  iot_scheduler_batches_total: { type: 'counter', help: 'Batches that ended, by kind', labels: ['kind'] },
  iot_scheduler_wait_seconds_total: {
    type: 'counter',
    help: 'Time from submission to the first task, all batches together, by kind',
    labels: ['kind'],
  },
  iot_scheduler_busy_seconds_total: {
    type: 'counter',
    help: 'Time worker threads spent on tasks',
    labels: [],
  },
  iot_scheduler_parked_total: { type: 'counter', help: 'Times a worker thread went to sleep', labels: [] },
  iot_scheduler_failed_tasks_total: { type: 'counter', help: 'Tasks that failed', labels: [] },
  iot_scheduler_lost_batches_total: {
    type: 'counter',
    help: 'Batches refused for lack of room, or cancelled',
    labels: ['reason'],
  },
  iot_scheduler_replaced_threads_total: {
    type: 'counter',
    help: 'Worker threads replaced, by what ended them',
    labels: ['reason'],
  },
  iot_scheduler_threads: { type: 'gauge', help: 'Worker threads at work', labels: [] },
  iot_scheduler_queued_batches: { type: 'gauge', help: 'Batches that no worker has begun', labels: [] },
  iot_history_bytes: {
    type: 'gauge',
    help: 'History on disk: in use and reusable in the database, write-ahead log, partitions',
    labels: ['part'],
  },
  iot_history_partitions: { type: 'gauge', help: 'Parquet partitions of history', labels: ['level'] },
  iot_history_thinned_total: {
    type: 'counter',
    help: 'Rows of history that are gone, by level and reason',
    labels: ['level', 'reason'],
  },
  iot_events_total: { type: 'counter', help: 'Events published', labels: ['type'] },
  iot_event_dead_letters_total: {
    type: 'counter',
    help: 'Events whose handler failed for good',
    labels: ['type'],
  },
  iot_auth_failures_total: { type: 'counter', help: 'Refused logins', labels: ['protocol', 'code'] },
  iot_devices: { type: 'gauge', help: 'Registered devices', labels: [] },
  iot_discovery_scanner_up: {
    type: 'gauge',
    help: '1 while the scanner runs; 0 where it is unavailable',
    labels: ['scanner'],
  },
  iot_discovery_sightings_total: {
    type: 'counter',
    help: 'Things seen by discovery, each time',
    labels: ['scanner'],
  },
  iot_discovery_dropped_total: {
    type: 'counter',
    help: 'Sightings dropped: over the rate, or without anything that identifies',
    labels: ['scanner', 'reason'],
  },
  iot_discovery_candidates: { type: 'gauge', help: 'Candidates in the inbox', labels: ['state'] },
  iot_discovery_admissions_total: {
    type: 'counter',
    help: 'Candidates that became devices, by who admitted them',
    labels: ['by'],
  },
  iot_commands_total: {
    type: 'counter',
    help: 'Commands that ended: answered, failed, expired',
    labels: ['outcome'],
  },
  iot_commands_open: { type: 'gauge', help: 'Commands that have not ended', labels: [] },
  iot_command_seconds: {
    type: 'histogram',
    help: 'From the request of a command to the reply of its device',
    labels: [],
  },
  iot_command_replies_ignored_total: {
    type: 'counter',
    help: 'Replies that belong to no open command',
    labels: [],
  },
  iot_manager_up: { type: 'gauge', help: '1 when the manager is up', labels: ['manager'] },
  iot_manager_restarts_total: {
    type: 'counter',
    help: 'Restarts of a manager after a failure',
    labels: ['manager'],
  },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof rows;
export const METRICS: Readonly<Record<MetricName, MetricRow>> = rows;
