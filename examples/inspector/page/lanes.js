// @ts-check
// The list of jobs: one row each, drawn on a scale, opened one at a time.

import { showDetail } from './detail.js'
import { drawSpans, drawTicks, element, setText } from './drawing.js'
import { glyphOf, isLive, sentenceOf, spanOf, stateOf } from './words.js'

/** @import { InspectedJob, InspectedJobs } from '../inspector.ts' */
/** @import { Scale } from './drawing.js' */

/** On one clock, no more than this is shown at once, ms. */
const WINDOW_MS = 30_000
/** And no less: a single short job would fill the page. */
const MIN_WINDOW_MS = 2_000

/** @typedef {{ item: HTMLLIElement, button: HTMLButtonElement, glyph: Element, id: Element, state: Element, track: HTMLElement, time: Element, cost: Element, panel: HTMLElement, drawn: string }} Row */

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} axis
 */
export function createLanes(list, axis) {
  /** @type {Map<string, Row>} */
  const rows = new Map()
  /** @type {InspectedJobs} */
  let shown = { now: 0, hidden: 0, jobs: [] }
  /** @type {'shared' | 'own'} */
  let scaleKind = 'shared'
  let openId = decodeURIComponent(location.hash.slice(1))

  list.addEventListener('keydown', onKey)
  window.addEventListener('hashchange', () => {
    openId = decodeURIComponent(location.hash.slice(1))
    draw()
  })
  return {
    get openId() {
      return openId
    },
    /** @param {InspectedJobs} jobs */
    show(jobs) {
      shown = jobs
      draw()
    },
    /** @param {'shared' | 'own'} kind */
    scaleBy(kind) {
      scaleKind = kind
      draw()
    },
  }

  function draw() {
    const { jobs, now } = shown
    const ids = new Set(jobs.map(({ jobId }) => jobId))
    for (const [jobId, { item }] of rows) {
      if (ids.has(jobId)) continue
      item.remove()
      rows.delete(jobId)
    }
    const window = windowOf(jobs, now)
    for (const [index, job] of jobs.entries()) {
      const row = rows.get(job.jobId) ?? addRow(job)
      if (list.children[index] !== row.item) list.insertBefore(row.item, list.children[index] ?? null)
      drawRow(row, job, now - job.registeredAt, window)
    }
    const end = jobs.some(isLive) ? 'now' : 'last end'
    drawTicks(axis, scaleKind === 'shared' ? window : undefined, (ms) =>
      ms === 0 ? end : `${ms / 1_000} s`.replace('-', '−'),
    )
  }

  /** @param {InspectedJob} job */
  function addRow({ jobId }) {
    const item = element('li', 'lane')
    const button = element('button', 'lane__row')
    button.type = 'button'
    const glyph = element('span', 'lane__glyph')
    const id = element('span', 'lane__id', jobId)
    const state = element('span', 'lane__state')
    const track = element('span', 'track')
    const time = element('span', 'lane__time')
    const cost = element('span', 'lane__cost')
    const panel = element('section', 'detail')
    panel.id = `detail-${jobId}`
    panel.setAttribute('aria-label', `Job ${jobId}`)
    panel.hidden = true
    button.setAttribute('aria-controls', panel.id)
    button.append(glyph, id, state, track, time, cost)
    button.addEventListener('click', () => open(openId === jobId ? '' : jobId))
    item.append(button, panel)
    const row = { item, button, glyph, id, state, track, time, cost, panel, drawn: '' }
    rows.set(jobId, row)
    return row
  }

  /**
   * @param {Row} row
   * @param {InspectedJob} job
   * @param {number} nowMs since its registration
   * @param {Scale} window in epoch milliseconds
   */
  function drawRow(row, job, nowMs, window) {
    const { status, registeredAt, spans, cancel, durationMs, forced } = job
    const isOpen = job.jobId === openId
    row.item.dataset.status = status
    setText(row.glyph, glyphOf(job))
    setText(row.state, stateOf(job))
    setText(row.time, spanOf(durationMs ?? nowMs))
    const costMs = cancel && (cancel.ms ?? nowMs - cancel.requestedMs)
    setText(row.cost, costMs === undefined ? '' : `${spanOf(costMs)}${forced ? ' forced' : ''}`)
    const sentence = sentenceOf(job)
    if (row.button.ariaLabel !== sentence) row.button.ariaLabel = sentence
    row.button.ariaExpanded = String(isOpen)
    const shared = { from: window.from - registeredAt, to: window.to - registeredAt }
    const scale = scaleKind === 'shared' ? shared : { from: 0, to: durationMs ?? nowMs }
    row.track.toggleAttribute('data-gone', durationMs !== undefined && durationMs < scale.from)
    drawSpans(row.track, spans, scale, nowMs, cancel?.requestedMs)
    row.panel.hidden = !isOpen
    const wanted = isOpen ? JSON.stringify([job, isLive(job) && nowMs]) : ''
    if (wanted !== row.drawn && isOpen) showDetail(row.panel, job, nowMs)
    row.drawn = wanted
  }

  /** @param {string} jobId */
  function open(jobId) {
    openId = jobId
    history.replaceState(null, '', jobId ? `#${encodeURIComponent(jobId)}` : location.pathname)
    draw()
    rows.get(jobId)?.item.scrollIntoView({ block: 'nearest' })
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.key === 'Escape' && openId) {
      rows.get(openId)?.button.focus()
      return open('')
    }
    const buttons = /** @type {HTMLButtonElement[]} */ ([...list.querySelectorAll('.lane__row')])
    const here = buttons.findIndex((button) => button.matches(':focus'))
    /** @type {Record<string, number>} */
    const targets = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 }
    const target = here < 0 ? undefined : targets[event.key]
    if (target === undefined) return
    event.preventDefault()
    buttons[target]?.focus()
  }
}

/**
 * From the first registration that is shown to now, or to the last end when nothing is live.
 * @param {readonly InspectedJob[]} jobs
 * @param {number} now
 * @returns {Scale}
 */
function windowOf(jobs, now) {
  const ends = jobs.map(({ registeredAt, durationMs }) => (durationMs === undefined ? now : registeredAt + durationMs))
  const to = jobs.length > 0 ? Math.max(...ends) : now
  const first = Math.min(to, ...jobs.map(({ registeredAt }) => registeredAt))
  return { from: to - Math.min(WINDOW_MS, Math.max(MIN_WINDOW_MS, to - first)), to }
}
