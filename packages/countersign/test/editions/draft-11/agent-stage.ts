import { randomUUID } from 'node:crypto'
import { type Agent, type AgentOptions, type ConsentRequest, createAgent } from 'countersign/agent'
import {
  draft11Agent,
  draft11Documents,
  draft11Jose,
  draft11Signing,
  draft11Tokens,
  serializeRequirement,
} from 'countersign/editions/draft-11'
import { importVerificationKey, receiveRequest, type SigningProfile, verifySignature } from 'countersign/signatures'
import { confirmationJwk, decodeToken, publishedJwk } from 'countersign/tokens'
import { boundTo, craftToken, ids, newSigner } from './wire.js'

export const start = 1_790_000_000
export const agentSigner = await newSigner('agent-1')
const peers = { personServer: await newSigner('ps-1'), resource: await newSigner('api-1') }

/** A person server and a resource that are not the agent's, and their keys. */
export const others = {
  personServer: 'https://other-ps.example',
  resource: 'https://other-api.example',
  signer: await newSigner('other-1'),
}

/** A signed request that a peer received, with its verified signature. */
export interface Seen {
  method: string
  url: string
  headers: Headers
  body: string
  /** The token that carried the key. */
  jwt: string
  typ: string
  claims: Record<string, unknown>
  covered: readonly string[]
  nonce: string
}

/** A request that the person server or the resource has deferred. */
export interface Pending {
  id: string
  agentName: string
  /** The response once the user has decided; undefined until then. */
  outcome: (() => Response | Promise<Response>) | undefined
  /** The token that the user allows. */
  allowed: () => Response | Promise<Response>
}

type Answer = (seen: Seen) => Response | Promise<Response>

export interface Stage {
  clock: { now: number }
  seen: Seen[]
  asked: ConsentRequest[]
  pending: Map<string, Pending>
  fetch: typeof globalThis.fetch
  agent: Agent
  /** The routes of the person server; tests replace them. */
  personServer: Record<'token' | 'authorize' | 'poll' | 'abandon', Answer>
  /** The resource. By default, it requires an auth token with the scope `data.read`. */
  api: Answer
  /** How signatures are verified. @default as our own resources do */
  signing: SigningProfile
  /** Members of the person server's document besides the usual ones. */
  document: Record<string, unknown>
  /** Members of the resource's document besides the usual ones. */
  resourceDocument: Record<string, unknown>
  newAgent: (options?: Partial<AgentOptions>) => Agent
  /** The user's decision about the page with this URL. */
  decide: (page: string, decision?: 'allow' | 'deny') => void
  defer: (seen: Seen, allowed: Pending['allowed'], headers?: Record<string, string>) => Response
  personToken: (seen: Seen, claims?: object) => Promise<string>
  authToken: (seen: Seen, claims?: object) => Promise<string>
  resourceToken: (seen: Seen, claims?: object) => Promise<string>
}

export const requirement = (value: string) => ({ 'aauth-requirement': value })

export const unauthorized = (headers: Record<string, string>) => new Response(null, { status: 401, headers })

/** A person server and a resource as the protocol describes them, over a map of origins. The user allows everything unless told otherwise. */
export function openStage({
  decision = 'allow',
  ...options
}: Partial<AgentOptions> & { decision?: 'allow' | 'deny' | 'none' } = {}): Stage {
  const clock = { now: start }
  const codes = new Map<string, string>()
  const issue = (typ: string, claims: object) => craftToken(typ, peers.personServer, claims)
  const common = (claims: object) => ({ jti: randomUUID(), iat: clock.now, exp: clock.now + 3600, ...claims })
  const stage: Stage = {
    clock,
    seen: [],
    asked: [],
    pending: new Map(),
    document: {},
    resourceDocument: {},
    signing: draft11Signing,
    async fetch(input, init) {
      const request = new Request(input, init)
      const document = documentAt(stage, request.url)
      if (document) return Response.json(document)
      const seen = await readSigned(request, clock.now, stage.signing)
      stage.seen.push(seen)
      request.signal.throwIfAborted()
      return answer(stage, seen)
    },
    personServer: {
      token: (seen) =>
        stage.defer(seen, async () => Response.json({ person_token: await stage.personToken(seen), expires_in: 3600 })),
      authorize: (seen) =>
        stage.defer(seen, async () => Response.json({ auth_token: await stage.authToken(seen), expires_in: 3600 })),
      poll(seen) {
        const asked = stage.pending.get(seen.url)
        if (!asked || asked.agentName !== seen.claims.sub) return problem(404, 'invalid_request')
        if (!asked.outcome) return pendingResponse(seen.url, {})
        stage.pending.delete(seen.url)
        return asked.outcome()
      },
      abandon(seen) {
        stage.pending.delete(seen.url)
        return new Response(null, { status: 204 })
      },
    },
    async api(seen) {
      if (seen.typ === draft11Tokens.auth.typ) return new Response('data')
      if (seen.typ !== draft11Tokens.person.typ) return unauthorized(requirement('requirement=person-token'))
      const resourceToken = await stage.resourceToken(seen)
      return unauthorized(requirement(serializeRequirement({ requirement: 'auth-token', resourceToken })))
    },
    defer(seen, allowed, headers = {}) {
      const origin = new URL(seen.url).origin
      const id = randomUUID()
      const location = `${origin}/pending/${id}`
      const code = id.slice(0, 8).toUpperCase()
      codes.set(code, location)
      stage.pending.set(location, { id, agentName: String(seen.claims.sub), outcome: undefined, allowed })
      return pendingResponse(location, {
        ...requirement(serializeRequirement({ requirement: 'interaction', url: `${origin}/interact`, code })),
        ...headers,
      })
    },
    decide(page, given = 'allow') {
      const asked = stage.pending.get(codes.get(new URL(page).searchParams.get('code') ?? '') ?? '')
      if (!asked) throw new Error(`nothing is pending for ${page}`)
      asked.outcome = given === 'allow' ? asked.allowed : () => problem(403, 'denied', 'The user denied the request.')
    },
    personToken: ({ jwt, body }, claims = {}) => {
      const { resource } = JSON.parse(body) as { resource: string }
      const cnf = boundToKeyIn(jwt)
      return issue('aa-person+jwt', {
        ...common({ iss: ids.personServer, dwk: 'aauth-person.json', aud: resource, sub: `user-at ${resource}`, cnf }),
        ...claims,
      })
    },
    authToken: ({ jwt, body }, claims = {}) => {
      const { resource_token, presented_token } = JSON.parse(body) as Record<string, string>
      const wanted = decodeToken(resource_token ?? '')?.payload ?? {}
      const shown = decodeToken(presented_token ?? '')?.payload ?? {}
      return issue('aa-auth+jwt', {
        ...common({ iss: ids.personServer, dwk: 'aauth-person.json', aud: wanted.iss, sub: shown.sub }),
        ps: ids.personServer,
        scope: wanted.scope,
        account: wanted.account,
        cnf: boundToKeyIn(jwt),
        ...claims,
      })
    },
    resourceToken: ({ claims: shown }, claims = {}) =>
      craftToken('aa-resource+jwt', peers.resource, {
        ...common({ iss: ids.resource, dwk: 'aauth-resource.json', exp: clock.now + 300, aud: ids.personServer }),
        ps: ids.personServer,
        sub: shown.sub,
        presented_jti: shown.jti,
        agent_jkt: agentSigner.thumbprint,
        scope: 'data.read',
        ...claims,
      }),
    newAgent: (more = {}) =>
      createAgent({
        edition: draft11Agent,
        id: ids.agent,
        signer: agentSigner,
        authServers: [ids.personServer],
        onePerson: true,
        onConsent(consent) {
          stage.asked.push(consent)
          if (decision !== 'none') stage.decide(consent.url, decision)
        },
        fetch: stage.fetch,
        now: () => clock.now,
        ...options,
        ...more,
      }),
    get agent() {
      created ??= stage.newAgent()
      return created
    },
  }
  let created: Agent | undefined
  return stage
}

function boundToKeyIn(jwt: string): object {
  return { jwk: confirmationJwk(decodeToken(jwt)?.payload ?? {}) ?? {} }
}

/** A 202 with `Retry-After: 0`. */
export function pendingResponse(location: string, headers: Record<string, string>): Response {
  return new Response(JSON.stringify({ status: 'pending' }), {
    status: 202,
    headers: { location, 'retry-after': '0', 'cache-control': 'no-store', ...headers },
  })
}

export function problem(
  status: number,
  error: string,
  detail?: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify({ error, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}

function documentAt({ document, resourceDocument }: Stage, url: string): object | undefined {
  const { personServer: ps, resource: api } = ids
  const keysOf = (signer: typeof agentSigner) => ({ keys: [publishedJwk(signer.jwk, draft11Jose)] })
  return {
    [`${ps}/.well-known/${draft11Documents.authServer.name}`]: {
      issuer: ps,
      jwks_uri: `${ps}/jwks.json`,
      person_token_endpoint: `${ps}/token`,
      auth_token_endpoint: `${ps}/authorize`,
      ...document,
    },
    [`${ps}/jwks.json`]: keysOf(peers.personServer),
    [`${api}/.well-known/${draft11Documents.resource.name}`]: {
      issuer: api,
      jwks_uri: `${api}/jwks.json`,
      scope_descriptions: { 'data.read': 'See your data' },
      ...resourceDocument,
    },
    [`${api}/jwks.json`]: keysOf(peers.resource),
    'https://keys.example/ps.json': keysOf(peers.personServer),
    'https://keys.example/api.json': keysOf(peers.resource),
    [`${others.personServer}/.well-known/${draft11Documents.authServer.name}`]: {
      issuer: others.personServer,
      jwks_uri: `${others.personServer}/jwks.json`,
      person_token_endpoint: `${others.personServer}/token`,
      auth_token_endpoint: `${others.personServer}/authorize`,
    },
    [`${others.personServer}/jwks.json`]: keysOf(others.signer),
    [`${others.resource}/.well-known/${draft11Documents.resource.name}`]: {
      issuer: others.resource,
      jwks_uri: `${others.resource}/jwks.json`,
    },
    [`${others.resource}/jwks.json`]: keysOf(others.signer),
  }[url]
}

async function answer(stage: Stage, seen: Seen): Promise<Response> {
  const { origin, pathname } = new URL(seen.url)
  const { personServer } = stage
  if (pathname.startsWith('/pending/'))
    return seen.method === 'DELETE' ? personServer.abandon(seen) : personServer.poll(seen)
  if (origin !== ids.personServer) return stage.api(seen)
  if (pathname === '/token') return personServer.token(seen)
  if (pathname === '/authorize') return personServer.authorize(seen)
  return new Response('', { status: 404 })
}

/** Verifies a request like any peer, without checking the token. */
async function readSigned(request: Request, now: number, profile: SigningProfile): Promise<Seen> {
  const { method, url, headers } = request
  const body = await request.clone().text()
  const { signatureKey, covered } = await verifySignature(receiveRequest(request), {
    profile,
    authorities: [new URL(url).host],
    now: () => now,
    claimNonce: 'later',
    resolveKey: async (key) => {
      const { payload = {} } = decodeToken('jwt' in key ? key.jwt : '') ?? {}
      return { key: await importVerificationKey(confirmationJwk(payload), draft11Jose) }
    },
  })
  const jwt = 'jwt' in signatureKey ? signatureKey.jwt : ''
  const { header, payload } = decodeToken(jwt) ?? { header: { typ: undefined }, payload: {} }
  const [, nonce = ''] = /;nonce="([^"]+)"/.exec(headers.get('signature-input') ?? '') ?? []
  return { method, url, headers, body, jwt, typ: String(header.typ), claims: { ...payload }, covered, nonce }
}

/** The requests to an origin, each as method, path and token type. */
export function trace({ seen }: Stage): string[] {
  return seen.map(({ method, url, typ }) => {
    const { host, pathname } = new URL(url)
    return `${method} ${host}${pathname.replace(/^\/pending\/.*/, '/pending')} ${typ.slice(3, -4)}`
  })
}

export { boundTo, ids }
