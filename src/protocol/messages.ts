import type { CancelKind } from './cancel-reason.js'
import { CLIENT_MESSAGES, type ClientMessages } from './client-messages.js'
import type { ErrorCode } from './error-code.js'

/** Every sentence a person or an operator reads. Give an object of this shape as `locale` to use other words. */
export interface Messages extends ClientMessages {
  /** Answer to a cancel that is recorded, but whose job has not settled yet. */
  readonly requested: string
  readonly alreadyCompleted: string
  readonly alreadyFailed: string
  /** A cancelled generation, by kind; the first words of the log line too. */
  readonly cancelled: Readonly<Record<CancelKind, string>>
  /** A failed generation, by code. */
  readonly errors: Readonly<Record<ErrorCode, string>>
  /** The words of log lines. */
  readonly log: {
    readonly completed: string
    readonly failed: string
    readonly duration: string
    readonly step: string
    /** Step of a running job that named none. */
    readonly starting: string
    /** Step of a pending job. */
    readonly waiting: string
  }
}

const fr: Messages = {
  ...CLIENT_MESSAGES.fr,
  requested: 'Interruption demandée, la génération se termine',
  alreadyCompleted: 'La génération était déjà terminée',
  alreadyFailed: 'La génération avait déjà échoué',
  cancelled: {
    user: 'Génération annulée par utilisateur',
    deadline: 'Génération annulée par dépassement du délai',
    idle: 'Génération annulée pour inactivité',
    disconnect: 'Génération annulée après déconnexion',
    shutdown: 'Génération annulée par arrêt du serveur',
    replaced: 'Génération annulée par une nouvelle génération',
    signal: "Génération annulée par l'application",
    'lease-lost': 'Génération annulée après perte du bail',
  },
  errors: {
    ...CLIENT_MESSAGES.fr.errors,
    'options.invalid': 'La demande est invalide',
    'job.not-found': 'Génération introuvable',
    'job.exists': 'Cette génération existe déjà',
    'job.conflict': 'Une génération est déjà en cours',
    'job.cancelled': 'Génération annulée',
    'job.log-limit': 'La génération a produit trop de texte',
    'job.expired': "La génération n'est plus disponible",
    'idempotency.conflict': 'Cette clé a déjà servi pour une autre demande',
    'capacity.pending': 'Trop de générations en attente, réessayez plus tard',
    'capacity.owner': 'Trop de générations en cours, attendez la fin de la précédente',
    'cursor.expired': "Le début de la génération n'est plus disponible",
    'generation.incomplete': 'La génération est incomplète',
    'result.invalid': 'Le résultat de la génération est invalide',
    'commit.failed': "L'enregistrement a échoué",
    'commit.unknown': "L'enregistrement n'a pas répondu à temps",
    'commit.unproved': "L'enregistrement n'a pas pu être autorisé",
    'owner.lost': 'Le serveur de la génération a disparu',
    'manager.closed': "Le serveur s'arrête",
    'store.failed': 'Le service est momentanément indisponible',
    'producer.failed': 'La génération a échoué',
    'provider.rate-limited': 'Le modèle reçoit trop de demandes, réessayez plus tard',
    'provider.unauthorized': 'Le modèle a refusé les identifiants du serveur',
    'provider.unavailable': 'Le modèle est indisponible',
    'provider.refused': 'Le modèle a refusé la demande',
    'provider.malformed': 'Le modèle a envoyé une réponse illisible',
    'provider.truncated': 'La réponse du modèle est incomplète',
    'provider.failed': 'Le modèle a échoué',
    'request.unauthorized': 'Identification requise',
    'request.forbidden-origin': "Cette page n'est pas autorisée à appeler ce serveur",
    'request.not-found': 'Adresse introuvable',
    'request.method': 'Méthode non autorisée',
    'request.timeout': 'La demande est arrivée trop lentement',
    'request.too-large': 'La demande est trop longue',
    'server.failed': 'Le serveur a rencontré une erreur',
    'client.busy': 'Une génération est déjà en cours',
    'client.disposed': "La page n'écoute plus cette génération",
  },
  log: {
    completed: 'Génération terminée, cleanup automatique',
    failed: 'Génération échouée',
    duration: 'durée',
    step: 'étape',
    starting: 'démarrage',
    waiting: 'en attente',
  },
}

const en: Messages = {
  ...CLIENT_MESSAGES.en,
  requested: 'Interruption requested, the generation is ending',
  alreadyCompleted: 'The generation had already finished',
  alreadyFailed: 'The generation had already failed',
  cancelled: {
    user: 'Generation cancelled by user',
    deadline: 'Generation cancelled by deadline',
    idle: 'Generation cancelled for inactivity',
    disconnect: 'Generation cancelled after disconnect',
    shutdown: 'Generation cancelled by server shutdown',
    replaced: 'Generation cancelled by a newer generation',
    signal: 'Generation cancelled by the application',
    'lease-lost': 'Generation cancelled after loss of its lease',
  },
  errors: {
    ...CLIENT_MESSAGES.en.errors,
    'options.invalid': 'The request is invalid',
    'job.not-found': 'Generation not found',
    'job.exists': 'This generation exists already',
    'job.conflict': 'A generation is already running',
    'job.cancelled': 'Generation cancelled',
    'job.log-limit': 'The generation produced too much text',
    'job.expired': 'The generation is no longer available',
    'idempotency.conflict': 'This key was used for another request',
    'capacity.pending': 'Too many generations are waiting, try again later',
    'capacity.owner': 'Too many generations are running, wait for one to end',
    'cursor.expired': 'The beginning of the generation is no longer available',
    'generation.incomplete': 'The generation is incomplete',
    'result.invalid': 'The result of the generation is invalid',
    'commit.failed': 'Saving failed',
    'commit.unknown': 'Saving gave no answer in time',
    'commit.unproved': 'Saving could not be authorised',
    'owner.lost': 'The server of the generation was lost',
    'manager.closed': 'The server is shutting down',
    'store.failed': 'The service is temporarily unavailable',
    'producer.failed': 'The generation failed',
    'provider.rate-limited': 'The model receives too many requests, try again later',
    'provider.unauthorized': "The model refused the server's credentials",
    'provider.unavailable': 'The model is unavailable',
    'provider.refused': 'The model refused the request',
    'provider.malformed': 'The model sent an unreadable answer',
    'provider.truncated': 'The answer of the model is incomplete',
    'provider.failed': 'The model failed',
    'request.unauthorized': 'Sign in first',
    'request.forbidden-origin': 'This page may not call this server',
    'request.not-found': 'No such address',
    'request.method': 'Method not allowed',
    'request.timeout': 'The request arrived too slowly',
    'request.too-large': 'The request is too large',
    'server.failed': 'The server failed',
    'client.busy': 'A generation is already running',
    'client.disposed': 'The page no longer follows this generation',
  },
  log: {
    completed: 'Generation finished, automatic cleanup',
    failed: 'Generation failed',
    duration: 'duration',
    step: 'step',
    starting: 'starting',
    waiting: 'waiting',
  },
}

/** The languages that come with the library. */
export const MESSAGES = { fr, en } as const

/** A language of the library, or words of your own. */
export type Locale = keyof typeof MESSAGES | Messages

/** The words of a locale. @defaultValue `'fr'`, the language of the origin product */
export function messagesOf(locale: Locale = 'fr'): Messages {
  return typeof locale === 'string' ? MESSAGES[locale] : locale
}

/** The sentence for an error event: the application's own message, else ours for the code, else the general one. */
export function errorMessage(
  messages: Messages,
  error: { readonly code: string; readonly message?: string | undefined },
): string {
  return error.message ?? messages.errors[error.code as ErrorCode] ?? messages.errors['producer.failed']
}

/** The sentence for a cancelled job: what the person did is an interruption, everything else names itself. */
export function cancelledMessage(messages: Messages, kind: CancelKind): string {
  return kind === 'user' ? messages.interrupted : messages.cancelled[kind]
}
