import { LruCache } from '../../lib/lru-cache.js'
import type { AgentTools, SentRequest, SignatureChoices } from '../agent-protocol.js'
import { draft11Documents } from './documents.js'
import { parseRequirement, requirementHeader } from './requirement.js'
import { type Components, draft11AgentSigning } from './signing.js'
import { hasUserToken } from './token-kinds.js'

const maxRoutes = 1000

/** How a request is signed. */
interface Signing {
  jwt: string
  /** The session token of the resource. */
  access: string | undefined
  isResource: boolean
  /** What every signature for the server covers. */
  components: Components
  /** The components that the server requires besides the usual ones. */
  required: readonly string[]
}

/** Adds the headers and components that a request needs to the agent's usual signature (draft -11 §11.3, 11.7). */
export function signatureOf(
  { interop }: Pick<AgentTools, 'interop'>,
  { headers }: Request,
  { jwt, access, isResource, components, required }: Signing,
): SignatureChoices {
  const fields: Record<string, string> = {}
  // A resource may then send users to a page, whose URL the program receives.
  if (isResource) fields['aauth-capabilities'] = 'interaction'
  if (access !== undefined) fields.authorization = `AAuth ${access}`
  const covered = [...components]
  const extra = new Set(access === undefined ? [] : ['authorization'])
  for (const name of required) {
    if (covered.some((each) => each.name === name)) continue
    const usual = draft11AgentSigning.components.find((each) => each.name === name)
    if (usual) {
      covered.push(usual)
      continue
    }
    const value = fields[name] ?? headers.get(name)
    // Components are required only if the request has them.
    if (value === null) continue
    fields[name] = value
    extra.add(name)
  }
  const profile = {
    ...draft11AgentSigning,
    components: [...covered, ...[...extra].map((name) => ({ name, when: 'always' as const }))],
    ...(interop.nonce === 'never' ? { createParameters: () => '' } : {}),
  }
  return { signatureKey: { scheme: 'jwt', jwt }, fields, profile }
}

/** How long it is known what a resource's document announces, in seconds. */
const announcedFor = 3600

/** What routes are known to require. */
export interface Routes {
  /** Whether a request is signed with the agent token, whatever other token the agent holds. */
  wantAgent(request: Request): boolean
  /** Whether a request needs a token for the user: the route required one before, or the resource's document announces it. */
  wantUser(request: Request): Promise<boolean>
  learn(response: Response, sent: SentRequest): void
}

/** Creates a cache of what the last refusal of each route required, and of what resources announce (draft -11 §11.2.4). Refusals decide. */
export function createRoutes({ discovery, now }: Pick<AgentTools, 'discovery' | 'now'>): Routes {
  const routes = new LruCache<'agent-token' | 'person-token'>(maxRoutes)
  const announced = new LruCache<boolean>(maxRoutes)
  const routeOf = ({ method, url }: Request) => `${method} ${url.replace(/[?#].*$/, '')}`
  const needOf = (request: Request) => routes.get(routeOf(request), now())
  return {
    wantAgent: (request) => needOf(request) === 'agent-token',
    async wantUser(request) {
      const need = needOf(request)
      if (need) return need === 'person-token'
      const { origin } = new URL(request.url)
      let isAnnounced = announced.get(origin, now())
      if (isAnnounced === undefined) {
        const found = await discovery.findMetadata(draft11Documents.resource, origin)
        isAnnounced = 'found' in found && ['person-token', 'auth-token'].includes(found.found.access_mode ?? '')
        announced.set(origin, isAnnounced, now() + announcedFor)
      }
      return isAnnounced
    },
    learn({ status, headers }, { request, credential }) {
      if (status !== 401) return
      const asked = parseRequirement(headers.get(requirementHeader))?.requirement
      if (asked === 'person-token' || asked === 'auth-token')
        routes.set(routeOf(request), 'person-token', Number.POSITIVE_INFINITY)
      else if (asked !== 'agent-token') routes.delete(routeOf(request))
      else if (hasUserToken(credential)) routes.set(routeOf(request), asked, Number.POSITIVE_INFINITY)
    },
  }
}
