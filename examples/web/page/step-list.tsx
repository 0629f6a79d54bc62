import type { ModalStep } from 'generation-jobs/react'

const LABELS: Record<string, string> = {
  Prompting: 'Préparation',
  Generating: 'Écriture',
  Validating: 'Validation',
  Committing: 'Sauvegarde',
}

export function stepLabel(name: string): string {
  return LABELS[name] ?? name
}

export function StepList({ steps }: { readonly steps: readonly ModalStep[] }) {
  return (
    <ol className="steps" aria-label="Étapes">
      {steps.map(({ name, status }) => (
        <li key={name} data-step={name} data-status={status} aria-current={status === 'active' ? 'step' : undefined}>
          {stepLabel(name)}
        </li>
      ))}
    </ol>
  )
}
