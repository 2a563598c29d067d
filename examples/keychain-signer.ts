import { Entry } from '@napi-rs/keyring'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { fileStore, loopbackConsent } from 'countersign/node'

const {
  AGENT_ID = 'https://me.example', // a URL of yours, where the agent's two documents are
  AUTH_SERVER = 'https://auth.example', // the only one that you would type a password at
  API = 'https://api.example/events',
} = process.env

/** The private key as text, in the keychain of who is logged in; made where there is none. */
async function readKey(): Promise<string> {
  try {
    // On Linux nothing else will do: the kernel's own keyring is empty after a restart.
    const entry = new Entry('countersign', AGENT_ID, { linux: { store: 'secret-service' } })
    const kept = entry.getPassword()
    if (kept !== null) return kept
    const made = JSON.stringify(await generatePrivateJwk())
    entry.setPassword(made)
    return made
  } catch (error) {
    console.error(`This machine has no keychain that can be used: ${String(error)}`)
    process.exit(69) // "not available", for whatever starts it
  }
}

const signer = await createSigner(JSON.parse(await readKey()))

if (process.argv.includes('--jwks')) {
  console.log(JSON.stringify({ keys: [signer.jwk] })) // to be published as jwks.json
} else {
  const agent = createAgent({
    id: AGENT_ID,
    signer,
    authServers: [AUTH_SERVER],
    consent: loopbackConsent(),
    store: fileStore('./state'),
    allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
  })
  const response = await agent.fetch(API)
  console.log(response.status, await response.text())
  process.exitCode = response.ok ? 0 : 1
}
