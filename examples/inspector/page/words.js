// @ts-check
// How numbers and states are said.

/** @import { InspectedJob } from '../inspector.ts' */

const GLYPHS = {
  pending: '○',
  running: '●',
  committing: '◆',
  cancelling: '◐',
  completed: '✓',
  failed: '✕',
  cancelled: '■',
}

/** @param {InspectedJob} job */
export const glyphOf = ({ status }) => GLYPHS[status]

/** @param {InspectedJob} job */
export const isLive = ({ durationMs }) => durationMs === undefined

/**
 * In two or three words, for the row.
 * @param {InspectedJob} job
 */
export function stateOf(job) {
  const { status, cancel, errorCode, spans } = job
  if (status === 'running') return spans.at(-1)?.label ?? status
  if (cancel) return `${status} · ${cancel.kind}`
  return errorCode ? `${status} · ${errorCode}` : status
}

/**
 * Milliseconds with a unit that fits: 0.42 ms, 87 ms, 3.21 s, 2 min 05 s.
 * @param {number} ms
 */
export function spanOf(ms) {
  if (ms < 10) return `${ms.toFixed(2)} ms`
  if (ms < 999.5) return `${ms.toFixed(0)} ms`
  if (ms < 59_995) return `${(ms / 1_000).toFixed(2)} s`
  const seconds = Math.round(ms / 1_000)
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

/**
 * Formats numbers that are read below each other: all with the decimals that their sum needs.
 * @param {number} total
 * @returns {(ms: number) => string}
 */
export function columnOf(total) {
  const decimals = total < 10 ? 2 : 1
  const format = new Intl.NumberFormat('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
  return (ms) => format.format(ms).replaceAll(',', '\u202f')
}

/** @param {number} count */
export const countOf = (count) => new Intl.NumberFormat('en').format(count).replaceAll(',', '\u202f')

/**
 * What a person hears instead of the drawing.
 * @param {InspectedJob} job
 */
export function sentenceOf(job) {
  const { jobId, durationMs, cancel, forced } = job
  const duration = durationMs === undefined ? 'live' : `after ${spanOf(durationMs)}`
  const cost = cancel?.ms === undefined ? '' : `, the cancel took ${spanOf(cancel.ms)}${forced ? ', forced' : ''}`
  return `Job ${jobId}: ${stateOf(job)}, ${duration}${cost}`
}
