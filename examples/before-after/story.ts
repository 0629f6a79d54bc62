import type { Server } from 'node:http'
import type { Archive } from './archive.ts'
import type { Ask } from './ask.ts'

/** A server that writes stories: `POST /jobs`, `GET /jobs/{id}/stream`, `POST /jobs/{id}/cancel`. */
export type Story = (parts: { ask: Ask; archive: Archive }) => {
  readonly server: Server
  /** What it does at SIGTERM. */
  shutDown(): Promise<void>
}
