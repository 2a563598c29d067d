import { createSigner, generatePrivateJwk } from 'countersign'
import { createWebAgent, type WebAgent, type WebAgentOptions, type WebConsentRequest } from 'countersign/agent'
import { type AuthTokenClaims, january, type ResourceTokenClaims, serializeChallenge } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { issuerDocuments } from '../origins.js'

export const ids = {
  agent: 'https://agent.example',
  api: 'https://api.example',
  authServer: 'https://auth.example',
} as const

const signerOf = async (kid: string) => createSigner(await generatePrivateJwk({ kid }))
export const agentSigner = await signerOf('agent-1')
export const peerSigner = await signerOf('peer-1')

/** A request that a peer received. */
export interface Seen {
  url: string
  method: string
  /** The scheme of its `Signature-Key`. */
  scheme: string
  /** The token in it, if any. */
  jwt: string | undefined
  body: string
  headers: Headers
  redirect: string
  signal: AbortSignal
  /** Kept, because the signal of a request that was collected as garbage no longer aborts. */
  request: Request
}

type Answer = Response | object
type Answering<T> = (request: T, seen: Seen) => Answer | Promise<Answer>

export interface Stage {
  clock: { now: number }
  /** The agent, with one session per browser. */
  agent: WebAgent
  /** Sends a request to the peers, from any agent. */
  toPeers: typeof globalThis.fetch
  /** Requests to the API and to the token endpoint, in order; documents are left out. */
  seen: Seen[]
  /** The forms received by the token endpoint. */
  forms: () => Record<string, string>[]
  /** The consents that were requested, in order. */
  asked: WebConsentRequest[]
  /** The response from the API; by default it requires `data.read` until a token is sent. */
  api: Answering<string>
  /** The response from the token endpoint for each type of form. By default the user must consent, and codes yield a token. */
  token: Record<'auth' | 'code' | 'refresh', Answering<URLSearchParams>>
  /** Members of the auth server's document, in addition to the required ones. */
  document: Record<string, unknown>
  /** The response to a request for the API's document; by default there is no document. */
  apiDocument: () => Answer | Promise<Answer>
  resourceToken: (scope?: string, changes?: Partial<ResourceTokenClaims>) => Promise<string>
  authToken: (changes?: Partial<AuthTokenClaims>) => Promise<string>
  /** A refusal that requires a scope. */
  challenge: (scope: string, status?: number) => Promise<Response>
  /** Delivers the response to a consent in a session's browser; returns the text of the resulting page. */
  answer: (consent: WebConsentRequest, parameters?: Record<string, string>, session?: string) => Promise<string>
}

const start = 1_800_000_000

/** A web agent with an API and an auth server that respond as specified. */
export function openStage(options: Partial<WebAgentOptions> = {}): Stage {
  const clock = { now: start }
  const seen: Seen[] = []
  const asked: WebConsentRequest[] = []
  const now = () => clock.now
  let requests = 0
  const issue = { signer: peerSigner, now }
  const stage: Stage = {
    clock,
    seen,
    asked,
    forms: () =>
      seen
        .filter(({ url }) => url.startsWith(ids.authServer))
        .map(({ body }) => Object.fromEntries(new URLSearchParams(body))),
    document: {},
    toPeers,
    apiDocument: () => new Response('', { status: 404 }),
    api: async (_path, { scheme }) => (scheme === 'jwt' ? new Response('data') : stage.challenge('data.read')),
    token: {
      auth: () => ({ request_token: `request-${++requests}`, expires_in: 600 }),
      code: async () => ({ auth_token: await stage.authToken(), expires_in: 600 }),
      refresh: async () => ({ auth_token: await stage.authToken(), expires_in: 600 }),
    },
    resourceToken: (scope = 'data.read', changes = {}) =>
      issueToken(
        january.tokens.resource,
        {
          iss: ids.api,
          aud: ids.authServer,
          agent: ids.agent,
          agent_jkt: agentSigner.thumbprint,
          scope,
          exp: clock.now + 600,
          ...changes,
        },
        issue,
      ),
    authToken: (changes = {}) =>
      issueToken(
        january.tokens.auth,
        {
          iss: ids.authServer,
          aud: ids.api,
          agent: ids.agent,
          sub: 'alice',
          scope: 'data.read',
          cnf: { jwk: agentSigner.jwk },
          exp: clock.now + 3600,
          ...changes,
        },
        issue,
      ),
    challenge: async (scope, status = 401) =>
      new Response('Authorization required', {
        status,
        headers: {
          'agent-auth': serializeChallenge({
            level: 'authorization',
            resourceToken: await stage.resourceToken(scope),
            authServer: ids.authServer,
          }),
        },
      }),
    async answer({ url, session }, parameters = { code: 'the-code' }, browser = session) {
      const callback = new URL(new URL(url).searchParams.get('redirect_uri') ?? '')
      callback.searchParams.set('state', new URL(url).searchParams.get('state') ?? '')
      for (const [name, value] of Object.entries(parameters)) callback.searchParams.set(name, value)
      return (await stage.agent.handler(new Request(callback, { headers: { cookie: browser } }))).text()
    },
    agent: createWebAgent({
      id: ids.agent,
      signer: agentSigner,
      authServers: [ids.authServer],
      sessionOf: (request) => request.headers.get('cookie'),
      onConsent: (consent) => void asked.push(consent),
      now,
      fetch: toPeers,
      ...options,
    }),
  }

  async function toPeers(...[input, init]: Parameters<typeof globalThis.fetch>): Promise<Response> {
    const request = new Request(input, init)
    const documents = issuerDocuments(ids.authServer, [peerSigner.jwk])
    const document = documents[request.url]
    if (document) return Response.json('issuer' in document ? { ...document, ...stage.document } : document)
    if (request.url.endsWith('/.well-known/aauth-resource')) return asResponse(await stage.apiDocument())
    const key = request.headers.get('signature-key') ?? ''
    const one: Seen = {
      url: request.url,
      method: request.method,
      scheme: /scheme=(\w+)/.exec(key)?.[1] ?? '',
      jwt: /jwt="([^"]+)"/.exec(key)?.[1],
      body: await request.clone().text(),
      headers: request.headers,
      redirect: request.redirect,
      signal: request.signal,
      request,
    }
    seen.push(one)
    if (!request.url.startsWith(`${ids.authServer}/agent/token`))
      return asResponse(await stage.api(request.url.slice(ids.api.length), one))
    const form = new URLSearchParams(one.body)
    return asResponse(await stage.token[form.get('request_type') as 'auth'](form, one))
  }
  return stage
}

function asResponse(answer: Answer): Response {
  return answer instanceof Response ? answer : Response.json(answer)
}

/** The outcome of a call: the response of the API, or the code of the error, or else its message. */
export const ended = (call: Promise<Response>): Promise<string> =>
  call.then(
    (response) => response.text(),
    (error: { code?: unknown; message?: string }) =>
      typeof error.code === 'string' ? error.code : String(error.message),
  )

/** Waits until all pending promises have settled, including those of signatures, which other threads compute. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await Promise.all(Array.from({ length: 8 }, () => crypto.subtle.digest('SHA-256', new Uint8Array(1))))
    await new Promise(setImmediate)
  }
}
