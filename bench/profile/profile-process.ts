// Takes one profile in a process of its own, so that it shows the heap and the compiled code of one question only.
import { argv, exit } from 'node:process'
import { PROFILES } from './profiles.ts'

const [, , name = ''] = argv
const profile = PROFILES[name]
if (!profile) throw new Error(`no profile is called ${name}`)
const tables = await profile.take()
process.send?.(tables, () => exit(0))
