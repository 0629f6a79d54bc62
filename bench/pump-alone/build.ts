import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'tsup'

const outDir = fileURLToPath(new URL('../results/pump-alone/', import.meta.url))

/** Bundles the pump from src/ as the package is built. */
export async function buildPumpAlone(): Promise<void> {
  await build({
    config: false,
    silent: true,
    entry: { 'pump-alone': fileURLToPath(new URL('entry.ts', import.meta.url)) },
    outDir,
    format: ['esm'],
    target: 'node20',
    removeNodeProtocol: false,
    dts: false,
  })
}

export async function loadPumpAlone(): Promise<typeof import('./entry.ts')> {
  return import(pathToFileURL(`${outDir}pump-alone.js`).href)
}
