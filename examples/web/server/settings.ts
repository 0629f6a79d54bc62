export interface Settings {
  readonly port: number
  /** Where finished dialogues go: one folder for each guest, one file for each dialogue. */
  readonly directory: string
}

const DEFAULT_PORT = 5173

/** What the environment says: `PORT` (0: any free one) and `DIALOGUES`, a folder. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const { PORT, DIALOGUES } = environment
  const port = PORT ? Number(PORT) : DEFAULT_PORT
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('PORT: expected 0 to 65535')
  return { port, directory: DIALOGUES || 'dialogues' }
}
