// The ten-minute Stop button: the browser. The page has buttons #start and #stop, and a place for the #story.
import { createGenerationClient } from 'generation-jobs/client'

const at = (id: string) => document.getElementById(id) as HTMLButtonElement
const client = createGenerationClient({ baseUrl: '/api/generate', headers: { 'x-user': 'ann' } })
at('start').onclick = () => client.start({ about: 'a dragon' })
at('stop').onclick = () => client.interrupt()
client.subscribe(() => {
  const { text, message = '', canInterrupt } = client.getState()
  at('story').textContent = `${text}${message}`
  at('stop').disabled = !canInterrupt
})
