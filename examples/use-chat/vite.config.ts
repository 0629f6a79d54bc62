import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import type { InlineConfig } from 'vite'

const config: InlineConfig = {
  root: fileURLToPath(new URL('./page', import.meta.url)),
  plugins: [react()],
  build: { target: 'es2022', modulePreload: { polyfill: false } },
  logLevel: 'warn',
}

export default config
