import { Entry } from '@napi-rs/keyring'
import { createSigner, generatePrivateJwk } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { fileStore, loopbackConsent } from 'countersign/node'

const {
  AGENT_ID = 'https://me.example', // your URL, which publishes the agent's two documents
  AUTH_SERVER = 'https://auth.example', // the only server where you would enter your password
  API = 'https://api.example/events',
} = process.env

/** Returns the private key from the keychain of the logged-in user. Generates it on the first run. */
async function readKey(): Promise<string> {
  try {
    // On Linux, require a Secret Service: the kernel keyring is lost at a restart.
    const entry = new Entry('countersign', AGENT_ID, { linux: { store: 'secret-service' } })
    const stored = entry.getPassword()
    if (stored !== null) return stored
    const generated = JSON.stringify(await generatePrivateJwk())
    entry.setPassword(generated)
    return generated
  } catch (error) {
    console.error(`No keychain is available on this machine: ${String(error)}`)
    process.exit(69) // EX_UNAVAILABLE
  }
}

const signer = await createSigner(JSON.parse(await readKey()))

if (process.argv.includes('--jwks')) {
  console.log(JSON.stringify({ keys: [signer.jwk] })) // publish this as jwks.json
} else {
  const agent = createAgent({
    id: AGENT_ID,
    signer,
    authServers: [AUTH_SERVER],
    consent: loopbackConsent(),
    store: fileStore('./state'),
    allowInsecureLoopback: AGENT_ID.startsWith('http:'), // plain http, to try it on this machine
  })
  try {
    const response = await agent.fetch(API)
    console.log(response.status, await response.text())
    process.exitCode = response.ok ? 0 : 1
  } catch (error) {
    if (error instanceof TypeError && error.cause instanceof Error)
      console.error(`${API} is not responding: ${error.cause.message}`)
    else if (error instanceof AgentError) console.error(error.message)
    else throw error
    process.exitCode = 1
  }
}
