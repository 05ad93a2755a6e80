/**
 * Every bound of the platform, with how it was found. Rooms import theirs from here; a queue, loop or wait
 * without a name in this file is a bug. Longer than other files may be: it is one table, to be looked through as one.
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
/** Binary data of a property: its length is 16 bits [MQTT 5, 1.5.6]. */
export const MESSAGE_CORRELATION_MAX_BYTES = 65_535;
/** One HTTP body (a batch). */
export const HTTP_BODY_MAX_BYTES = 8 * 1_048_576;
/** Items of one HTTP batch or readings of one packet: what a stage handles without yielding (~20 ms). */
export const BATCH_MAX_ITEMS = 100_000;
export const READINGS_PER_PACKET_MAX = 100_000;
export const TEXT_VALUE_MAX_CHARS = 4_096;
/** Nested JSON beyond this is refused before it is walked. */
export const JSON_DEPTH_MAX = 16;
/** Messages read without JSON.parse: beyond this the engine's own parser is as fast. */
export const JSON_SCAN_MAX_BYTES = 4_096;
export const JSON_SCAN_MAX_VALUES = 64;
/** How far a fault in a JSON text is looked for: ~10 ms, the tenth part of what a hostile megabyte would cost. */
export const JSON_FAULT_SEARCH_MAX_CHARS = 65_536;
/** Bad lines of one NDJSON payload whose fault is looked for; the others are only said to be bad. */
export const JSON_FAULTS_EXPLAINED_MAX = 1_000;
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
/** Connections per second from one address (an IPv6 /64 counts as one), and how many may come at once. */
export const MQTT_CONNECTS_PER_SECOND_MAX = 1_000;
export const MQTT_CONNECTS_BURST_MAX = 2_000;
/** Addresses whose rate is remembered: ~100 bytes each; the one not seen for longest is forgotten. */
export const MQTT_CONNECTS_TRACKED_MAX = 10_000;
/** Connections over their rate that wait unread, all addresses together: one address waits 10 s at most. */
export const MQTT_CONNECTS_HELD_MAX = 10_000;
/** Silence after which the kernel asks whether the peer is there: it need not send anything itself [MQTT-3.1.2-24]. */
export const MQTT_TCP_KEEP_ALIVE_MS = 60_000;
/** One WebSocket message: the largest MQTT packet, with topic and properties of 64 KiB each. */
export const MQTT_FRAME_MAX_BYTES = PACKET_MAX_BYTES + 2 * 65_536;
export const MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX = 1_000;
/** Messages and bytes waiting for one slow subscriber before its own messages are dropped and counted. */
export const MQTT_OUTBOX_MAX_MESSAGES = 200_000;
export const MQTT_OUTBOX_MAX_BYTES = 16 * 1_048_576;
/** Answers to a client that does not read them, before its requests are not read either. */
export const MQTT_ANSWERS_MAX_BYTES = 65_536;
export const MQTT_RETAINED_MAX = 100_000;
/** Payloads of all retained messages together: they are kept in memory. */
export const MQTT_RETAINED_MAX_BYTES = 128 * 1_048_576;
export const MQTT_TOPIC_CACHE_MAX = 50_000;
/** Topics one connection publishes to whose verdict is remembered. */
export const MQTT_ROUTES_PER_CLIENT_MAX = 1_000;
/** QoS 1 messages on the way to one subscriber: more wait in its outbox. */
export const MQTT_UNACKNOWLEDGED_MAX = 1_000;
/** Publications of one client that wait for the disk (receive maximum): some commits' worth at any honest pace. */
export const MQTT_RECEIVE_MAXIMUM = 1_000;
/** Topic aliases of one connection, each way: ~100 bytes each. */
export const MQTT_TOPIC_ALIAS_MAX = 64;
/** A session without its client is kept this long at most, as long as the log keeps messages. */
export const MQTT_SESSION_EXPIRY_MAX_S = 7 * 86_400;
/** Kept sessions and connected ones: ~2 KiB each. */
export const MQTT_SESSIONS_MAX = 100_000;
/** Sessions one principal may leave behind; beyond them its oldest ends. A fleet's gateway has hundreds, a loop has no end. */
export const MQTT_AWAY_SESSIONS_PER_PRINCIPAL_MAX = 1_000;
/** References to messages that wait for one session (12 bytes each); over it the oldest go, counted. */
export const MQTT_QUEUE_MAX_MESSAGES = 100_000;
/** What these messages take in the log. */
export const MQTT_QUEUE_MAX_BYTES = 256 * 1_048_576;
export const MQTT_QUEUE_MAX_AGE_MS = MQTT_SESSION_EXPIRY_MAX_S * 1_000;
/** References of all sessions together: 96 MB. */
export const MQTT_QUEUES_MAX_MESSAGES = 8_000_000;
/** Queued messages copied out of the log before it trims them, all sessions together. */
export const MQTT_KEPT_MAX_BYTES = 256 * 1_048_576;
export const MQTT_RESCUES_PER_SWEEP_MAX = 10_000;
/** Share of the log's budget and age at which queued messages are copied out of its oldest part. */
export const MQTT_RESCUE_SHARE = 0.5;
/** Messages routed since the sessions were last stored: what a start routes again (~1M/s). */
export const MQTT_ROUTED_LAG_MAX = 50_000;
/** Handed to one socket before QoS 1 and 2 wait in the log instead. */
export const MQTT_OUTBOX_DIRECT_BYTES = 1_048_576;
/** Held for all slow clients together; over it each may hold MQTT_OUTBOX_TIGHT_BYTES only. */
export const MQTT_OUTBOXES_MAX_BYTES = 256 * 1_048_576;
export const MQTT_OUTBOX_TIGHT_BYTES = 65_536;
/** One client: over it its socket is not read for a while. Four times what one client was seen to send. */
export const MQTT_CLIENT_MESSAGES_PER_SECOND = 400_000;
export const MQTT_CLIENT_BYTES_PER_SECOND = 128 * 1_048_576;
/** Connects of one client id within the window before it is refused for a while: a loop without a pause. */
export const MQTT_FLAPPING_CONNECTS_MAX = 1_000;
export const MQTT_FLAPPING_WINDOW_MS = 10_000;
export const MQTT_FLAPPING_BAN_MS = 30_000;
/** The server's words about itself under $SYS. */
export const MQTT_SYS_INTERVAL_MS = 10_000;
/** How often time limits of connections are looked at; keep-alive is late by at most this. */
export const MQTT_SWEEP_MS = 500;
/** A stop waits this long for the commit in progress. */
export const MQTT_DRAIN_MS = 1_000;
/** From the end of the protocol to the end of the socket: a peer that takes longer to read the rest is cut off. */
export const MQTT_LINGER_MS = 2_000;
/** The same while the server stops. */
export const MQTT_STOP_LINGER_MS = 200;

// --- bridge ----------------------------------------------------------------------------------------------
/** Names of bridges are labels of metrics; each holds two connections. */
export const BRIDGES_MAX = 16;
export const BRIDGE_TOPICS_MAX = 100;
/** QoS 1 messages on their way over one bridge, each way: 5,000/s at a round trip of 50 ms. */
export const BRIDGE_WINDOW = 256;
export const BRIDGE_CONNECT_TIMEOUT_MS = 10_000;
/** Silence after which the other server is asked whether it is there. */
export const BRIDGE_KEEP_ALIVE_S = 30;
export const BRIDGE_BACKOFF_INITIAL_MS = 500;
export const BRIDGE_BACKOFF_MAX_MS = 30_000;
/** A connection that held for so long ends the series of attempts: the next one comes soon again. */
export const BRIDGE_STABLE_MS = 10_000;
/** Away for longer than this is told as an event and by health. */
export const BRIDGE_AWAY_MS = 60_000;
/** Bridges that one message may cross: rings end here. */
export const BRIDGE_HOPS_MAX = 8;
/** Messages that may come back from a server without No Local: ~100 bytes each, forgotten after the time. */
export const BRIDGE_ECHOES_MAX = 10_000;
export const BRIDGE_ECHO_MAX_AGE_MS = 10_000;

// --- log -------------------------------------------------------------------------------------------------
/** Group commit: the wait that lets others join, between these by load (design: 1–5 ms). */
export const LOG_LINGER_MIN_MS = 1;
export const LOG_LINGER_MAX_MS = 5;
/** A block is one LMDB value: large enough to amortize a commit, small enough to read in one step. */
export const LOG_BLOCK_MAX_BYTES = 1_048_576;
/** Bytes appended and not yet on disk before the sockets are paused. */
export const LOG_PENDING_MAX_BYTES = 32 * 1_048_576;
/**
 * Shares of the log's budget that consumers are behind: QoS 0 is shed, sources are paused, sources go on. The last tenth
 * is for what was read before the pause, and for HTTP, which is told instead of paused.
 */
export const LOG_SHED_SHARE = 0.75;
export const LOG_PAUSE_SHARE = 0.9;
export const LOG_RESUME_SHARE = 0.8;
/** Sources are paused, too, while less than this part of the budget is left, whoever is behind; twice it lets them go on. */
export const LOG_SLACK_SHARES = 20;
/** QoS 0 is shed while less than so many times the reserve is free. */
export const DISK_SHED_RESERVES = 2;
export const LOG_DEFAULT_MAX_BYTES = 4 * 1_073_741_824;
export const LOG_DEFAULT_MAX_AGE_MS = 7 * 24 * 3_600_000;
/** Free space below which the log refuses instead of filling the disk. */
export const DISK_RESERVE_BYTES = 128 * 1_048_576;
/** Sealed blocks that share one commit: at full load this keeps a commit near 10 ms. */
export const LOG_COMMIT_MAX_BLOCKS = 8;
/** Emptied block buffers kept for reuse, 1 MiB each: what one busy commit and the open block take. */
export const LOG_SPARE_BLOCKS = 4;
/** (origin, topic) pairs whose encoded form is remembered, on either side of the log: ~100 bytes each. */
export const LOG_NAMES_CACHED_MAX = 16_384;
/** What a transport keeps beside a payload: its length is a u16 in the record. */
export const LOG_META_MAX_BYTES = 65_535;
/** Blocks in the memory of a lookup: eight full ones, so that readers at different places do not evict each other. */
export const LOG_LOOKUP_MAX_BYTES = 8 * 1_048_576;
/** The same for blocks of slow times, of a few records each: what one look goes through stays short. */
export const LOG_LOOKUP_BLOCKS_MAX = 512;
/** Blocks looked at and removed per commit: more than are added, few enough for under 5 ms. */
export const LOG_TRIM_STEP_BLOCKS = 64;
export const LOG_TRIM_INTERVAL_MS = 5_000;
export const LOG_DISK_CHECK_INTERVAL_MS = 1_000;
/** After a failed commit: when to try the disk again. */
export const LOG_PROBE_INITIAL_MS = 100;
export const LOG_PROBE_MAX_MS = 5_000;
/** Address space for the map (no memory, no disk). Fixed, because growing it races with readers on other threads. */
export const LOG_MAP_MIN_BYTES = 64 * 1_073_741_824;

// --- state -----------------------------------------------------------------------------------------------
export const STATE_TABLES_MAX = 64;
/** LMDB takes 1,978 bytes with 4 KiB pages; the longest key of ours is a topic. */
export const STATE_KEY_MAX_BYTES = 1_900;
export const STATE_MAP_BYTES = 16 * 1_073_741_824;

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
/** One message in so many is followed through the pipeline, and the first of each commit (ten a second at most). */
export const TRACE_EVERY = 1_000;
export const TRACES_PER_COMMIT_MAX = 16;
/** ~300 bytes each. */
export const TRACES_KEPT_MAX = 100;
/** HTTP batches from here on are judged on threads of their own: this many bytes of broken lines take ~5 ms. */
export const JUDGING_ELSEWHERE_BYTES = 32_768;
/** The largest body and what is said about its device; so many at once, others are refused. Memory once it is used. */
export const JUDGING_BLOCK_BYTES = 16 * 1_048_576;
export const JUDGING_BLOCKS_MAX = 4;
/** ~15 MiB each while they exist; they end when nothing came for so long. */
export const JUDGING_THREADS = 2;
export const JUDGING_IDLE_MS = 60_000;
/** The worst body of 8 MiB takes a second. */
export const JUDGING_TIMEOUT_MS = 15_000;
/** Log read between two looks at the clock and the messages: one block, ~8,000 small packets, ~50 ms of work. */
export const DATA_READ_ROUND_BYTES = 1_048_576;
/** Names of metrics times units: a device that makes them up cannot fill the memory. */
export const SERIES_PER_DEVICE_MAX = 1_000;
export const CHILDREN_PER_GATEWAY_MAX = 10_000;
export const UNIT_MAX_CHARS = 64;
/** Topics whose meaning is remembered; the cache is emptied when full. */
export const ROUTE_CACHE_MAX = 50_000;
/** Refused items of one packet that get a row of their own; the others are counted. */
export const QUARANTINE_ROWS_PER_PACKET_MAX = 100;
export const QUARANTINE_SAMPLE_BYTES = 256;
export const QUARANTINE_MESSAGE_MAX_CHARS = 512;
/** A payload kept with its packet, so that it can be replayed: the largest of MQTT. Larger HTTP batches keep their reasons. */
export const QUARANTINE_PAYLOAD_MAX_BYTES = 1_048_576;
/** Payloads of the quarantine: all together, and of one sender, so that one broken device leaves room for the others. */
export const QUARANTINE_MAX_BYTES = 256 * 1_048_576;
export const QUARANTINE_SENDER_MAX_BYTES = 32 * 1_048_576;
export const QUARANTINE_SENDER_MAX_PACKETS = 20_000;
/** Payloads on their way into one commit: what a batch may cost in memory beside its columns. */
export const QUARANTINE_BATCH_MAX_BYTES = 32 * 1_048_576;
/** Packets and payload bytes of one step of a replay, which is one commit: about as long as one at full load (~0.3 s). */
export const REPLAY_STEP_PACKETS_MAX = 1_000;
export const REPLAY_STEP_MAX_BYTES = 16 * 1_048_576;
/** Steps that wait for the one at work. */
export const REPLAY_STEPS_WAITING_MAX = 4;
/** Tallies of what was received go into the log this often, and sooner where something was refused: a kill loses those. */
export const LEDGER_TALLY_MS = 10_000;
export const LEDGER_REFUSALS_MS = 1_000;
/** Senders counted since the last tally before one is made early: ~150 bytes each. */
export const LEDGER_SENDERS_MAX = 16_384;
/** Senders in one tally, which is one record of the log (~40 bytes each), and takes ~2 ms to write or read. */
export const LEDGER_TALLY_SENDERS_MAX = 4_096;
/** Rows that wait to be summed up per sender and hour: that takes ~0.2 s. */
export const LEDGER_PARTS_MAX = 200_000;
/** One per sender and hour, ~10 bytes on disk: 100 senders for five years. Beyond, the oldest hours go. */
export const LEDGER_ROWS_MAX = 5_000_000;
export const LEDGER_LIMIT_DEFAULT = 1_000;
export const LEDGER_LIMIT_MAX = 100_000;
/** A report waits this long for history to reach the last tally. */
export const LEDGER_WAIT_MS = 2_000;
/** Of the log behind history, read to tell whose messages are pending (~0.5 s); what is beyond is told as a sum. */
export const LEDGER_SCAN_MAX_BYTES = 64 * 1_048_576;
export const FINDINGS_PER_COMMIT_MAX = 1_000;
/** What presets remember (Home Assistant announcements), all devices together. */
export const PRESET_MEMORY_MAX_ENTRIES = 100_000;
export const PRESET_MEMORY_VALUE_MAX_CHARS = 65_536;
/** Packets that made a stage throw, set aside one by one before the worker gives up. */
export const CONDEMNED_PACKETS_MAX = 100;
/** DuckDB: threads of a query, memory before it spills to disk, write-ahead log before a checkpoint. */
export const STORE_THREADS = 2;
export const STORE_MEMORY_MIB = 512;
export const STORE_CHECKPOINT_MIB = 64;
/** Window parts that wait to be merged: a merge of so many takes ~0.2 s. */
export const WINDOW_PARTS_MAX = 500_000;
/** Windows declared in a profile. */
export const WINDOWS_PER_PROFILE_MAX = 16;
export const WINDOW_QUANTILES_MAX = 8;
export const WINDOW_SIZE_MIN_MS = 1_000;
/** A restart reads the readings of open windows again (~2M/s): a week of one reading per second is 0.3 s a series. */
export const WINDOW_SIZE_MAX_MS = 7 * 86_400_000;
export const WINDOW_SESSION_DEFAULT_MS = 86_400_000;
/** Out of order within one connection: retries and gateways, not offline buffers (these are late). */
export const WINDOW_DELAY_MAX_MS = 3_600_000;
export const WINDOW_LATENESS_DEFAULT_MS = 60_000;
/** A device that was offline for a day. */
export const WINDOW_LATENESS_MAX_MS = 86_400_000;
export const WINDOW_IDLE_DEFAULT_MS = 60_000;
export const WINDOW_IDLE_MAX_MS = 7 * 86_400_000;
/** Windows of one series and declaration that can still change: what a profile may ask for. */
export const WINDOWS_PER_SERIES_MAX = 1_000;
/** Windows that can still change (of hopping ones: panes), all series together (~320 bytes each), and what they may take with their quantiles. */
export const WINDOWS_OPEN_MAX = 500_000;
export const WINDOWS_OPEN_MAX_BYTES = 256 * 1_048_576;
/** Readings a sliding window of one series keeps: each result walks over its part of them (~5 ns each). */
export const WINDOW_SLIDING_READINGS_MAX = 10_000;
/** Values kept as they are for exact quantiles (1 KiB); beyond, a sketch of 1% relative error. */
export const WINDOW_EXACT_VALUES_MAX = 128;
/** Bins of a sketch, each sign (40 bytes each): at worst 1% over a ratio of 1:28,000; below it the smallest share one. */
export const WINDOW_SKETCH_BINS_MAX = 512;
/** `data.window` events of one commit; what is beyond is counted. */
export const WINDOW_EVENTS_PER_COMMIT_MAX = 1_000;
/** Windows that close by the clock are looked for this often at most. */
export const WINDOW_SWEEP_MS = 1_000;
/** Rows of window states beyond the newest of each before the older ones are deleted: a delete of so many takes ~0.1 s. */
export const WINDOW_STATE_ROWS_MAX = 200_000;
/** Readings put in order at once when open windows are read again: ~100 MB of DuckDB's memory. */
export const WINDOW_REPLAY_ROWS = 2_000_000;
export const STORE_RETRY_INITIAL_MS = 200;
export const STORE_RETRY_MAX_MS = 10_000;
/** Readings that a picture is made of: 24 MB of columns, ~0.3 s. */
export const DOWNSAMPLE_ROWS_MAX = 1_000_000;
export const DOWNSAMPLE_POINTS_DEFAULT = 1_000;
export const DOWNSAMPLE_POINTS_MAX = 10_000;
/** Ids of series in the text of a statement: as many as one device has; the planner takes ~15 µs for each. */
export const SERIES_IN_STATEMENT_MAX = 1_000;
/** Readings written as JSON before the pipeline gets its turn: ~5 ms. */
export const JSON_ROWS_PER_TURN = 20_000;
/** Last values of one page of devices, unless one device alone has more: ~10 MB of JSON. */
export const FLEET_PAGE_SERIES_MAX = 100_000;
/** Queries on the way at once: each holds a thread of libuv's four, which the log's commits need, too. */
export const QUERIES_RUNNING_MAX = 2;
/** JavaScript heap of the data worker: series and devices at the millions; DuckDB's memory is its own. */
export const DATA_WORKER_HEAP_MIB = 1_024;
/** Stop asked of the data worker to its end, before it is ended. */
export const DATA_STOP_DEADLINE_MS = 2_000;
/** Devices told to the data worker in one message at start. */
export const DEVICE_SNAPSHOT_PAGE = 1_000;

// --- retention -------------------------------------------------------------------------------------------
/** Nobody's history goes by age unless he says so (an import may be of decades ago): only the budget thins it. */
export const RETENTION_DEFAULT = 'forever';
export const RETENTION_DEFAULT_BUDGET_BYTES = 20 * 1_073_741_824;
/** Two whole days stay where rows are appended: most late readings come within them. */
export const RETENTION_DEFAULT_PARTITION_AFTER_MS = 2 * 86_400_000;
/** History is looked through this often (a day gets old once a day), its size is looked at more often. */
export const RETENTION_PASS_INTERVAL_MS = 3_600_000;
export const RETENTION_BUDGET_INTERVAL_MS = 60_000;
/** The first look comes after the catching up of a start. */
export const RETENTION_FIRST_PASS_MS = 15_000;
/** Rows of one step: the commit of their deletion holds history commits for ~0.03 s (7 MB of write-ahead log). */
export const RETENTION_STEP_MAX_ROWS = 250_000;
/** Rest between two steps, at least as long as the step took: retention takes half of the store's threads at most. */
export const RETENTION_REST_MIN_MS = 100;
/** Late readings of a day that was moved wait for company: so many, or a day. */
export const RETENTION_LATE_MIN_ROWS = 100_000;
export const RETENTION_LATE_INTERVAL_MS = 86_400_000;
/** Partitions at once: what the order of arrival has room for (16 bits). Beyond, history stays in the database. */
export const RETENTION_PARTITIONS_MAX = 65_536;
/** So many partitions in a row of one day (month of hours) are made one, up to these rows: what sorts in memory. */
export const RETENTION_COMPACT_MIN_PARTITIONS = 8;
export const RETENTION_COMPACT_MAX_ROWS = 2_000_000;
/** Series whose times are looked up before the thread does something else (~2 ms). */
export const RETENTION_SERIES_TURN_MAX = 10_000;
/** Rows of a group in a Parquet file: a query for one series reads one or two groups of a file. */
export const RETENTION_ROW_GROUP_ROWS = 32_768;
/** The time that counts is at most so far ahead of the newest reading: a clock set wrong must not empty history. */
export const RETENTION_CLOCK_LEAP_MAX_MS = 86_400_000;
/** Damaged partitions that are named; the others are counted. */
export const RETENTION_DAMAGED_NAMED_MAX = 100;

// --- expressions -----------------------------------------------------------------------------------------
/** CEL expressions of profiles: the longest of use (a heat index by Rothfusz, a lookup table) have ~300 characters. */
export const EXPRESSION_MAX_CHARS = 1_000;
export const EXPRESSION_NODES_MAX = 256;
export const EXPRESSION_DEPTH_MAX = 32;
/** Elements of one list, which is always written out; what `exists`, `map` and the like go through. */
export const EXPRESSION_LIST_MAX = 64;
/** `exists`, `map` and the like inside each other. */
export const EXPRESSION_NESTING_MAX = 2;
/** Nodes evaluated at most, comprehensions counted as often as they run: 25 µs for the worst one (measured). */
export const EXPRESSION_STEPS_MAX = 500;
/** Metrics that one derived metric is computed from. */
export const EXPRESSION_INPUTS_MAX = 32;
/** Text that an expression is given; and what a function that walks through it counts as. */
export const EXPRESSION_TEXT_MAX_CHARS = 256;
export const EXPRESSION_TEXT_STEPS = 32;

// --- analysis --------------------------------------------------------------------------------------------
/** Series that detectors watch: ~200 bytes each, and windows of z-scores beside it; more are stored, not analyzed. */
export const ANALYSIS_SERIES_MAX = 250_000;
/** Values in the windows of all z-scores together: 64 MB. */
export const ANALYSIS_WINDOW_VALUES_MAX = 8_000_000;
/** How often silence is looked for at most, and at least while anything is watched: a walk over all takes ~1 ms. */
export const ANALYSIS_TICK_MS = 1_000;
export const ANALYSIS_TICK_MAX_MS = 60_000;
/** Known series looked through per tick for such that must be missed though they have not spoken yet (~10 ms). */
export const ANALYSIS_SWEEP_SERIES = 50_000;
/** After a start silence counts from here at the latest: time for devices to come back. */
export const ANALYSIS_GRACE_MS = 5 * 60_000;
/** Series named in one statement that deletes. */
export const ANALYSIS_DELETE_MAX = 1_000;
/** Stored minutes looked back at when history opens, in time and in number (~0.2 s). */
export const ANALYSIS_LOOK_BACK_MS = 7 * 86_400_000;
export const ANALYSIS_LOOK_BACK_ROWS = 200_000;

// --- topic presets ---------------------------------------------------------------------------------------
/** Discovery messages remembered per device: a large Home Assistant bridge announces about 1,000 entities. */
export const PRESET_CONFIGS_MAX = 4_096;
/** Entities of one discovery message, and entities that read one state topic. */
export const PRESET_ENTITIES_PER_TOPIC_MAX = 256;
/** Foreign texts that are kept: a template, a payload that means "on", a fact about a device. */
export const PRESET_TEMPLATE_MAX_CHARS = 512;
export const PRESET_TEXT_MAX_CHARS = 256;

// --- events ----------------------------------------------------------------------------------------------
export const EVENT_HANDLER_QUEUE_MAX = 10_000;
export const EVENT_HANDLER_RETRIES = 3;
export const EVENT_HANDLER_TIMEOUT_MS = 10_000;
/** Events one handler takes before I/O gets its turn again (~1 ms of cheap handlers). */
export const EVENT_HANDLER_TURN_MAX = 256;
export const EVENT_RETRY_INITIAL_MS = 100;
export const EVENT_RETRY_MAX_MS = 5_000;
export const DEAD_LETTERS_MAX = 1_000;

// --- devices ---------------------------------------------------------------------------------------------
/** 2.5 × the 100,000 devices one process is built for; each costs up to 1 KiB of memory. */
export const DEVICES_MAX = 250_000;
/** As much as Azure allows each part, four times AWS: settings, not data. */
export const TWIN_DOCUMENT_MAX_BYTES = 32_768;
export const TWIN_PROPERTIES_MAX = 512;
export const TWIN_KEY_MAX_CHARS = 128;
/** Changes kept of each part of a twin; longer ones without what they said: 200 KiB a part at most. */
export const TWIN_HISTORY_MAX = 50;
export const TWIN_HISTORY_PATCH_MAX_BYTES = 4_096;
/** Changes that wait for the disk: a second of it; more is refused, or sent again by the device. */
export const TWIN_WRITES_PENDING_MAX = 10_000;
/** A delta that the log did not take is offered again after this, so many at once. */
export const TWIN_RETRY_MS = 1_000;
export const TWIN_RETRIES_PER_TICK_MAX = 500;
/** Time is looked at this often: a transition that time alone makes is late by so much at most. */
export const PRESENCE_TICK_MS = 250;
/** Deadlines looked at per tick: ~1 µs each, so that 100,000 devices that report every 10 s cost 2% of a core. */
export const PRESENCE_DUE_PER_TICK_MAX = 5_000;
/** Transitions told per tick: 100,000 devices that go at once are told of within 10 s, not in one turn. */
export const PRESENCE_TOLD_PER_TICK_MAX = 2_500;
/** Overdue = silent for this many of its declared intervals, as for the keep alive of MQTT [MQTT-3.1.2-22] … */
export const PRESENCE_OVERDUE_FACTOR = 1.5;
/** … and this, the usual way from a message to history at most. Where history is further behind, nobody gets overdue. */
export const PRESENCE_LAG_MS = 5_000;
/** A device without connection and declaration counts as reporting for so long after its last data. */
export const PRESENCE_SILENCE_MS = 600_000;
/** After a start nobody is called disconnected: 1.5 × the usual keep alive of 60 s, and a back-off of 30 s. */
export const PRESENCE_GRACE_MS = 120_000;
export const PRESENCE_EVERY_MIN_MS = 1_000;
export const PRESENCE_EVERY_MAX_MS = 366 * 86_400_000;
/** `connecting` lasts some milliseconds and is told of only if it does not. */
export const PRESENCE_CONNECTING_TOLD_MS = 1_000;
/** Transitions of one device that are told within a window: three visits with data; more is flapping, and held back … */
export const PRESENCE_FLAPS_MAX = 10;
export const PRESENCE_FLAP_WINDOW_MS = 60_000;
/** … until it has been quiet for so long, or has flapped for as long as this. */
export const PRESENCE_QUIET_MS = 30_000;
export const PRESENCE_HELD_MAX_MS = 300_000;
/** How long the last transitions may be lost by a crash; the grace of the next start covers them. */
export const PRESENCE_FLUSH_MS = 1_000;
/** Records of one batch: ~20 ms of LMDB. */
export const PRESENCE_FLUSH_MAX = 5_000;
export const DEVICE_PAGE_DEFAULT = 100;
export const DEVICE_PAGE_MAX = 1_000;
/** Registry writes that wait for the disk; beyond, the caller is told to slow down. */
export const DEVICE_WRITES_PENDING_MAX = 10_000;
/** Labels of one device: what a person takes in at a look, and ~10 bytes of index each. */
export const DEVICE_TAGS_MAX = 32;
export const TAG_MAX_CHARS = 64;
export const DEVICE_GROUPS_MAX = 16;
export const GROUPS_MAX = 1_000;
/** Gateways that hang on gateways: two or three levels are built, deeper is a mistake. */
export const GATEWAY_DEPTH_MAX = 16;
/** MAC addresses of some interfaces, serial, UUID. */
export const DEVICE_IDENTIFIERS_MAX = 8;
/** Arrivals that a sorted list takes in one by one; more are merged in one walk (measured: even at 16 of 100,000). */
export const SORTED_INSERTS_MAX = 16;
/** Changes remembered of one device (~300 bytes each on disk), and what one says of a single value. */
export const DEVICE_HISTORY_MAX = 100;
export const DEVICE_HISTORY_VALUE_MAX_CHARS = 256;
/** Devices that are gone and whose history is still there: ~30 MB; beyond, the one gone for longest is forgotten. */
export const REMOVED_HISTORIES_MAX = 10_000;
/** Rows of an import on their way to disk at once: as many as one commit takes without waiting for another. */
export const IMPORT_IN_FLIGHT = 256;
/** An import writes as fast as the disk takes it; two share it. A rehearsal of 250,000 devices holds ~80 MB. */
export const IMPORTS_AT_ONCE = 2;
/** Rows of one import: the devices of one server twice over. */
export const IMPORT_MAX_ROWS = 500_000;
/** One line or JSON object of an import: a device with all attributes it may have. */
export const IMPORT_ROW_MAX_CHARS = 65_536;
/** All of one import: 250,000 rows of 1 KiB. It is read as it comes, never held. */
export const IMPORT_MAX_BYTES = 256 * 1_048_576;
export const ATTRIBUTES_MAX_KEYS = 128;
/** As JSON. Attributes are kept in memory with their device. */
export const ATTRIBUTES_MAX_BYTES = 16_384;
export const PROFILES_MAX = 1_000;
/** Derived metrics of one profile: each is looked at for every packet that brings one of its inputs. */
export const PROFILE_DERIVED_MAX = 100;
export const PROFILE_METRICS_MAX = 1_000;

// --- discovery -------------------------------------------------------------------------------------------
/** Each scanner is looked at so often; what is plugged in shows within a second. */
export const DISCOVERY_TICK_MS = 1_000;
/** One look of a scanner: several times what the slowest (a description over a bad radio link) was seen to take. */
export const DISCOVERY_SCAN_MAX_MS = 10_000;
export const DISCOVERY_STOP_MAX_MS = 2_000;
/** A scanner that is unavailable or failed is tried again after this, doubling. */
export const DISCOVERY_BACKOFF_INITIAL_MS = 5_000;
export const DISCOVERY_BACKOFF_MAX_MS = 5 * 60_000;
/** One scanner: the busiest hall of Bluetooth beacons brings a few hundred a second; over it sightings are dropped. */
export const DISCOVERY_SIGHTINGS_PER_SECOND = 1_000;
/** Found and undecided: 2–4 KiB each; over it the one unseen for longest goes. */
export const DISCOVERY_CANDIDATES_MAX = 5_000;
/** Ignored, blocked and admitted ones: kept on disk and in memory. */
export const DISCOVERY_DECISIONS_MAX = 20_000;
export const DISCOVERY_PAGE_DEFAULT = 100;
export const DISCOVERY_PAGE_MAX = 1_000;
/** Texts of strangers: longer ones are cut. DNS labels have 63 bytes, UPnP names 64 characters. */
export const DISCOVERY_TEXT_MAX_CHARS = 256;
/** Of one candidate, by kind of identifier, names, services; the oldest go. */
export const DISCOVERY_VALUES_MAX = 8;
export const DISCOVERY_SERVICES_MAX = 32;
export const DISCOVERY_ATTRIBUTES_MAX = 64;
/** Lines of evidence of one candidate: one for each scanner and text; the oldest go. */
export const DISCOVERY_EVIDENCE_MAX = 16;
/** An address not seen for so long may be somebody else's by now: the shortest usual DHCP lease is longer. */
export const DISCOVERY_ADDRESS_FRESH_MS = 15 * 60_000;
export const DISCOVERY_WATCHERS_MAX = 64;
/** Admissions by one watcher: whoever can announce himself must not fill the registry. */
export const DISCOVERY_WATCHER_ADMISSIONS_PER_HOUR = 500;
/** Interfaces that are listened on: a host of containers has hundreds. */
export const DISCOVERY_INTERFACES_MAX = 8;
/** Datagrams of one multicast protocol looked at per second; a busy office sends tens. */
export const DISCOVERY_DATAGRAMS_PER_SECOND = 500;
/** RFC 6762, 17: messages have at most 9,000 bytes; SSDP ones fit a packet of 1,500. */
export const DISCOVERY_DATAGRAM_MAX_BYTES = 9_000;
/** UPnP description documents are a few KiB; 64 KiB is a device with everything. */
export const DESCRIPTION_MAX_BYTES = 65_536;
export const DESCRIPTION_TIMEOUT_MS = 3_000;
export const DESCRIPTION_MAX_DEPTH = 16;
export const DESCRIPTION_MAX_ELEMENTS = 2_000;
/** Fetches at once, waiting ones, and documents remembered. */
export const DESCRIPTION_FETCHES_MAX = 4;
export const DESCRIPTION_QUEUE_MAX = 256;
export const DESCRIPTION_CACHE_MAX = 1_000;
/** A document is read again after this long, a refused one, too. */
export const DESCRIPTION_FRESH_MS = 60 * 60_000;
/** Rows of the neighbour table: the kernel's own bound (gc_thresh3) is 1,024 unless raised. */
export const NEIGHBOURS_MAX = 4_096;
/** Ranges a user names, and addresses in all of them: a /16 takes an hour and a half at the rate below. */
export const PROBE_RANGES_MAX = 32;
export const PROBE_ADDRESSES_MAX = 65_536;
/** Connection attempts: below what consumer routers and intrusion detection take for a scan of the whole network. */
export const PROBE_CONNECTS_PER_SECOND = 64;
export const PROBE_CONNECTS_IN_FLIGHT = 32;
/** On a local network an answer takes milliseconds; a sleepy radio link up to a second. */
export const PROBE_CONNECT_TIMEOUT_MS = 1_000;
/** Modbus application protocol: 7 bytes of header, PDU of at most 253 [MODBUS Messaging on TCP/IP, 3.1.3]. */
export const MODBUS_FRAME_MAX_BYTES = 260;
export const MODBUS_REPLY_TIMEOUT_MS = 2_000;
/** Requests for one identification: "more follows" may not go on for ever. */
export const MODBUS_IDENTIFICATION_REQUESTS_MAX = 8;

// --- discovery by USB and Bluetooth ----------------------------------------------------------------------
/** A little less than DISCOVERY_TICK_MS: so that USB is looked at at each tick, not at every other one. */
export const USB_PACE_MS = 900;
/** 127 devices a bus [USB 2.0, 8.3.2.1], and no machine has more than a few buses. */
export const USB_DEVICES_MAX = 1_024;
/** Interfaces of one device [USB 2.0, 9.6.3: one byte; composite devices have up to a dozen]. */
export const USB_INTERFACES_MAX = 32;
/** One attribute of sysfs is at most a page; names of devices have 126 characters [USB 2.0, 9.6.7]. */
export const SYSFS_ATTRIBUTE_MAX_CHARS = 4_096;
/** Entries of one folder: USB_DEVICES_MAX devices with some interfaces each. */
export const SYSFS_ENTRIES_MAX = 8_192;
/** What stays plugged in is reported again after this, so that it counts as seen. */
export const USB_REPEAT_MS = 60_000;
/** The driver of a device makes its serial port some tenths of a second after the device has appeared. */
export const USB_SETTLE_MS = 3_000;
/** Listing serial ports asks another process or the system: milliseconds, unless that hangs. */
export const SERIAL_LIST_TIMEOUT_MS = 2_000;
/** How often the radio is asked whether it is still there. */
export const BLE_PACE_MS = 5_000;
/** The adapter's state, and the start of its scan: 50 ms measured; BlueZ may be started for it. */
export const BLE_START_MAX_MS = 5_000;
/** Heap of the radio's thread: BLE_ADDRESSES_MAX of them take 10 MiB. */
export const BLE_THREAD_HEAP_MIB = 64;
/** The thread closes its connection within milliseconds; one that does not is ended. */
export const BLE_THREAD_STOP_MS = 1_000;
/** Nothing heard for so long: the scan is begun anew, in case the Bluetooth service was restarted. */
export const BLE_SILENCE_MAX_MS = 60_000;
/** Addresses the library remembers (~2 KiB each) and never forgets: over it the scan is begun anew. */
export const BLE_ADDRESSES_MAX = 5_000;
/** Devices whose last words are remembered (~300 bytes each); the one silent for longest is forgotten. */
export const BLE_TRACKED_MAX = 2_000;
/** The same advertisement again is passed on after this; what changes, ten times a second and device. */
export const BLE_REPEAT_MS = 10_000;
export const BLE_CHANGE_MIN_MS = 100;
/** Malformed payloads that are logged, one line for each device and format. */
export const BLE_REFUSALS_LOGGED_MAX = 1_000;

// --- commands --------------------------------------------------------------------------------------------
/** A device that is awake answers within a second or two; one that has to turn a motor may take some. */
export const COMMAND_TIMEOUT_DEFAULT_MS = 10_000;
export const COMMAND_TIMEOUT_MAX_MS = 24 * 3_600_000;
/** Short on purpose: what nobody expects any more (a door that opens an hour later) must be asked for. */
export const COMMAND_EXPIRY_DEFAULT_MS = 60_000;
export const COMMAND_EXPIRY_MAX_MS = 30 * 86_400_000;
export const COMMAND_RETRIES_DEFAULT = 2;
export const COMMAND_RETRIES_MAX = 10;
/** Commands of one profile, and what the schemas of one may take as JSON: they are looked through at each request. */
export const PROFILE_COMMANDS_MAX = 100;
export const COMMAND_SCHEMA_MAX_BYTES = 16_384;
export const COMMAND_ARGUMENTS_MAX_BYTES = 16_384;
/** Of a reply, as it came; what a device reads out of itself fits, a file does not. */
export const COMMAND_REPLY_MAX_BYTES = 65_536;
/** Open commands of one device: what a person or a rule sent and still cares for. */
export const COMMANDS_PER_DEVICE_MAX = 100;
/** Open commands of all devices (~700 bytes each), and what their arguments may take. */
export const COMMANDS_OPEN_MAX = 50_000;
export const COMMANDS_OPEN_MAX_BYTES = 64 * 1_048_576;
/** Commands that have ended and can still be asked for: ~100 bytes of memory each, the rest is on disk. */
export const COMMANDS_KEPT_MAX = 20_000;
/** How often due ones are looked for: a time-out is late by two of these at most. */
export const COMMAND_TICK_MS = 100;
/** A device on the same network answers within so long: such a command is written once, with its reply. */
export const COMMAND_LINGER_MS = 50;
/** From CONNECT to the subscriptions of a client; one that has them from before subscribes to nothing. */
export const COMMAND_SETTLE_MS = 1_000;
/** A caller waits for the end of a command so long at most: below the 60 s after which proxies give up. */
export const COMMAND_WAIT_MAX_MS = 55_000;
export const COMMAND_LIST_MAX = 1_000;
/** Texts of a reply that are kept apart from its result. */
export const COMMAND_MESSAGE_MAX_CHARS = 512;

// --- security --------------------------------------------------------------------------------------------
export const TOKEN_LIFETIME_S = 3_600;
export const LOGIN_FAILURES_MAX = 10;
export const LOGIN_LOCKOUT_MS = 60_000;
export const LOGIN_TRACKED_MAX = 10_000;
/** Each further lockout in a row lasts twice as long, up to this. */
export const LOGIN_LOCKOUT_MAX_MS = 900_000;
/** Password checks at once: argon2id takes 19 MiB and a thread each. */
export const LOGINS_IN_FLIGHT_MAX = 4;
export const PASSWORD_MAX_CHARS = 256;
/** A JWT of ours has ~250 characters, a device token at most 220. */
export const TOKEN_MAX_CHARS = 1_024;
/** JWTs whose signature is not checked again: ~300 bytes each, one per client that is active. */
export const VERIFIED_TOKENS_MAX = 1_000;
/** We are the only issuer and read the same clock: no tolerance, `exp` and `nbf` hold to the second. */
export const TOKEN_CLOCK_SKEW_S = 0;
/** `sensorium token` for a machine (Grafana, a scraper). */
export const TOKEN_LIFETIME_MAX_S = 366 * 86_400;
/** Valid tokens of one device: rotation needs two, a careless script makes many. */
export const DEVICE_TOKENS_MAX = 16;
/**
 * PBKDF2 rounds of SCRAM-SHA-256: the least that RFC 7677 takes, as a device token has 256 bits of its own. Part of what
 * is stored: with another number no key stored before is good.
 */
export const SCRAM_ITERATIONS = 4_096;
/** A user name of 128 characters and two nonces take ~500 bytes. */
export const SCRAM_MESSAGE_MAX_BYTES = 1_024;
/** `security.denied` events: an attacker must not fill the bus; every refusal is counted all the same. */
export const DENIED_EVENTS_PER_SECOND = 10;
export const DENIED_EVENTS_BURST = 50;
export const CA_LIFETIME_MS = 3_652 * 86_400_000;
/** The longest that Apple's and Mozilla's root programs accepted for server certificates when this was written. */
export const SERVER_CERTIFICATE_LIFETIME_MS = 397 * 86_400_000;
/** A server certificate with less left than this is renewed at start, and named by health from half of it on. */
export const SERVER_CERTIFICATE_RENEW_MS = 30 * 86_400_000;

// --- http ------------------------------------------------------------------------------------------------
/** A quarter of the default limit of open files (Debian: 1,048,576 hard, 1,024 soft raised by Node). */
export const HTTP_CONNECTIONS_MAX = 4_096;
/** Bodies that are not telemetry: a profile with a thousand metrics is ~200 kB. */
export const HTTP_API_BODY_MAX_BYTES = 1_048_576;
/** Telemetry bodies being received or decoded at once, all clients together (16 of the largest). */
export const HTTP_BODIES_MAX_BYTES = 128 * 1_048_576;
/** Slow-loris: headers complete, then the whole request; the largest body in that time needs 140 kB/s. */
export const HTTP_HEADERS_TIMEOUT_MS = 10_000;
export const HTTP_REQUEST_TIMEOUT_MS = 60_000;
/** Longer than the 60 s that load balancers keep a connection, so that they close it, not we. */
export const HTTP_KEEP_ALIVE_MS = 72_000;
/** How often the two timeouts above are looked at. */
export const HTTP_TIMEOUT_CHECK_MS = 1_000;
/** Requests in progress get this long when the server stops. */
export const HTTP_DRAIN_MS = 1_500;
/** While it stops, connections whose request has ended are looked for this often. */
export const HTTP_DRAIN_CHECK_MS = 25;
/** Requests per window: per address without credentials, per principal, and per principal for telemetry. */
export const HTTP_RATE_WINDOW_MS = 10_000;
export const HTTP_RATE_ANONYMOUS_MAX = 600;
export const HTTP_RATE_MAX = 20_000;
/** 50,000 requests/s: four times what one core served (12,600/s measured); an honest client never meets it. */
export const HTTP_RATE_INGEST_MAX = 500_000;
export const HTTP_RATE_TRACKED_MAX = 10_000;
/** Rejections listed in one answer (~100 bytes each); the rest is counted in `rejectedTotal`. */
export const INGEST_REJECTIONS_MAX = 1_000;
/** Pages of the API. */
export const PAGE_DEFAULT = 100;
export const PAGE_MAX = 1_000;
export const METRICS_PER_QUERY_MAX = 100;
/** Rows of a ranking: more is a list, which export and query give. */
export const TOP_DEFAULT = 10;
export const TOP_MAX = 1_000;
/** Rows of an answer written at once before the socket gets its turn (~100 kB of JSON). */
export const ROWS_PER_CHUNK = 1_000;
/** Open event streams and live sockets: end of rights looked at (revocation is told at once), sign of life, patience. */
export const STREAM_SWEEP_MS = 500;
export const STREAM_HEARTBEAT_MS = 15_000;
export const STREAM_STALLED_MS = 60_000;
/** Bytes waiting for one slow WebSocket before readings are dropped and counted. */
export const LIVE_BUFFER_MAX_BYTES = 1_048_576;
/** Clients of /api/v1/live send nothing we need. */
export const LIVE_INCOMING_MAX_BYTES = 4_096;

// --- monitor ---------------------------------------------------------------------------------------------
export const USAGE_REFRESH_MS = 5_000;
/** Fields of a log line are looked into this deep for secrets; deeper ones are not written. */
export const LOG_FIELD_DEPTH_MAX = 5;

// --- memory pool ----------------------------------------------------------------------------------------
/** What may wait in the log before sockets pause (32 MiB), and as much again for its columns. */
export const POOL_MAX_BYTES = 64 * 1_048_576;
/** The largest lease: a block of the log (1 MiB) and an index of its packets. */
export const POOL_SLAB_BYTES = 2 * 1_048_576;
/** A small batch; smaller blocks would make their bookkeeping (12 bytes each) more than 1.2%. */
export const POOL_BLOCK_MIN_BYTES = 1_024;
/** One WebAssembly page for the tables of the kernels (16 KiB). */
export const POOL_HEAD_BYTES = 65_536;

// --- threads ---------------------------------------------------------------------------------------------
/** After the start of a thread: long enough for its last lazy parts to be loaded. */
export const HEAP_SETTLE_MS = 3_000;
/** Only after so long with less work than this share of the time, and not tried for ever. */
export const HEAP_SETTLE_IDLE_SHARE = 0.05;
export const HEAP_SETTLE_TRIES_MAX = 60;
/** Young generation of the data worker: three semi-spaces of 4 MiB; larger ones made it no faster. */
export const DATA_WORKER_YOUNG_MIB = 12;

// --- scheduler -------------------------------------------------------------------------------------------
/** Batches that no worker has begun: at 1 ms each more than a second of work for two cores, so it is an overload. */
export const SCHEDULER_QUEUE_MAX_BATCHES = 1_000;
/** Tasks of one batch, spawned ones among them: their number is 8 bits of a ticket. */
export const SCHEDULER_BATCH_TASKS_MAX = 256;
/** Records: those queued, those being run, and cancelled ones that no worker has passed yet. */
export const SCHEDULER_BATCHES_MAX = 2_048;
/** Each record has one ticket in line and, after the death of a worker, one more. */
export const SCHEDULER_GLOBAL_TICKETS_MAX = 2 * SCHEDULER_BATCHES_MAX;
/** Tickets of one lane: halving a batch leaves 8; the rest is for spawned tasks, which are refused beyond. */
export const SCHEDULER_LANE_TICKETS_MAX = 256;
/** A thread's number is 7 bits of a state word, and 64 isolates are 400 MiB. */
export const SCHEDULER_THREADS_MAX = 64;
/** One thread may be busy with a long task; with two, six lanes serve the others (ADR 013). */
export const SCHEDULER_THREADS_MIN = 2;
/** Shared buffers known to the workers: the memory pool has some dozens. */
export const SCHEDULER_SLABS_MAX = 1_024;
/** A task is some milliseconds of work; this is for what never ends. */
export const SCHEDULER_TASK_TIMEOUT_MS = 30_000;
/** How often running tasks are looked at, while there are any: a timeout is late by twice this at most. */
export const SCHEDULER_WATCH_MS = 20;
/** Every so many turns a worker takes the oldest ticket, not its youngest: what was set aside comes to its end. */
export const SCHEDULER_OLDEST_EVERY = 16;
/** What a kind may be ahead of its share before its batch is set aside: less, and changing over costs more than it gains. */
export const SCHEDULER_SLICE_US = 1_000;
/** Thread start to its first word: 50 ms measured, more on a machine that is busy. */
export const SCHEDULER_START_MS = 20_000;
/** Starts in a row that may fail before the scheduler gives up. */
export const SCHEDULER_STARTS_MAX = 5;
export const SCHEDULER_BACKOFF_INITIAL_MS = 50;
export const SCHEDULER_BACKOFF_MAX_MS = 2_000;
/** A stop waits this long for what is in flight, then rejects it. */
export const SCHEDULER_STOP_MS = 2_000;
/** Idle threads end within some milliseconds; one that does not is ended. */
export const SCHEDULER_THREAD_END_MS = 500;
/** JavaScript heap of one worker; running out of it ends that thread only. Payloads are shared and do not count. */
export const SCHEDULER_WORKER_HEAP_MIB = 256;

// --- system ----------------------------------------------------------------------------------------------
/** SIGTERM to exit 0, all managers together. */
export const STOP_DEADLINE_MS = 4_500;
/** Restarts of one manager within the window before the system gives up. */
export const MANAGER_RESTARTS_MAX = 5;
export const MANAGER_RESTART_WINDOW_MS = 60_000;
export const MANAGER_BACKOFF_INITIAL_MS = 200;
export const MANAGER_BACKOFF_MAX_MS = 5_000;

// --- command line ----------------------------------------------------------------------------------------
/** A little more than the server gives a query, so that its own answer arrives first. */
export const CLI_REQUEST_TIMEOUT_MS = QUERY_TIMEOUT_MS + 5_000;
/** Lines of standard input that `send` collects for one request: well below HTTP_BODY_MAX_BYTES. */
export const SEND_BATCH_MAX_BYTES = 1_048_576;
export const SEND_BATCH_MAX_LINES = 10_000;
/** A line that waits for company on a slow standard input is sent after this long. */
export const SEND_BATCH_LINGER_MS = 500;
export const TAIL_BACKOFF_INITIAL_MS = 250;
export const TAIL_BACKOFF_MAX_MS = 10_000;
/** Rows sent and not yet acknowledged: some group commits' worth, so that the disk is never waited for idly. */
export const REPLAY_INFLIGHT_MAX = 1_000;
/** Rows kept in memory to put an unsorted file in order (~100 MB); a longer one is played as it stands. */
export const REPLAY_SORT_MAX_ROWS = 200_000;
export const REPLAY_JSON_MAX_BYTES = 64 * 1_048_576;
/** An unclosed quote must not swallow the file. */
export const CSV_CELL_MAX_CHARS = 65_536;
export const CSV_COLUMNS_MAX = 1_000;
/** One connection per value of the device column: more values than this and it is no device column. */
export const REPLAY_DEVICES_MAX = 200;
/** Without one acknowledgement for so long while some are due, the server counts as gone. */
export const REPLAY_STALL_MAX_MS = 60_000;
/** One connection each; half of what a process may open by the usual hard limit. */
export const FLEET_DEVICES_MAX = 5_000;
export const FLEET_REGISTRATIONS_IN_FLIGHT = 16;
export const FLEET_CONNECTS_IN_FLIGHT = 64;
/** Rows of one request of `devices import`: with tokens ~5 s, well below what a request may take. */
export const IMPORT_BATCH_MAX_ROWS = 5_000;
/** Unacknowledged messages of one simulated device before its turn is passed on. */
export const FLEET_INFLIGHT_PER_DEVICE_MAX = 100;
/** Debt to the asked rate that is worked off later; what is beyond is written off and reported. */
export const FLEET_CATCH_UP_MAX_MS = 1_000;
/** Wait for the last acknowledgements at the end of a simulation. */
export const FLEET_DRAIN_MAX_MS = 15_000;
