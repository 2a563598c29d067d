import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { type createMemoryNonces, createResource } from 'countersign/resource'
import { signRequest } from 'countersign/signatures'
import { createScriptedUser } from './scripted-user.js'
import { createWorld, ids, protectedApi, scopes, type World, type WorldOptions } from './world.js'

export const person = { username: 'testuser', password: 'testpass' }

export interface Prompted {
  world: World
  /** The consent pages that the user saw. */
  pages: string[]
  /** The responses to Allow. */
  decisions: Response[]
}

/** A user who allows each request, for the given duration or the preselected one. */
export async function prompted(
  duration?: string,
  options: WorldOptions = {},
  beforeAllow: () => void = () => undefined,
): Promise<Prompted> {
  const pages: string[] = []
  const decisions: Response[] = []
  const world = await createWorld({
    ...options,
    async onConsent(created, url) {
      const user = createScriptedUser(created.fetch)
      await user.submit(await (await user.open(url)).text(), url, { ...person, action: 'login' })
      const page = await (await user.open(url)).text()
      pages.push(page)
      beforeAllow()
      const decided = await user.submit(page, url, { consent: 'grant', ...(duration ? { duration } : {}) })
      decisions.push(decided)
      if (decided.status === 303) void user.open(decided.headers.get('location') ?? '')
    },
  })
  return { world, pages, decisions }
}

export const remove = (world: World, path = '/data', init: RequestInit = {}) =>
  world.agent.fetch(ids.resource + path, { method: 'DELETE', ...init })

/** The token of the last request that the agent sent to the resource. */
export function tokenOf({ sent }: World): string {
  const last = sent.findLast(({ url }) => url.startsWith(ids.resource))
  return /jwt="([^"]+)"/.exec(last?.headers.get('signature-key') ?? '')?.[1] ?? ''
}

/** Uses a token in another request, as the agent that holds its key. */
export async function reuse(
  { agentSigner, clock }: World,
  jwt: string,
  path: string,
  init: RequestInit,
): Promise<Request> {
  const signatureKey = { scheme: 'jwt', jwt } as const
  const options = { profile: january.signing, signer: agentSigner, signatureKey, created: clock.now }
  return signRequest(new Request(ids.resource + path, init), options)
}

export const refused = async (response: Response) => ({
  status: response.status,
  error: ((await response.json()) as { error: string }).error,
  asksAgain: response.headers.get('agent-auth')?.includes('resource_token=') ?? false,
})

/** Another process that runs the resource, with its own key. */
export async function secondInstance(
  { fetch, clock }: World,
  options: { claimNonce?: ReturnType<typeof createMemoryNonces> } = {},
) {
  const signer = await createSigner(await generatePrivateJwk({ kid: 'resource-key-2' }))
  const now = () => clock.now
  const resource = createResource({
    id: ids.resource,
    signer,
    authServer: ids.authServer,
    scopes,
    fetch,
    now,
    ...options,
  })
  return protectedApi(resource)
}
