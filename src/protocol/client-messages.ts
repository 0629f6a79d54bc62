/** Every sentence that a browser says by itself; errors and cancels of the server come with theirs. A whole `Messages` will do. */
export interface ClientMessages {
  readonly generating: string
  readonly interrupting: string
  readonly interrupted: string
  /** The interrupt took too long and the stream was closed by force. */
  readonly interruptForced: string
  readonly completed: string
  readonly failed: string
  /** Answer to a cancel that came after the commit began. */
  readonly tooLate: string
  readonly alreadyCancelled: string
  readonly errors: { readonly 'client.connection-lost': string; readonly 'client.unexpected-answer': string }
}

const fr: ClientMessages = {
  generating: 'Génération en cours...',
  interrupting: 'Interruption en cours...',
  interrupted: 'Génération interrompue',
  interruptForced: 'Interruption terminée',
  completed: 'Génération terminée',
  failed: 'Génération échouée',
  tooLate: "Trop tard pour interrompre : le résultat est en cours d'enregistrement",
  alreadyCancelled: 'La génération était déjà annulée',
  errors: {
    'client.connection-lost': 'La connexion au serveur est perdue',
    'client.unexpected-answer': 'Le serveur a donné une réponse inattendue',
  },
}

const en: ClientMessages = {
  generating: 'Generating...',
  interrupting: 'Interrupting...',
  interrupted: 'Generation interrupted',
  interruptForced: 'Interruption finished',
  completed: 'Generation finished',
  failed: 'Generation failed',
  tooLate: 'Too late to interrupt: the result is being saved',
  alreadyCancelled: 'The generation was already cancelled',
  errors: {
    'client.connection-lost': 'The connection to the server is lost',
    'client.unexpected-answer': 'The server gave an unexpected answer',
  },
}

export const CLIENT_MESSAGES = { fr, en } as const

/** A language of the library, or words of your own. */
export type ClientLocale = keyof typeof CLIENT_MESSAGES | ClientMessages

export function wordsOf(locale: ClientLocale = 'fr'): ClientMessages {
  return typeof locale === 'string' ? CLIENT_MESSAGES[locale] : locale
}
