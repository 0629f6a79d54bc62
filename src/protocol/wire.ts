/** Names that client and server share. */

/** Version of the wire format, sent in {@link WIRE_VERSION_HEADER} with every answer. */
export const WIRE_VERSION = '1'
export const WIRE_VERSION_HEADER = 'x-generation-jobs'
/** Where the routes stand when nothing else is configured. */
export const DEFAULT_BASE_PATH = '/api/v1/dialogues/generate'
export const IDEMPOTENCY_KEY_HEADER = 'idempotency-key'
export const LAST_EVENT_ID_HEADER = 'last-event-id'
