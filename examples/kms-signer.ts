import { createHash, createPublicKey } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createRemoteSigner, type PublicJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { fileStore, loopbackConsent } from 'countersign/node'

const {
  AGENT_ID = 'https://me.example', // your URL, which publishes the agent's two documents
  AUTH_SERVER = 'https://auth.example', // the only server where you would enter your password
  API = 'https://api.example/events',
  KMS = 'https://cloudkms.googleapis.com',
  KMS_KEY = 'projects/P/locations/L/keyRings/R/cryptoKeys/agent/cryptoKeyVersions/1', // EC_SIGN_P256_SHA256
  KMS_TOKEN = '', // for example: gcloud auth print-access-token
} = process.env

/** Calls the key service with a timeout of three seconds, and retries twice if it is overloaded. */
async function callKms(path: string, init: RequestInit = {}): Promise<Record<string, string>> {
  for (let left = 2; ; left -= 1) {
    const headers = { authorization: `Bearer ${KMS_TOKEN}`, 'content-type': 'application/json' }
    const response = await fetch(`${KMS}/v1/${KMS_KEY}${path}`, { ...init, headers, signal: AbortSignal.timeout(3000) })
    if (response.ok) return (await response.json()) as Record<string, string>
    if (left === 0 || (response.status !== 429 && response.status < 500))
      throw new Error(`The key service returned ${response.status}: ${await response.text()}`)
    await pause(1000 / (1 + left))
  }
}

try {
  const { pem = '' } = await callKms('/publicKey')
  const signer = await createRemoteSigner({
    jwk: createPublicKey(pem).export({ format: 'jwk' }) as PublicJwk,
    dsaEncoding: 'der',
    async sign(bytes) {
      const digest = { sha256: createHash('sha256').update(bytes).digest('base64') }
      const { signature = '' } = await callKms(':asymmetricSign', { method: 'POST', body: JSON.stringify({ digest }) })
      return Buffer.from(signature, 'base64')
    },
  })

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
    const response = await agent.fetch(API)
    console.log(response.status, await response.text())
    process.exitCode = response.ok ? 0 : 1
  }
} catch (error) {
  if (!(error instanceof Error)) throw error
  console.error(error instanceof TypeError && error.cause instanceof Error ? error.cause.message : error.message)
  process.exitCode = 1
}
