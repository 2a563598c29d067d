import { createSigner, generatePrivateJwk } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { createDelegate } from 'countersign/delegate'
import { githubActionsToken, kubernetesToken, readPrivateFile, writePrivateFile } from 'countersign/node'

const {
  AGENT_ID = 'https://jobs.example', // your agent server
  AUTH_SERVER = 'https://auth.example', // has a policy for this workload
  API = 'https://api.example/events',
  TOKEN_FILE, // in Kubernetes: the projected token. Without it, the job runs in GitHub Actions
  KEY_FILE, // in Kubernetes: keeps the key if the container restarts
} = process.env

/** A key for this job or pod, which never leaves it. */
async function ownKey() {
  const stored = KEY_FILE && (await readPrivateFile(KEY_FILE))
  if (stored) return JSON.parse(stored)
  const jwk = await generatePrivateJwk()
  if (KEY_FILE) await writePrivateFile(KEY_FILE, JSON.stringify(jwk))
  return jwk
}

const allowInsecureLoopback = AGENT_ID.startsWith('http:') // plain http, to try it on this machine
const delegate = createDelegate({
  id: AGENT_ID,
  signer: await createSigner(await ownKey()),
  platformToken: TOKEN_FILE ? kubernetesToken(TOKEN_FILE) : githubActionsToken(AGENT_ID),
  allowInsecureLoopback,
})
const agent = createAgent({
  ...delegate,
  authServers: [AUTH_SERVER],
  onePerson: true, // the job itself: no user is ever asked
  allowInsecureLoopback,
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
