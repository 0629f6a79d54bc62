import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { client } from './client.ts'
import { keepJobInAddress } from './job-in-address.ts'

const root = document.getElementById('root')
if (!root) throw new Error('The page has no place for the app.')
keepJobInAddress(client)
createRoot(root).render(
  <StrictMode>
    <App client={client} />
  </StrictMode>,
)
