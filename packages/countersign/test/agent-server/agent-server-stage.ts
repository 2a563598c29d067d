import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import {
  type AgentServer,
  type AgentServerOptions,
  createAgentServer,
  type EnrollmentRequest,
  memoryDelegates,
} from 'countersign/agent-server'
import { january } from 'countersign/editions'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { createTestWorld, type TestWorld } from 'countersign/testing'

export const id = 'https://agent.test'
export const api = 'https://api.test'

export const newSigner = async () => createSigner(await generatePrivateJwk())

export interface AgentServerStage {
  world: TestWorld
  server: AgentServer
  signer: Signer
  /** The enrollments that the vendor's check saw, in order. */
  checked: EnrollmentRequest[]
}

/** An agent server in a test world. A credential is the name under which its installation is enrolled, and works any number of times. */
export async function openAgentServer(options: Partial<AgentServerOptions> = {}): Promise<AgentServerStage> {
  const world = await createTestWorld({ now: 1_800_000_000 })
  const signer = await newSigner()
  const checked: EnrollmentRequest[] = []
  const server = createAgentServer({
    id,
    signer,
    redirectUris: ['http://127.0.0.1/callback'],
    delegates: memoryDelegates(),
    enroll(request) {
      checked.push(request)
      return request.credential === undefined ? undefined : { name: request.credential }
    },
    now: world.now,
    ...options,
  })
  world.origins.set(id, (request) => server.handler(request))
  return { world, server, signer, checked }
}

/** How a form is signed; by default with the key in its header. */
export interface FormSigning {
  created?: number
  signatureKey?: KeyReference
  nonce?: 'automatic' | 'never'
}

export function keyInHeader({ jwk }: Pick<Signer, 'jwk'>): KeyReference {
  const { kty, crv, x } = jwk as Record<string, string>
  return { scheme: 'hwk', jwk: { kty, crv, x } as Record<string, string> }
}

/** A signed form, as an installation sends it. */
export async function signForm(
  { world }: Pick<AgentServerStage, 'world'>,
  path: string,
  form: Record<string, string>,
  signer: Signer,
  { created = world.now(), signatureKey = keyInHeader(signer), nonce = 'automatic' }: FormSigning = {},
): Promise<Request> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = new URLSearchParams(form).toString()
  const request = new Request(id + path, { method: 'POST', headers, body })
  return signRequest(request, { signer, profile: january.signing, signatureKey, created, nonce })
}

/** The status of a response, and the code in it. */
export async function codeOf(response: Response): Promise<[status: number, error: unknown]> {
  return [response.status, ((await response.json()) as { error?: unknown }).error]
}
