import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { createNotesHandler, type Tool, tools } from './notes-server.js'

/** A protected MCP server, as its clients see it. */
export interface ProtectedNotes {
  /** The URL of the endpoint, which is also the resource. */
  url: string
  handler: (request: Request) => Promise<Response>
}

export interface ProtectedNotesOptions {
  origin: string
  issuer: string
  fetch: typeof globalThis.fetch
  /** Unix seconds. */
  now: () => number
}

const initialScope = 'connect notes.read'

/** Protects the notes with the auth server's OAuth edition: metadata, challenges, and a check of each access token. */
export function protectNotes({ origin, issuer, fetch, now }: ProtectedNotesOptions): ProtectedNotes {
  const url = `${origin}/mcp`
  const metadataUrl = `${origin}/.well-known/oauth-protected-resource/mcp`
  const metadata = {
    resource: url,
    authorization_servers: [issuer],
    scopes_supported: initialScope.split(' '),
    bearer_methods_supported: ['header'],
    resource_name: 'Notes',
    scope_descriptions: {
      connect: 'Connect',
      'notes.read': 'See your notes',
      'notes.write': 'Change your notes',
    },
  }
  const notes = createNotesHandler()
  const refuse = (status: number, parameters: Record<string, string>) => {
    const written = Object.entries({ resource_metadata: metadataUrl, ...parameters }).map(
      ([name, value]) => `${name}="${value}"`,
    )
    return new Response(null, { status, headers: { 'www-authenticate': `Bearer ${written.join(', ')}` } })
  }

  async function grantedScope(token: string): Promise<string[] | undefined> {
    const keys = (await (await fetch(`${issuer}/oauth/jwks.json`)).json()) as JSONWebKeySet
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
        issuer,
        audience: url,
        typ: 'at+jwt',
        currentDate: new Date(now() * 1000),
      })
      return String(payload.scope).split(' ')
    } catch {
      return undefined
    }
  }

  return {
    url,
    async handler(request) {
      const { pathname } = new URL(request.url)
      if (request.url === metadataUrl) return Response.json(metadata)
      if (pathname !== '/mcp') return new Response('Not found', { status: 404 })
      const [, token] = /^Bearer (\S+)$/i.exec(request.headers.get('authorization') ?? '') ?? []
      if (token === undefined) return refuse(401, { scope: initialScope })
      const scope = await grantedScope(token)
      if (!scope) return refuse(401, { error: 'invalid_token', scope: initialScope })
      const needed = request.method === 'POST' ? neededScope(await request.clone().json()) : undefined
      if (needed === undefined || scope.includes(needed)) return notes(request)
      return refuse(403, { error: 'insufficient_scope', scope: [...scope, needed].join(' ') })
    },
  }
}

function neededScope(message: unknown): string | undefined {
  const { method, params } = message as { method?: string; params?: { name?: Tool } }
  return method === 'tools/call' && params?.name ? tools[params.name] : undefined
}
