import type { CancelRequest } from '../../core/job-store.js'
import { RECORD_VERSION } from '../job-fields.js'
import { luaJson } from '../lua-json.js'
import type { ScriptSetting, SendScript } from '../script-runner.js'
import { keysOf } from './parts/base.js'
import { scriptText } from './script.js'

/** Sends what is urgent about the cancel of another node's job. Never rejects: {@link requestCancel} follows, and answers for both. */
export type CancelRunning = (request: CancelRequest) => Promise<unknown>

/**
 * What is urgent about a cancel: it stands in the record, and the owner is told. Durable before anybody hears of it: append and
 * renewLeases bring it to the owner, the hint only makes it fast. All else is left to whoever comes next, as `unlogged` says.
 *
 * It uses none of the shared parts, and is sent alone: with them, and the log and the answer in the same step, a token on another
 * node fired 2.2 PUBLISHes after the call instead of 1.5.
 */
const CANCEL_RUNNING = scriptText(`
local channel, ahead, id, cancel_id, reason, only = unpack(ARGV)
local job = redis.call('HMGET', KEYS[1], 'v', 'status', 'fencingToken', 'node')
if job[1] ~= '${RECORD_VERSION}' or job[2] ~= 'running' or (only ~= '' and only ~= job[3]) then return end
local time = redis.call('TIME')
local now = string.format('%.0f', math.floor(time[1] * 1000 + time[2] / 1000 + ahead))
local cancel = '{"reason":' .. reason .. ',"requestedAt":' .. now .. ',"id":"' .. cancel_id .. '"}'
redis.call('HSET', KEYS[1], 'status', 'cancelling', 'cancel', cancel, 'unlogged', '1')
redis.call('PUBLISH', channel .. ':node:' .. job[4], id .. '\\n' .. job[3] .. '\\n' .. reason)
`)

export function runningCanceller(send: SendScript, { root, channel, aheadMs }: ScriptSetting): CancelRunning {
  return ({ jobId, cancelId, reason, fencingToken }) => {
    const args = [channel, String(aheadMs()), jobId, cancelId, luaJson(reason), String(fencingToken ?? '')]
    return send(CANCEL_RUNNING, keysOf(root, jobId).job, args).catch(ignore)
  }
}

function ignore(): void {}
