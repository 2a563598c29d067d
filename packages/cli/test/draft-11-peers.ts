import { randomUUID } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import {
  draft11Documents,
  draft11Jose,
  draft11Resource,
  draft11Tokens,
  serializeRequirement,
} from 'countersign/editions/draft-11'
import { createResource } from 'countersign/resource'
import { confirmationJwk, decodeToken, issueToken, publishedJwk } from 'countersign/tokens'
import { afterAll, beforeAll } from 'vitest'
import { listenOnLoopback } from '../../server/test/listening-origin.js'

/** A person server and an API of draft -11 on this machine, for the tests of a file. */
export interface Draft11Peers {
  personServer: string
  api: string
  /** What the user decides. */
  decision: 'allow' | 'deny'
  /** The requests to the person server, each as method and path. */
  seen: string[]
}

interface Pending {
  outcome: Response | undefined
  allowed: () => Promise<Response>
}

type Answer = (request: Request) => Promise<Response>

export function openDraft11Peers(): Draft11Peers {
  const peers: Draft11Peers = { personServer: '', api: '', decision: 'allow', seen: [] }
  const stops: (() => Promise<void>)[] = []
  async function listen(create: (origin: string) => Promise<Answer>): Promise<string> {
    const site = await listenOnLoopback({ replaceGlobals: false })
    stops.push(() => site.close())
    site.serve(await create(site.origin))
    return site.origin
  }
  beforeAll(async () => {
    peers.personServer = await listen((origin) => createPersonServer(peers, origin))
    peers.api = await listen((origin) => createApi(origin, peers.personServer))
  })
  afterAll(async () => {
    for (const stop of stops) await stop()
  })
  return peers
}

const newSigner = async (kid: string) => createSigner(await generatePrivateJwk({ kid }))

async function createApi(id: string, personServer: string): Promise<Answer> {
  const resource = createResource({
    edition: draft11Resource,
    id,
    signer: await newSigner('api-1'),
    authServers: [personServer],
    scopes: { 'data.read': 'See your data' },
    allowInsecureLoopback: true,
  })
  return async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/session') return new Response('in', { headers: { 'aauth-access': 'opaque-token' } })
    if (!pathname.startsWith('/data')) return resource.handler(request)
    try {
      const { sub, scope } = await resource.verify(request, { require: 'authorization', scope: 'data.read' })
      return Response.json({ sub, scope })
    } catch (error) {
      return resource.toResponse(error)
    }
  }
}

/** A person server that checks nothing. The user decides when their browser opens the page. */
async function createPersonServer(peers: Draft11Peers, issuer: string): Promise<Answer> {
  const signer = await newSigner('ps-1')
  const pending = new Map<string, Pending>()
  const codes = new Map<string, Pending>()

  async function issue(request: Request, path: string): Promise<Response> {
    const [, jwt = ''] = /jwt="([^"]+)"/.exec(request.headers.get('signature-key') ?? '') ?? []
    const body = (await request.json()) as Record<string, string>
    const wanted = decodeToken(body.resource_token ?? '')?.payload
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: issuer,
      dwk: draft11Documents.authServer.name,
      sub: 'user-1',
      aud: wanted ? String(wanted.iss) : (body.resource ?? ''),
      cnf: { jwk: confirmationJwk(decodeToken(jwt)?.payload ?? {}) ?? {} },
      iat: now,
      exp: now + 600,
      jti: randomUUID(),
    }
    if (path === '/token')
      return Response.json({ person_token: await issueToken(draft11Tokens.person, claims, { signer }) })
    const more = { ps: issuer, scope: String(wanted?.scope) }
    return Response.json({ auth_token: await issueToken(draft11Tokens.auth, { ...claims, ...more }, { signer }) })
  }

  function defer(request: Request, path: string): Response {
    const id = randomUUID()
    const copy = request.clone()
    const entry = { outcome: undefined, allowed: () => issue(copy, path) }
    pending.set(`/pending/${id}`, entry)
    codes.set(id.slice(0, 8), entry)
    const requirement = serializeRequirement({
      requirement: 'interaction',
      url: `${issuer}/interact`,
      code: id.slice(0, 8),
    })
    const headers = { location: `/pending/${id}`, 'retry-after': '0', 'aauth-requirement': requirement }
    return Response.json({ status: 'pending' }, { status: 202, headers })
  }

  async function decide({ searchParams }: URL): Promise<Response> {
    const entry = codes.get(searchParams.get('code') ?? '')
    if (!entry) return new Response('no such request', { status: 404 })
    const isAllowed = peers.decision === 'allow'
    entry.outcome = isAllowed ? await entry.allowed() : Response.json({ error: 'denied' }, { status: 403 })
    const callback = searchParams.get('callback')
    return callback === null
      ? new Response('done')
      : new Response(null, { status: 303, headers: { location: callback } })
  }

  return async (request) => {
    const url = new URL(request.url)
    const { pathname: path } = url
    if (path === `/.well-known/${draft11Documents.authServer.name}`)
      return Response.json({
        issuer,
        jwks_uri: `${issuer}/jwks.json`,
        person_token_endpoint: `${issuer}/token`,
        auth_token_endpoint: `${issuer}/authorize`,
      })
    if (path === '/jwks.json') return Response.json({ keys: [publishedJwk(signer.jwk, draft11Jose)] })
    peers.seen.push(`${request.method} ${path.replace(/^\/pending\/.*/, '/pending')}`)
    if (path === '/interact') return decide(url)
    if (path === '/token' || path === '/authorize') return defer(request, path)
    const asked = pending.get(path)
    if (!asked) return new Response('', { status: 404 })
    if (asked.outcome) return asked.outcome.clone()
    return Response.json({ status: 'pending' }, { status: 202, headers: { location: path, 'retry-after': '1' } })
  }
}
