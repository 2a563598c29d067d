import { createSigner, generatePrivateJwk } from 'countersign'
import { createResource } from 'countersign/resource'
import { type McpTable, protectMcp } from 'countersign/resource/mcp'
import { createNotesHandler, tools } from './notes-server.js'

/** A protected MCP server, as its clients see it. */
export interface ProtectedNotes {
  /** The URL of the endpoint, which is also the resource. */
  url: string
  handler: (request: Request) => Promise<Response>
}

export interface ProtectedNotesOptions {
  origin: string
  issuer: string
  fetch?: typeof globalThis.fetch
  /** Unix seconds. */
  now: () => number
  /** The path of the endpoint. @default '/mcp' */
  path?: '/' | '/mcp'
  /** Another server instead of the notes. @default the notes */
  server?: { handler: (request: Request) => Promise<Response>; table: McpTable }
}

/** Protects the notes for OAuth clients, which first request only some of the scopes. */
export async function protectNotes(options: ProtectedNotesOptions): Promise<ProtectedNotes> {
  const {
    origin,
    issuer,
    fetch,
    now,
    path = '/mcp',
    server = { handler: createNotesHandler(), table: { tools } },
  } = options
  const resource = createResource({
    id: origin,
    signer: await createSigner(await generatePrivateJwk({ kid: 'notes-1' })),
    authServer: issuer,
    scopes: { connect: 'Connect', 'notes.read': 'See your notes', 'notes.write': 'Change your notes' },
    denyList: {},
    fetch,
    now,
    allowInsecureLoopback: origin.startsWith('http:'),
  })
  const mcp = protectMcp(resource, {
    ...server.table,
    accept: ['aauth', 'oauth'],
    path,
    name: 'Notes',
    connect: 'connect',
    initialScope: 'connect notes.read',
    now,
  })
  const notes = mcp.around(server.handler)
  const isOfNotes = (pathname: string) => pathname === path || pathname.startsWith('/.well-known/oauth-')
  return {
    url: path === '/' ? origin : origin + path,
    handler: (request) => (isOfNotes(new URL(request.url).pathname) ? notes(request) : resource.handler(request)),
  }
}
