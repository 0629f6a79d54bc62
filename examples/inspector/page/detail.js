// @ts-check
// One job opened: where its milliseconds went, and above all those of its cancel.

import { drawSpans, element } from './drawing.js'
import { columnOf, countOf, isLive, spanOf } from './words.js'

/** @import { InspectedJob } from '../inspector.ts' */
/** @import { Span } from '../timeline.ts' */

/** Narrower phases are named in the table only. */
const LABELLED_SHARE = 0.12

/**
 * @param {HTMLElement} panel
 * @param {InspectedJob} job
 * @param {number} nowMs since the registration
 */
export function showDetail(panel, job, nowMs) {
  const { spans, cancel } = job
  const endMs = job.durationMs ?? nowMs
  const format = columnOf(cancel ? endMs - cancel.requestedMs : endMs)
  const parts = [headline(job, endMs)]
  const phases = cancel?.phases ?? []
  if (cancel && phases.length > 0) parts.push(zoom(phases, cancel.requestedMs, endMs))
  const table = element('table')
  table.append(heads())
  const before = spans.slice(0, spans.length - phases.length)
  if (before.length > 0) table.append(group(cancel ? 'Until the request' : 'Its whole life', before, 0, endMs, format))
  if (cancel && phases.length > 0) {
    table.append(group('From the request to the settle', phases, cancel.requestedMs, endMs, format))
  }
  const body = element('div', 'detail__body')
  body.append(table, facts(job))
  parts.push(body)
  panel.replaceChildren(...parts)
}

/**
 * @param {InspectedJob} job
 * @param {number} endMs
 */
function headline(job, endMs) {
  const { cancel, forced, cleanup, isSeenHere } = job
  const head = element('div', 'headline')
  const [amount = '', unit = ''] = spanOf(cancel ? endMs - cancel.requestedMs : endMs).split(' ')
  const number = element('p', 'headline__number', amount)
  number.append(element('small', '', ` ${unit}`))
  const notes = []
  if (cancel) notes.push(isLive(job) ? `since the cancel (${cancel.kind})` : `from cancel (${cancel.kind}) to settled`)
  else notes.push(isLive(job) ? 'since it was registered' : 'from registered to settled')
  if (forced) notes.push('forced: producer or source had not let go')
  if (cleanup && cleanup !== 'clean') notes.push(`cleanup ${cleanup}`)
  if (!isSeenHere) notes.push('ran in another process, or before this page: its release is one span')
  head.append(number, element('p', 'headline__words', notes.join(' · ')))
  return head
}

/**
 * The cancel alone, over the whole width.
 * @param {readonly Span[]} phases
 * @param {number} from
 * @param {number} to
 */
function zoom(phases, from, to) {
  const track = element('div', 'track track--zoom')
  track.setAttribute('aria-hidden', 'true')
  drawSpans(track, phases, { from, to }, to)
  for (const [index, { label, startMs, endMs = to }] of phases.entries()) {
    if (endMs - startMs > (to - from) * LABELLED_SHARE) track.children[index]?.append(element('b', '', label))
  }
  return track
}

function heads() {
  const head = element('thead')
  const row = element('tr')
  for (const name of ['Phase', 'from, ms', 'ms']) {
    const cell = element('th', '', name)
    cell.scope = 'col'
    row.append(cell)
  }
  head.append(row)
  return head
}

/**
 * @param {string} name
 * @param {readonly Span[]} spans
 * @param {number} fromMs what its numbers count from
 * @param {number} nowMs
 * @param {(ms: number) => string} format
 */
function group(name, spans, fromMs, nowMs, format) {
  const body = element('tbody')
  const title = element('th', 'group', name)
  title.scope = 'colgroup'
  title.colSpan = 3
  const titleRow = element('tr')
  titleRow.append(title)
  body.append(titleRow)
  let total = 0
  for (const { kind, label, startMs, endMs = nowMs, isForced } of spans) {
    total += endMs - startMs
    const swatch = element('i', 'span')
    swatch.dataset.kind = kind
    swatch.toggleAttribute('data-forced', isForced === true)
    const phase = element('th', 'phase')
    phase.scope = 'row'
    phase.append(swatch, label, ...(isForced ? [element('em', '', ' not waited for')] : []))
    body.append(row(phase, format(startMs - fromMs), format(endMs - startMs)))
  }
  const sum = element('th', 'phase', 'together')
  sum.scope = 'row'
  const last = row(sum, '', format(total))
  last.className = 'sum'
  body.append(last)
  return body
}

/**
 * @param {HTMLElement} head
 * @param {string} from
 * @param {string} ms
 */
function row(head, from, ms) {
  const made = element('tr')
  made.append(head, element('td', '', from), element('td', 'ms', ms))
  return made
}

/** @param {InspectedJob} job */
function facts(job) {
  const { jobId, text, firstChunkMs, droppedChunks, commit, cleanup, errorCode, owner, group: conversation } = job
  const list = element('dl')
  /** @type {[string, string | undefined][]} */
  const all = [
    ['job id', jobId],
    ['status', job.status],
    ['chunks', countOf(text.chunks)],
    ['characters', countOf(text.length)],
    ['first chunk after', firstChunkMs === undefined ? undefined : spanOf(firstChunkMs)],
    ['late chunks dropped', droppedChunks === undefined ? undefined : countOf(droppedChunks)],
    ['commit', commit],
    ['cleanup', cleanup],
    ['error', errorCode],
    ['owner', owner],
    ['group', conversation],
    ['cancelled by', job.cancelledBy],
  ]
  for (const [name, value] of all) {
    if (value === undefined) continue
    list.append(element('dt', '', name), element('dd', '', value))
  }
  return list
}
