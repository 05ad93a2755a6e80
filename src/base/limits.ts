/**
 * Every bound of the platform, with how it was found. Rooms import theirs from here; a queue, loop or wait
 * without a name in this file is a bug.
 */

// --- names -----------------------------------------------------------------------------------------------
/** Long enough for UUIDs, EUI-64 and host names; short enough to be a key everywhere. */
export const DEVICE_ID_MAX_CHARS = 128;
export const METRIC_NAME_MAX_CHARS = 128;
/** MQTT allows 65,535 bytes [MQTT-4.7.3-3]; nobody names things so, and each topic is cached and stored. */
export const TOPIC_MAX_BYTES = 1_024;
export const TOPIC_MAX_LEVELS = 32;

// --- packets ---------------------------------------------------------------------------------------------
/** One message, MQTT or HTTP item. The largest firmware-less payload seen in the field is far below 1 MiB. */
export const PACKET_MAX_BYTES = 1_048_576;
/** One HTTP body (a batch). */
export const HTTP_BODY_MAX_BYTES = 8 * 1_048_576;
/** Items of one HTTP batch or readings of one packet: what a stage handles without yielding (~20 ms). */
export const BATCH_MAX_ITEMS = 100_000;
export const READINGS_PER_PACKET_MAX = 100_000;
export const TEXT_VALUE_MAX_CHARS = 4_096;
/** Nested JSON beyond this is refused before it is walked. */
export const JSON_DEPTH_MAX = 16;
/** A clock that runs ahead by more than this is wrong; the reading goes to the quarantine. */
export const FUTURE_TOLERANCE_MS = 24 * 3_600_000;
/** Milliseconds before this (2000-01-01) are seconds given by mistake, or an unset clock. */
export const TIMESTAMP_MIN_MS = 946_684_800_000;

// --- mqtt ------------------------------------------------------------------------------------------------
/** Packet id is 16 bits [MQTT-2.3.1-1]. */
export const MQTT_INFLIGHT_MAX = 65_535;
/** Time from TCP accept to CONNECT (security checklist row 29). */
export const MQTT_CONNECT_TIMEOUT_MS = 5_000;
/** Bytes accepted from a peer that is not authenticated (security checklist row 29). */
export const UNAUTHENTICATED_MAX_BYTES = 65_536;
export const MQTT_CONNECTIONS_MAX = 20_000;
export const MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX = 1_000;
/** Messages and bytes waiting for one slow subscriber before its own messages are dropped and counted. */
export const MQTT_OUTBOX_MAX_MESSAGES = 10_000;
export const MQTT_OUTBOX_MAX_BYTES = 4 * 1_048_576;
export const MQTT_RETAINED_MAX = 100_000;
export const MQTT_TOPIC_CACHE_MAX = 50_000;

// --- log -------------------------------------------------------------------------------------------------
/** Group commit: the wait that lets others join, between these by load (design: 1–5 ms). */
export const LOG_LINGER_MIN_MS = 1;
export const LOG_LINGER_MAX_MS = 5;
/** A block is one LMDB value: large enough to amortize a commit, small enough to read in one step. */
export const LOG_BLOCK_MAX_BYTES = 1_048_576;
/** Bytes appended and not yet on disk before the sockets are paused. */
export const LOG_PENDING_MAX_BYTES = 32 * 1_048_576;
export const LOG_DEFAULT_MAX_BYTES = 4 * 1_073_741_824;
export const LOG_DEFAULT_MAX_AGE_MS = 7 * 24 * 3_600_000;
/** Free space below which the log refuses instead of filling the disk. */
export const DISK_RESERVE_BYTES = 128 * 1_048_576;

// --- data ------------------------------------------------------------------------------------------------
/** A store commit takes what has arrived, up to this many readings, or after this long. */
export const STORE_COMMIT_MAX_READINGS = 50_000;
export const STORE_COMMIT_LINGER_MS = 100;
export const QUARANTINE_MAX_ROWS = 100_000;
export const QUERY_LIMIT_DEFAULT = 1_000;
export const QUERY_LIMIT_MAX = 1_000_000;
export const QUERY_TIMEOUT_MS = 30_000;
export const QUERIES_IN_FLIGHT_MAX = 32;
export const LIVE_SUBSCRIBERS_MAX = 1_000;
export const LIVE_QUEUE_MAX = 1_000;

// --- events ----------------------------------------------------------------------------------------------
export const EVENT_HANDLER_QUEUE_MAX = 10_000;
export const EVENT_HANDLER_RETRIES = 3;
export const EVENT_HANDLER_TIMEOUT_MS = 10_000;
export const DEAD_LETTERS_MAX = 1_000;

// --- security --------------------------------------------------------------------------------------------
export const TOKEN_LIFETIME_S = 3_600;
export const LOGIN_FAILURES_MAX = 10;
export const LOGIN_LOCKOUT_MS = 60_000;
export const LOGIN_TRACKED_MAX = 10_000;

// --- system ----------------------------------------------------------------------------------------------
/** SIGTERM to exit 0, all managers together. */
export const STOP_DEADLINE_MS = 4_500;
/** Restarts of one manager within the window before the system gives up. */
export const MANAGER_RESTARTS_MAX = 5;
export const MANAGER_RESTART_WINDOW_MS = 60_000;
export const MANAGER_BACKOFF_INITIAL_MS = 200;
export const MANAGER_BACKOFF_MAX_MS = 5_000;
