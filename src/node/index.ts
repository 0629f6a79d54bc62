/**
 * The HTTP handler on `node:http`, Express and Nest.
 *
 * @module generation-jobs/node
 */
export { type NodeHandler, toNodeHandler } from './to-node-handler.js'
