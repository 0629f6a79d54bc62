// Answers one question in a process of its own, so that no question is measured on the heap and the compiled code of another.
import { argv, exit } from 'node:process'
import { QUESTIONS } from './questions.ts'

const [, , name = '', rounds = '7'] = argv
const question = QUESTIONS[name]
if (!question) throw new Error(`no question is called ${name}`)
const rows = await question.ask({ rounds: Number(rounds) })
process.send?.(rows, () => exit(0))
