import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { signRequest } from 'countersign/signatures'
import { decodeToken, issueToken, publishedJwk } from 'countersign/tokens'
import { createScriptedUser, decideAs } from '../../scripted-user.js'
import { createWorld, ids, type World, type WorldOptions } from '../../world.js'
import { draft11 } from './draft-11.js'
import { draft11Server } from './draft-11-server.js'
import { ownAgentId } from './library/agent-id.js'
import type { AgentTokenClaims } from './library/tokens.js'

/** A request and its response, as sent over the wire. */
export interface Exchange {
  request: Request
  response: Response
}

export interface Stage extends World {
  exchanges: Exchange[]
  /** The URLs that users were sent to, one for each prompt. */
  asked: string[]
}

/** The actions of a user who is sent to a page. */
export type Person = (world: World, url: string) => Promise<unknown>

/** Signs in as the given user and decides. Returns the final page. */
export function deciding(consent: 'grant' | 'deny', username = 'testuser'): Person {
  return (world, url) => decideAs(createScriptedUser(world.fetch), url, consent, { username })
}

/** Opens a stage with the three parties, all on draft -11, and a user who allows everything unless another is given. */
export async function openStage({
  person = deciding('grant'),
  ...options
}: WorldOptions & { person?: Person } = {}): Promise<Stage> {
  const asked: string[] = []
  const world = await createWorld({
    edition: draft11Server,
    async onConsent(created, url) {
      asked.push(url)
      await person(created, url)
    },
    ...options,
  })
  const exchanges: Exchange[] = []
  for (const [origin, answer] of world.origins) {
    world.origins.set(origin, async (request) => {
      const copy = request.clone()
      const answered = await answer(request)
      const { status, headers } = answered
      const body = await answered.text()
      const response = () => new Response(body === '' ? null : body, { status, headers })
      exchanges.push({ request: copy, response: response() })
      return response()
    })
  }
  return { ...world, exchanges, asked }
}

/** Returns the exchanges at a path, in order. */
export function exchangesAt({ exchanges }: Stage, path: string): Exchange[] {
  return exchanges.filter(({ request }) => new URL(request.url).pathname.startsWith(path))
}

/** Returns the last exchange at a path. */
export function lastAt(stage: Stage, path: string): Exchange {
  const exchange = exchangesAt(stage, path).at(-1)
  if (!exchange) throw new Error(`nothing was sent to ${path}`)
  return exchange
}

/** Returns the token that a request was signed with. */
export function shownToken({ request }: Exchange) {
  return decodeToken(/jwt="([^"]+)"/.exec(request.headers.get('signature-key') ?? '')?.[1] ?? '')
}

/** Issues the agent token of an agent that vouches for itself. Tests can override its claims. */
export function agentToken(
  { clock, agentSigner }: World,
  { signer = agentSigner, ...claims }: Partial<AgentTokenClaims> & { signer?: Signer } = {},
): Promise<string> {
  const all = {
    iss: ids.agent,
    dwk: 'aauth-agent.json',
    sub: ownAgentId(ids.agent),
    cnf: { jwk: publishedJwk(signer.jwk, draft11.documents.agent.jose) },
    iat: clock.now,
    exp: clock.now + 3600,
    jti: 'a',
    ...claims,
  }
  return issueToken(draft11.tokens.agent, all, { signer: agentSigner })
}

/** Signs a request with a token, and sends it. */
export async function sendWith(
  stage: Stage,
  jwt: string,
  request: Request,
  signer: Signer = stage.agentSigner,
): Promise<Response> {
  const signatureKey = { scheme: 'jwt', jwt } as const
  const { signing: profile } = draft11
  return stage.fetch(await signRequest(request, { profile, signer, signatureKey, created: stage.clock.now }))
}

/** Creates a request with a JSON body to the person server. */
export function postTo(path: string, members: object): Request {
  return new Request(ids.authServer + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(members),
  })
}

/** Sends an agent's request for a person token, to be decided. Returns the URL to poll and the page. */
export async function openPending(
  stage: Stage,
  resource: string = ids.resource,
): Promise<{ location: string; page: string }> {
  const response = await sendWith(stage, await agentToken(stage), postTo('/person/token', { resource }))
  const said = response.headers.get('aauth-requirement') ?? ''
  const [, url, code] = /^requirement=interaction;url="([^"]+)";code="([^"]+)"$/.exec(said) ?? []
  return { location: response.headers.get('location') ?? '', page: `${url}?code=${code}` }
}

export async function newSigner(kid: string): Promise<Signer> {
  return createSigner(await generatePrivateJwk({ kid }))
}
