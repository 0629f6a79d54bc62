/** The two languages of this program. The library has its own words for how a generation ends. */
export type Locale = 'fr' | 'en'

/** What this program says, besides the library's own messages. */
export interface Words {
  readonly model: string
  readonly localModel: string
  readonly training: string
  readonly trainingProgress: (percent: number) => string
  readonly trained: (seconds: string) => string
  readonly preparing: string
  readonly interruptHint: string
  readonly tokens: (count: number) => string
  readonly saved: (file: string) => string
  readonly nothingSaved: string
  readonly help: string
  readonly seeHelp: string
  readonly unknownOption: (option: string) => string
  readonly missingValue: (option: string) => string
  readonly unexpectedValue: (option: string) => string
  readonly wrongValue: (option: string, expected: string) => string
  readonly wholeNumber: string
  readonly positiveNumber: string
  readonly notBlank: string
  readonly writable: string
  readonly oneOf: (values: readonly string[]) => string
  readonly needsSubject: string
}

const fr: Words = {
  model: 'Modèle :',
  localModel: 'local, n-grammes du corpus Brown (il écrit en anglais)',
  training: 'Apprentissage du modèle local, une seule fois...',
  trainingProgress: (percent) => `Apprentissage ${percent} %`,
  trained: (seconds) => `Modèle local appris en ${seconds} s`,
  preparing: 'Préparation...',
  interruptHint: 'Ctrl-C pour interrompre',
  tokens: (count) => `${count} tokens`,
  saved: (file) => `Dialogue enregistré : ${file}`,
  nothingSaved: 'Aucun fichier écrit',
  help: `Usage : npm start -- [options] ["instructions"]

Génère un dialogue pour Unity et l'écrit en entier dans ./dialogues/<jobId>.json, ou pas du tout.
Ctrl-C interrompt la génération, un second Ctrl-C force l'arrêt.

  --characters A,B        personnages de la scène (défaut : Mira,Old Tom)
  --npc NOM               celui qui parle (défaut : le premier personnage)
  --player NOM            le personnage du joueur
  --max-choices N         au plus N choix ; 0 : aucun
  --choices-mode MODE     free (aucun, ou 2 à 8 ; défaut) ou capped (au plus 8)
  --out DOSSIER           où écrire (défaut : dialogues)
  --seed TEXTE            même texte, même dialogue (modèle local)
  --pace N                tokens par 10 ms (modèle local ; défaut : 2)
  --fast                  sans attente
  --local                 le modèle local, même si un fournisseur est configuré
  --cache DOSSIER         où garder le modèle local (défaut : node_modules/.cache)
  --json                  une ligne JSON par événement sur stdout
  --locale fr|en          langue (défaut : fr)
  --help                  cette aide

Sans fournisseur, un petit modèle local écrit le dialogue ; son premier départ l'entraîne en quelques secondes.
Avec OPENAI_API_KEY ou OPENAI_BASE_URL (et OPENAI_MODEL), ou avec ANTHROPIC_API_KEY (et ANTHROPIC_MODEL), ce fournisseur l'écrit.

Code de sortie : 0 terminé, 1 échec, 2 arguments invalides, 130 interrompu.`,
  seeHelp: "Voir --help pour l'aide.",
  unknownOption: (option) => `Option inconnue : ${option}`,
  missingValue: (option) => `${option} attend une valeur`,
  unexpectedValue: (option) => `${option} n'attend pas de valeur`,
  wrongValue: (option, expected) => `${option} attend ${expected}`,
  wholeNumber: 'un nombre entier à partir de 0',
  positiveNumber: 'un nombre plus grand que 0',
  notBlank: 'un texte qui ne soit pas vide',
  writable: 'un dossier où écrire',
  oneOf: (values) => values.join(' ou '),
  needsSubject: 'Veuillez sélectionner au moins un personnage ou ajouter des instructions',
}

const en: Words = {
  model: 'Model:',
  localModel: 'local, n-grams of the Brown corpus',
  training: 'Training the local model, this once...',
  trainingProgress: (percent) => `Training ${percent} %`,
  trained: (seconds) => `Local model trained in ${seconds} s`,
  preparing: 'Preparing...',
  interruptHint: 'Ctrl-C to interrupt',
  tokens: (count) => `${count} tokens`,
  saved: (file) => `Dialogue saved: ${file}`,
  nothingSaved: 'No file was written',
  help: `Usage: npm start -- [options] ["instructions"]

Generates a dialogue for Unity and writes it to ./dialogues/<jobId>.json as a whole, or not at all.
Ctrl-C interrupts the generation, a second Ctrl-C forces the end.

  --characters A,B        characters of the scene (default: Mira,Old Tom)
  --npc NAME              who speaks (default: the first character)
  --player NAME           the player's character
  --max-choices N         at most N choices; 0: none
  --choices-mode MODE     free (none, or 2 to 8; default) or capped (at most 8)
  --out DIR               where to write (default: dialogues)
  --seed TEXT             same text, same dialogue (local model)
  --pace N                tokens in 10 ms (local model; default: 2)
  --fast                  no waiting
  --local                 the local model, also if a provider is configured
  --cache DIR             where to keep the local model (default: node_modules/.cache)
  --json                  one line of JSON for each event on stdout
  --locale fr|en          language (default: fr)
  --help                  this help

Without a provider, a small local model writes the dialogue; its first start trains it in a few seconds.
With OPENAI_API_KEY or OPENAI_BASE_URL (and OPENAI_MODEL), or with ANTHROPIC_API_KEY (and ANTHROPIC_MODEL), that provider does.

Exit code: 0 finished, 1 failed, 2 wrong arguments, 130 interrupted.`,
  seeHelp: 'See --help.',
  unknownOption: (option) => `Unknown option: ${option}`,
  missingValue: (option) => `${option} needs a value`,
  unexpectedValue: (option) => `${option} takes no value`,
  wrongValue: (option, expected) => `${option} needs ${expected}`,
  wholeNumber: 'a whole number, 0 or more',
  positiveNumber: 'a number above 0',
  notBlank: 'a text that is not blank',
  writable: 'a directory that can be written',
  oneOf: (values) => values.join(' or '),
  needsSubject: 'Select at least one character or add instructions',
}

const WORDS: Record<Locale, Words> = { fr, en }

export function wordsOf(locale: Locale): Words {
  return WORDS[locale]
}
