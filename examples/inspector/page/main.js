// @ts-check
// Looks at the server again and again: often while something is live, seldom otherwise, never while nobody sees the page.

import { createLanes } from './lanes.js'
import { isLive, sentenceOf } from './words.js'

/** @import { InspectedJob, InspectedJobs } from '../inspector.ts' */

const LIVE_MS = 400
const IDLE_MS = 1_000
const FAILED_MS = 4_000
const ANSWER_LIMIT_MS = 5_000

const lanes = createLanes(byId('lanes'), byId('axis'))
const pause = byId('pause')
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer
let isLooking = false
/** @type {boolean | undefined} */
let wasOpenLive

for (const input of document.querySelectorAll('input[name="scale"]')) {
  input.addEventListener('change', () => {
    if (input instanceof HTMLInputElement) lanes.scaleBy(input.value === 'own' ? 'own' : 'shared')
  })
}
pause.addEventListener('click', () => {
  pause.ariaPressed = String(pause.ariaPressed !== 'true')
  void look()
})
document.addEventListener('visibilitychange', () => void look())
await look()

async function look() {
  if (isLooking) return
  clearTimeout(timer)
  if (document.hidden || pause.ariaPressed === 'true') return
  isLooking = true
  let waitMs = FAILED_MS
  try {
    const response = await fetch('jobs', { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) })
    if (!response.ok) throw new Error(String(response.status))
    /** @type {InspectedJobs} */
    const inspected = await response.json()
    show(inspected)
    waitMs = inspected.jobs.some(isLive) ? LIVE_MS : IDLE_MS
  } catch {
    document.body.dataset.state = 'away'
    byId('summary').textContent = 'The server does not answer, or does not allow this page. Trying again...'
  }
  isLooking = false
  timer = setTimeout(() => void look(), waitMs)
}

/** @param {InspectedJobs} inspected */
function show(inspected) {
  const { jobs, hidden } = inspected
  lanes.show(inspected)
  document.body.dataset.state = jobs.some(isLive) ? 'live' : 'idle'
  byId('summary').textContent = summaryOf(jobs, hidden)
  byId('empty').hidden = jobs.length > 0
  const open = jobs.find(({ jobId }) => jobId === lanes.openId)
  if (open && wasOpenLive && !isLive(open)) byId('news').textContent = sentenceOf(open)
  wasOpenLive = open && isLive(open)
}

/**
 * @param {readonly InspectedJob[]} jobs
 * @param {number} hidden
 */
function summaryOf(jobs, hidden) {
  const parts = /** @type {const} */ (['pending', 'running', 'cancelling', 'committing']).flatMap((status) => {
    const count = jobs.filter((job) => job.status === status).length
    return count > 0 ? [`${count} ${status}`] : []
  })
  const ended = jobs.filter((job) => !isLive(job)).length
  return [...parts, `${ended} ended`, ...(hidden > 0 ? [`${hidden} older not shown`] : [])].join(' · ')
}

/** @param {string} id */
function byId(id) {
  const found = document.getElementById(id)
  if (!found) throw new Error(id)
  return found
}
