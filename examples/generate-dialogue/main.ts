import { type Arguments, parseArguments } from './arguments.ts'
import { generateDialogue } from './generate-dialogue.ts'
import { type Locale, wordsOf } from './words.ts'
import { isWritableDirectory } from './writable-directory.ts'

// Whoever reads our output went away (`npm start | head`): there is nobody left to generate for.
process.stdout.on('error', () => process.exit(1))

const parsed = parseArguments(process.argv.slice(2))
switch (parsed.kind) {
  case 'help':
    console.log(wordsOf(parsed.locale).help)
    break
  case 'wrong':
    refuse(parsed.problem, parsed.locale)
    break
  case 'run':
    await run(parsed.arguments)
    break
}

async function run(options: Arguments): Promise<void> {
  if (!(await isWritableDirectory(options.directory))) {
    const { wrongValue, writable } = wordsOf(options.locale)
    return refuse(wrongValue('--out', writable), options.locale)
  }
  const { exitCode, leftBehind } = await generateDialogue(options)
  process.exitCode = exitCode
  // Otherwise the program ends by itself: nothing of a settled job holds it.
  if (leftBehind) process.exit()
}

function refuse(problem: string, locale: Locale): void {
  console.error(problem)
  console.error(wordsOf(locale).seeHelp)
  process.exitCode = 2
}
