export { type InstrumentOptions, instrumentManager } from './instrument-manager.js'
