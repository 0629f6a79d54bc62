/** A JSON value (RFC 8259), as it leaves this library: in records, events and on the wire. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json
}
