// @ts-check
// Spans and ticks as boxes. Elements are kept from look to look, so that they glide instead of blinking.

/** @import { Span } from '../timeline.ts' */

/**
 * @typedef {object} Scale
 * @property {number} from milliseconds at the left edge
 * @property {number} to milliseconds at the right edge
 */

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function element(name, className, text) {
  const made = document.createElement(name)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

/**
 * Writes only what is new: screen readers and selections notice every write.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text
}

/**
 * @param {HTMLElement} track
 * @param {readonly Span[]} spans
 * @param {Scale} scale
 * @param {number} nowMs where spans that go on end
 * @param {number} [requestedMs] of a cancel
 */
export function drawSpans(track, spans, scale, nowMs, requestedMs) {
  const boxes = childrenFor(track, spans.length + (requestedMs === undefined ? 0 : 1))
  let steps = 0
  for (const [index, { kind, label, startMs, endMs = nowMs, isForced }] of spans.entries()) {
    const box = boxes[index]
    if (!box) continue
    box.className = 'span'
    box.dataset.kind = kind
    box.toggleAttribute('data-forced', isForced === true)
    box.toggleAttribute('data-odd', kind === 'step' && steps++ % 2 === 1)
    box.title = label
    place(box, startMs, endMs, scale)
  }
  const mark = requestedMs === undefined ? undefined : boxes[spans.length]
  if (!mark || requestedMs === undefined) return
  mark.className = 'mark'
  mark.hidden = requestedMs < scale.from
  mark.style.left = percent(requestedMs, scale)
}

/**
 * Ticks that count back from the right edge; none without a scale.
 * @param {HTMLElement} axis
 * @param {Scale | undefined} scale
 * @param {(ms: number) => string} labelOf
 */
export function drawTicks(axis, scale, labelOf) {
  const { from, to } = scale ?? { from: 0, to: 0 }
  const step = tickStep(to - from)
  const ticks = childrenFor(axis, scale ? Math.floor((to - from) / step) + 1 : 0)
  for (const [index, tick] of ticks.entries()) {
    tick.className = 'tick'
    setText(tick, labelOf(-index * step))
    tick.style.left = percent(to - index * step, { from, to })
    tick.hidden = index * step > (to - from) * 0.92 // its words would run into the next column
  }
}

/**
 * A step of 1, 2 or 5 times a power of ten, about five of them.
 * @param {number} range
 */
function tickStep(range) {
  const rough = Math.max(range, 1) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 5, 10].find((one) => one * power >= rough) ?? 10
  return factor * power
}

/**
 * @param {HTMLElement} parent
 * @param {number} count
 * @returns {HTMLElement[]}
 */
function childrenFor(parent, count) {
  while (parent.childElementCount > count) parent.lastElementChild?.remove()
  while (parent.childElementCount < count) parent.append(element('i'))
  return /** @type {HTMLElement[]} */ ([...parent.children])
}

/**
 * @param {HTMLElement} box
 * @param {number} startMs
 * @param {number} endMs
 * @param {Scale} scale
 */
function place(box, startMs, endMs, scale) {
  const start = Math.max(startMs, scale.from)
  const end = Math.min(Math.max(endMs, start), scale.to)
  box.hidden = endMs < scale.from
  box.style.left = percent(start, scale)
  box.style.width = `${(100 * (end - start)) / Math.max(scale.to - scale.from, 0.001)}%`
}

/**
 * @param {number} ms
 * @param {Scale} scale
 */
function percent(ms, { from, to }) {
  return `${Math.min(100, Math.max(0, (100 * (ms - from)) / Math.max(to - from, 0.001)))}%`
}
