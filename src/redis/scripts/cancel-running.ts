import type { CancelRequest } from '../../core/job-store.js'
import { systemClock } from '../../core/system-clock.js'
import { RECORD_VERSION } from '../job-fields.js'
import { luaJson } from '../lua-json.js'
import type { ScriptSetting, SendScript } from '../script-runner.js'
import { keysOf } from './parts/base.js'
import { scriptText } from './script.js'

/**
 * Sends what is urgent about the cancel of another node's job, and gives it the start that it needs. Never rejects:
 * {@link requestCancel} follows, and answers for both, whichever of them arrives first.
 */
export type CancelRunning = (request: CancelRequest) => Promise<void>

/** The server would read both at once, and tell the owner after the second; but a slow network is not waited for twice. */
const START_MS = 20

/**
 * What is urgent about a cancel: it stands in the record, and the owner is told. Durable before anybody hears of it: append and
 * renewLeases bring it to the owner, the hint only makes it fast. All else is left to the next cancel, or to the end, as `unlogged` says.
 *
 * It uses none of the shared parts, and is sent alone: with them, and the log and the answer in the same step, a token on another
 * node fired 2.1 PUBLISHes after the call instead of 1.6.
 */
const CANCEL_RUNNING = scriptText(`
local channel, ahead, id, cancel_id, reason = unpack(ARGV)
local job = redis.call('HMGET', KEYS[1], 'v', 'status', 'fencingToken', 'node')
if job[1] ~= '${RECORD_VERSION}' or job[2] ~= 'running' then return end
local time = redis.call('TIME')
local now = string.format('%.0f', math.floor(time[1] * 1000 + time[2] / 1000 + ahead))
local cancel = '{"reason":' .. reason .. ',"requestedAt":' .. now .. ',"id":"' .. cancel_id .. '"}'
redis.call('HSET', KEYS[1], 'status', 'cancelling', 'cancel', cancel, 'unlogged', '1')
redis.call('PUBLISH', channel .. ':node:' .. job[4], id .. '\\n' .. job[3] .. '\\n' .. reason)
`)

export function runningCanceller(send: SendScript, { root, channel, aheadMs }: ScriptSetting): CancelRunning {
  return ({ jobId, cancelId, reason }) => {
    const args = [channel, String(aheadMs()), jobId, cancelId, luaJson(reason)]
    return new Promise((resolve) => {
      const forget = systemClock.setTimer(START_MS, resolve)
      const answered = (): void => {
        forget()
        resolve()
      }
      send(CANCEL_RUNNING, keysOf(root, jobId).job, args).then(answered, answered)
    })
  }
}
