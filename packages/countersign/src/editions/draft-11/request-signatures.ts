import { LruCache } from '../../lib/lru-cache.js'
import type { AgentTools, SentRequest, SignatureChoices } from '../agent-protocol.js'
import { parseRequirement, requirementHeader } from './requirement.js'
import { type Components, draft11AgentSigning } from './signing.js'
import { sessionKind } from './token-kinds.js'

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

/** The routes that accept only the agent token. */
export interface Routes {
  /** Whether a request is signed with the agent token, whatever other token the agent holds. */
  wantAgent(request: Request): boolean
  learn(response: Response, sent: SentRequest): void
}

/** Creates a cache of the routes whose last refusal required the agent token. */
export function createRoutes(now: () => number): Routes {
  const routes = new LruCache<true>(maxRoutes)
  const routeOf = ({ method, url }: Request) => `${method} ${url.replace(/[?#].*$/, '')}`
  return {
    wantAgent: (request) => routes.get(routeOf(request), now()) === true,
    learn({ status, headers }, { request, credential }) {
      if (status !== 401) return
      const asked = parseRequirement(headers.get(requirementHeader) ?? '')?.requirement
      if (asked !== 'agent-token') routes.delete(routeOf(request))
      else if (credential.scheme === 'token' && credential.held.kind !== sessionKind)
        routes.set(routeOf(request), true, Number.POSITIVE_INFINITY)
    },
  }
}
