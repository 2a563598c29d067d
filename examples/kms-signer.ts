import { createHash, createPublicKey } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createRemoteSigner, type PublicJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { fileStore, loopbackConsent } from 'countersign/node'

const {
  AGENT_ID = 'https://me.example', // a URL of yours, where the agent's two documents are
  AUTH_SERVER = 'https://auth.example', // the only one that you would type a password at
  API = 'https://api.example/events',
  KMS = 'https://cloudkms.googleapis.com',
  KMS_KEY = 'projects/P/locations/L/keyRings/R/cryptoKeys/agent/cryptoKeyVersions/1', // EC_SIGN_P256_SHA256
  KMS_TOKEN = '', // such as: gcloud auth print-access-token
} = process.env

/** Asks the key service, in a few seconds, and once or twice more where it has no time. */
async function ask(path: string, init: RequestInit = {}): Promise<Record<string, string>> {
  for (let left = 2; ; left -= 1) {
    const headers = { authorization: `Bearer ${KMS_TOKEN}`, 'content-type': 'application/json' }
    const response = await fetch(`${KMS}/v1/${KMS_KEY}${path}`, { ...init, headers, signal: AbortSignal.timeout(3000) })
    if (response.ok) return (await response.json()) as Record<string, string>
    if (left === 0 || (response.status !== 429 && response.status < 500))
      throw new Error(`The key service answered ${response.status}: ${await response.text()}`)
    await pause(1000 / (1 + left))
  }
}

const { pem = '' } = await ask('/publicKey')
const signer = await createRemoteSigner({
  jwk: createPublicKey(pem).export({ format: 'jwk' }) as PublicJwk,
  dsaEncoding: 'der',
  async sign(bytes) {
    const digest = { sha256: createHash('sha256').update(bytes).digest('base64') }
    const { signature = '' } = await ask(':asymmetricSign', { method: 'POST', body: JSON.stringify({ digest }) })
    return Buffer.from(signature, 'base64')
  },
})

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
