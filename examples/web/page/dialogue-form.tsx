import { type FormEvent, useId, useState } from 'react'
import type { DialogueRequest } from '../server/dialogue-request.ts'

/** The local model knows English only. */
const INSTRUCTIONS = 'The river took the bridge last night, and the letter is still on the other side.'
const CHARACTERS = 'Mira, Old Tom'
const PACE = { min: 10, max: 300, step: 10, initial: 60 }

export interface DialogueFormProps {
  /** A generation runs; there is one at a time. */
  readonly isBusy: boolean
  readonly onSubmit: (request: DialogueRequest) => void
}

export function DialogueForm({ isBusy, onSubmit }: DialogueFormProps) {
  const id = useId()
  const [instructions, setInstructions] = useState(INSTRUCTIONS)
  const [characters, setCharacters] = useState(CHARACTERS)
  const [tokensPerSecond, setTokensPerSecond] = useState(PACE.initial)
  const names = splitNames(characters)
  const hasSubject = names.length > 0 || instructions.trim() !== ''

  function submit(event: FormEvent): void {
    event.preventDefault()
    if (!isBusy && hasSubject) onSubmit({ instructions, characters: names, tokensPerSecond })
  }

  return (
    <form className="card brief" onSubmit={submit} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>La scène</h2>
      <div className="field">
        <label htmlFor={`${id}-instructions`}>Ce qui se passe</label>
        <textarea
          id={`${id}-instructions`}
          rows={4}
          maxLength={2_000}
          value={instructions}
          onChange={(event) => setInstructions(event.target.value)}
        />
      </div>
      <div className="field">
        <label htmlFor={`${id}-characters`}>Personnages</label>
        <input
          id={`${id}-characters`}
          maxLength={400}
          value={characters}
          aria-describedby={`${id}-characters-hint`}
          onChange={(event) => setCharacters(event.target.value)}
        />
        <p className="hint" id={`${id}-characters-hint`}>
          Séparés par des virgules ; le premier prend la parole.
        </p>
      </div>
      <div className="field">
        <label htmlFor={`${id}-pace`}>Rythme du modèle</label>
        <div className="pace">
          <input
            id={`${id}-pace`}
            type="range"
            min={PACE.min}
            max={PACE.max}
            step={PACE.step}
            value={tokensPerSecond}
            onChange={(event) => setTokensPerSecond(event.target.valueAsNumber)}
          />
          <output htmlFor={`${id}-pace`}>{tokensPerSecond} tokens/s</output>
        </div>
      </div>
      <button className="button button--primary" type="submit" disabled={isBusy || !hasSubject}>
        {isBusy ? 'Génération en cours...' : 'Générer le dialogue'}
      </button>
    </form>
  )
}

function splitNames(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim().slice(0, 60))
    .filter(Boolean)
    .slice(0, 8)
}
