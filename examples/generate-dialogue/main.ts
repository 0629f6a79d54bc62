import { parseArguments } from './arguments.ts'
import { generateDialogue } from './generate-dialogue.ts'
import { wordsOf } from './words.ts'

// Whoever reads our output went away (`npm start | head`): there is nobody left to generate for.
process.stdout.on('error', () => process.exit(1))

const parsed = parseArguments(process.argv.slice(2))
switch (parsed.kind) {
  case 'help':
    console.log(wordsOf(parsed.locale).help)
    break
  case 'wrong':
    console.error(parsed.problem)
    console.error(wordsOf(parsed.locale).seeHelp)
    process.exitCode = 2
    break
  case 'run':
    process.exitCode = await generateDialogue(parsed.arguments)
    break
}
