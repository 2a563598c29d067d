import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, createAgent } from 'countersign/agent'
import { january, type RevocationClaims, revocationEntry } from 'countersign/editions'
import { createResource, type Resource, type ResourceOptions } from 'countersign/resource'
import { decodeToken, issueToken } from 'countersign/tokens'
import { onTestFinished } from 'vitest'
import { issuerDocuments } from '../../origins.js'

export const ids = { api: 'https://mcp.example', authServer: 'https://auth.example' } as const

const signers = {
  api: await createSigner(await generatePrivateJwk({ kid: 'api-1' })),
  authServer: await createSigner(await generatePrivateJwk({ kid: 'auth-1' })),
}

/** A user behind an agent: what they allow, and the scopes they were prompted for. */
export interface Person {
  sub: string
  /** Token lifetime, in seconds. */
  life: number
  /** The scopes that the user was prompted for, in order. */
  asked: string[]
  /** Whether the user allows requests. */
  allows: boolean
}

export interface McpAgent extends Pick<Agent, 'fetch'> {
  id: string
  person: Person
}

export interface McpStage {
  resource: Resource
  url: URL
  /** An agent with its own user. `now` is its clock, in Unix seconds. */
  newAgent: (name: string, person?: Partial<Person>, now?: () => number) => Promise<McpAgent>
  /** Revokes everything that a user allowed; the resource learns of it through its `denyList`. */
  remove: (person: Person) => Promise<void>
  /** The handler of the API. */
  serve: (answer: (request: Request) => Promise<Response> | Response) => void
}

/** The surroundings of an MCP server: an auth server whose users decide immediately, and agents. Nothing uses the network. */
export function openMcpStage(
  id: string = ids.api,
  options: Partial<ResourceOptions> = {},
  moreDocuments: Readonly<Record<string, object>> = {},
): McpStage {
  const origins = new Map<string, (request: Request) => Promise<Response> | Response>()
  const people = new Map<string, Person>()
  const send: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const answer = origins.get(new URL(request.url).origin)
    return answer ? answer(request) : fetch(request)
  }
  const resource = createResource({
    id,
    signer: signers.api,
    authServer: ids.authServer,
    scopes: { 'notes.read': 'See your notes', 'notes.write': 'Change your notes', 'mcp.use': 'Look around' },
    fetch: send,
    allowInsecureLoopback: id.startsWith('http:'),
    ...options,
  })
  const listUri = `${ids.authServer}/.well-known/aauth-revocations`
  const documents = { ...issuerDocuments(ids.authServer, [signers.authServer.jwk]), ...moreDocuments }
  Object.assign(documents[`${ids.authServer}/.well-known/aauth-issuer`] ?? {}, { revocation_list_uri: listUri })
  const revoked: string[] = []
  origins.set(ids.authServer, async (request) => {
    const document = documents[request.url]
    if (document) return Response.json(document)
    if (request.url === listUri) {
      const iat = Math.floor(Date.now() / 1000)
      const claims: RevocationClaims = { iss: ids.authServer, iat, exp: iat + 120, revoked }
      return new Response(await issueToken(january.tokens.revocations, claims, { signer: signers.authServer }))
    }
    const form = new URLSearchParams(await request.text())
    const asked = decodeToken(form.get('resource_token') ?? '')?.payload as { agent: string; scope: string }
    const person = people.get(asked.agent)
    if (!person) return Response.json({ error: 'invalid_request' }, { status: 400 })
    person.asked.push(asked.scope)
    if (!person.allows) return Response.json({ error: 'access_denied' }, { status: 403 })
    const exp = Math.floor(Date.now() / 1000) + person.life
    const claims = { iss: ids.authServer, aud: id, sub: person.sub, scope: asked.scope, agent: asked.agent, exp }
    const { jwk } = agents.get(asked.agent) ?? { jwk: undefined }
    const token = await issueToken(january.tokens.auth, { ...claims, cnf: { jwk } } as never, {
      signer: signers.authServer,
    })
    return Response.json({ auth_token: token, expires_in: person.life })
  })
  const agents = new Map<string, { jwk: object }>()
  return {
    resource,
    url: new URL(`${id}/mcp`),
    remove: async ({ sub }) => void revoked.push(await revocationEntry('sub', sub)),
    serve: (answer) => void origins.set(id, answer),
    async newAgent(name, given = {}, now) {
      const person: Person = { sub: name, life: 600, asked: [], allows: true, ...given }
      const agentId = `https://${name}.example`
      const signer = await createSigner(await generatePrivateJwk({ kid: 'agent-1' }))
      const agent = createAgent({
        id: agentId,
        signer,
        authServers: [ids.authServer],
        onePerson: true,
        fetch: send,
        now,
        allowInsecureLoopback: id.startsWith('http:'),
      })
      agents.set(agentId, { jwk: signer.jwk })
      people.set(agentId, person)
      origins.set(agentId, (request) => agent.handler(request))
      return { id: agentId, person, fetch: agent.fetch }
    },
  }
}

/** A port on this machine whose handler is set later. */
export async function openPort(): Promise<{ origin: string; serve: (listener: RequestListener) => void }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { origin, serve: (listener) => void server.on('request', listener) }
}

/** An MCP message as clients send it. */
export function message(method: string, params: Record<string, unknown> = {}, more: Record<string, unknown> = {}) {
  return { jsonrpc: '2.0', id: 1, method, params, ...more }
}

/** The same for version 2026-07-28, with the headers that mirror it. */
export function modern(method: string, params: Record<string, unknown> = {}) {
  const version = '2026-07-28'
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {}, url: {} } },
  }
  const name = params.name ?? params.uri
  const headers: Record<string, string> = { 'mcp-protocol-version': version, 'mcp-method': method }
  if (typeof name === 'string') headers['mcp-name'] = name
  return { body: message(method, { ...params, _meta: meta }), headers }
}

/** Posts a message as an agent. */
export function post(
  agent: McpAgent,
  url: URL,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return agent.fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

/** The single message of a response, from JSON or an event stream. */
export async function parseCallbackResponse(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text()
  const data = /^data: ?(.*)$/m.exec(text)?.[1] ?? text
  return JSON.parse(data) as Record<string, unknown>
}

/** Content types that one parser reads as JSON and another as something else. */
export const notPlainJson: readonly string[] = [
  'application/x-www-form-urlencoded; x=application/json',
  'application/x-www-form-urlencoded',
  'application/x-www-form-urlencoded;application/json',
  'application/json, application/x-www-form-urlencoded',
  'application/json; x=application/x-www-form-urlencoded',
  'application/json; charset=utf-8; charset=utf-16',
  'application/json; charset=utf-7',
  'application/json; charset="utf-8',
  'application/json; charset=utf-8; application/x-www-form-urlencoded',
  'application/vnd.x+json; x=application/json',
  'text/plain; application/json',
  'multipart/form-data; boundary=application/json',
  'application/jsonp',
  'application/json/x',
]

/** Read as a form, a harmless `ping`; read as JSON, a tool call. */
export const formOrCall = (tool: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${tool}","arguments":{"z":"&jsonrpc=2.0&method=ping&id=1&y="}}}`
