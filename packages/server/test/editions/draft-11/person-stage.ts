import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import {
  type AgentTokenClaims,
  draft11AgentSigning,
  draft11Jose,
  draft11Tokens,
  type ResourceTokenClaims,
} from 'countersign/editions/draft-11'
import { signRequest } from 'countersign/signatures'
import { decodeToken, issueToken, publishedJwk } from 'countersign/tokens'
import { fixedKeys } from 'countersign-server'
import { type Draft11Options, draft11Server } from 'countersign-server/editions/draft-11'
import { onTestFinished } from 'vitest'
import { openMapStage, people, type Stage, type StageOptions } from '../../attacks/stage.js'
import { createScriptedUser, type ScriptedUser } from '../../scripted-user.js'
import { scopes } from '../../world.js'

export const agentId = 'aauth:bot@agent.example'

/** A stage on which the server also offers draft -11, and the agent and the resources publish its documents. */
export interface PersonStage extends Stage {
  /** What the agent's provider and the resource publish. */
  documents: { agent: Record<string, unknown>; resource: Record<string, unknown> }
  /** What was reported to the operator. */
  reported: unknown[]
}

export interface PersonStageOptions extends StageOptions {
  open?: (options: StageOptions) => Promise<Stage>
  limits11?: Omit<Draft11Options, 'keys'>
}

const ownSigner = createSigner(await generatePrivateJwk({ kid: 'person-1' }))

export async function openPersonStage({
  open = openMapStage,
  limits11,
  ...options
}: PersonStageOptions = {}): Promise<PersonStage> {
  const keys = fixedKeys({ signer: await ownSigner, secret: new Uint8Array(32).fill(7) })
  const reported: unknown[] = []
  const stage = await open({
    onError: (error) => reported.push(error),
    ...options,
    others: [draft11Server({ keys, ...limits11 }), ...(options.others ?? [])],
  })
  onTestFinished(() => stage.close())
  const { agent, resource, origins } = stage
  const documents = {
    agent: { issuer: agent.id, jwks_uri: `${agent.id}/keys.json`, name: 'Test Agents' },
    resource: { issuer: resource.id, jwks_uri: `${resource.id}/keys.json`, scope_descriptions: scopes },
  }
  for (const [party, name, document] of [
    [agent, 'aauth-agent.json', documents.agent],
    [resource, 'aauth-resource.json', documents.resource],
  ] as const) {
    const { handler } = party
    origins?.set(party.id, async (request) => {
      const { pathname } = new URL(request.url)
      if (pathname === `/.well-known/${name}`) return Response.json(document)
      if (pathname === '/keys.json') return Response.json({ keys: [publishedJwk(party.signer.jwk, draft11Jose)] })
      return handler(request)
    })
  }
  return { ...stage, documents, reported }
}

/** What a test may change about who sends a request. */
export type Sender = Partial<AgentTokenClaims> & { signer?: Signer; jwt?: string }

/** Issues an agent token. */
export async function agentToken({ agent, clock }: Stage, { signer = agent.signer, jwt, ...claims }: Sender = {}) {
  if (jwt !== undefined) return jwt
  const all = {
    iss: agent.id,
    dwk: 'aauth-agent.json',
    sub: agentId,
    cnf: { jwk: publishedJwk(signer.jwk, draft11Jose) },
    iat: clock.now,
    exp: clock.now + 3600,
    jti: 'agent-token-1',
    ...claims,
  }
  return issueToken(draft11Tokens.agent, all as AgentTokenClaims, { signer: agent.signer, now: () => clock.now })
}

/** Signs a request as an agent of draft -11. */
export async function signed(stage: Stage, request: Request, by: Sender = {}): Promise<Request> {
  const { agent, clock } = stage
  return signRequest(request, {
    profile: draft11AgentSigning,
    signer: by.signer ?? agent.signer,
    signatureKey: { scheme: 'jwt', jwt: await agentToken(stage, by) },
    created: clock.now,
  })
}

/** Signs a request as an agent of draft -11, and sends it. */
export async function send(stage: Stage, request: Request, by?: Sender): Promise<Response> {
  return stage.fetch(await signed(stage, request, by))
}

export function post(stage: Stage, path: string, members: object, by?: Sender): Promise<Response> {
  const body = JSON.stringify(members)
  const headers = { 'content-type': 'application/json' }
  return send(stage, new Request(stage.authServer + path, { method: 'POST', headers, body }), by)
}

export interface Pending {
  location: string
  url: string
  code: string
  /** The page to which the agent takes its user. */
  page: string
}

/** Reads a response that asks for a user. */
export function pendingIn(response: Response): Pending {
  const said = response.headers.get('aauth-requirement') ?? ''
  const [, url = '', code = ''] = /^requirement=interaction;url="([^"]+)";code="([^"]+)"$/.exec(said) ?? []
  if (response.status !== 202 || code === '') throw new Error(`not pending: ${response.status} ${said}`)
  return { location: response.headers.get('location') ?? '', url, code, page: `${url}?code=${code}` }
}

const interaction = { capabilities: ['interaction'] }

/** Sends a request for a person token. */
export function askPerson(stage: Stage, members: object = {}, by?: Sender): Promise<Response> {
  return post(stage, '/person/token', { resource: stage.resource.id, ...interaction, ...members }, by)
}

export async function openPerson(stage: Stage, members: object = {}, by?: Sender): Promise<Pending> {
  return pendingIn(await askPerson(stage, members, by))
}

/** Polls without waiting; the clock moves, so that polls are not too close to each other. */
export function poll(stage: Stage, location: string, by?: Sender & { wait?: number }): Promise<Response> {
  const { wait, ...sender } = by ?? {}
  if (wait === undefined) stage.clock.now += 2
  const headers: Record<string, string> = wait === undefined ? {} : { prefer: `wait=${wait}` }
  return send(stage, new Request(location, { headers }), sender)
}

export function cancel(stage: Stage, location: string, by?: Sender): Promise<Response> {
  return send(stage, new Request(location, { method: 'DELETE' }), by)
}

/** Follows redirects within the server, as a browser does. */
export async function openFollowing(user: ScriptedUser, url: string): Promise<{ url: string; response: Response }> {
  let at = url
  for (let left = 5; left > 0; left--) {
    const response = await user.open(at)
    const location = response.headers.get('location')
    if (response.status !== 303 || location === null) return { url: at, response }
    at = new URL(location, at).href
    if (new URL(at).origin !== new URL(url).origin) return { url: at, response }
  }
  throw new Error('too many redirects')
}

/** Opens a page and signs in there. Returns the consent page. */
export async function openConsent(
  { fetch }: Stage,
  page: string,
  {
    person = people.alice,
    user = createScriptedUser(fetch),
  }: { person?: typeof people.alice | typeof people.bob; user?: ScriptedUser } = {},
): Promise<{ user: ScriptedUser; url: string; html: string; status: number }> {
  const first = await openFollowing(user, page)
  const signIn = await first.response.text()
  if (!signIn.includes('name="password"')) return { user, url: first.url, html: signIn, status: first.response.status }
  const signedIn = await user.submit(signIn, first.url, { ...person, action: 'login' })
  const { url, response } = await openFollowing(user, new URL(signedIn.headers.get('location') ?? '', first.url).href)
  return { user, url, html: await response.text(), status: response.status }
}

/** Signs in and decides. Returns the response to the decision. */
export async function decide(
  stage: Stage,
  page: string,
  consent: 'grant' | 'deny' = 'grant',
  options: Parameters<typeof openConsent>[2] & { duration?: string } = {},
): Promise<Response> {
  const { user, url, html } = await openConsent(stage, page, options)
  const { duration } = options
  return user.submit(html, url, { consent, ...(duration === undefined ? {} : { duration }) })
}

/** Obtains a person token: the agent asks, the user allows, the agent polls. */
export async function obtainPerson(stage: Stage, members: object = {}, by?: Sender): Promise<string> {
  const { location, page } = await openPerson(stage, members, by)
  await decide(stage, page)
  const body = await (await poll(stage, location, by)).json()
  return body.person_token
}

/** Issues a resource token for a presented token, as the resource does. */
export function resourceToken(
  { resource, agent, authServer, clock }: Stage,
  presented: string,
  { signer = resource.signer, ...claims }: Partial<ResourceTokenClaims> & { signer?: Signer } = {},
): Promise<string> {
  const { sub, jti } = decodeToken(presented)?.payload ?? {}
  const all = {
    iss: resource.id,
    dwk: 'aauth-resource.json',
    aud: authServer,
    ps: authServer,
    sub,
    presented_jti: jti,
    agent_jkt: agent.signer.thumbprint,
    scope: 'data.read',
    iat: clock.now,
    exp: clock.now + 300,
    jti: `resource-token-${Math.random()}`,
    ...claims,
  }
  return issueToken(draft11Tokens.resource, all as ResourceTokenClaims, { signer, now: () => clock.now })
}

/** Sends a request for an auth token. */
export async function askAuth(
  stage: Stage,
  presented: string,
  {
    by,
    claims,
    ...members
  }: { by?: Sender; claims?: Parameters<typeof resourceToken>[2]; [member: string]: unknown } = {},
): Promise<Response> {
  const resource_token = await resourceToken(stage, presented, claims)
  return post(
    stage,
    '/person/authorize',
    { resource_token, presented_token: presented, ...interaction, ...members },
    by,
  )
}

/** The status and `error` of a refusal, which must be problem details. */
export async function problemIn(response: Response): Promise<{ status: number; error: string; detail: string }> {
  const type = response.headers.get('content-type')
  const text = await response.text()
  if (type !== 'application/problem+json') throw new Error(`no problem details: ${response.status} ${type} ${text}`)
  const { error, detail, status } = JSON.parse(text)
  if (status !== response.status) throw new Error(`status ${status} in a response with ${response.status}`)
  return { status, error, detail }
}

export { people }
