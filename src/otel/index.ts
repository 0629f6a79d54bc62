/**
 * Spans and metrics.
 *
 * @module generation-jobs/otel
 */
export { type InstrumentOptions, instrumentManager } from './instrument-manager.js'
