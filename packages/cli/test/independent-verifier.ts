import { createHash, createPublicKey, verify } from 'node:crypto'

/** The shape of `--json`, as its consumer expects it. */
export interface TraceDocument {
  messages: TraceMessage[]
  result: { status?: number; body?: Record<string, unknown>; error?: string }
}

export interface TraceMessage {
  from: string
  to: string
  request: { method: string; url: string; headers: Record<string, string>; body: string | null }
  response: { status: number; headers: Record<string, string>; body: string | null }
  tokens: { where: string; kind: string; header: Record<string, unknown>; payload: Record<string, unknown> }[]
}

interface Jwk {
  kty: string
  crv: string
  x: string
  kid: string
}

/** Verifies using only what the document shows, with nothing of the library that wrote it. */
export function createVerifier({ messages }: TraceDocument) {
  const bodyAt = (url: string) => {
    const message = messages.find(({ request }) => request.method === 'GET' && request.url === url)
    if (!message?.response.body) throw new Error(`the document does not show ${url}`)
    return JSON.parse(message.response.body) as Record<string, unknown>
  }
  const keyOf = (id: string, wellKnown: string, kid: string): Jwk => {
    const { keys } = bodyAt(String(bodyAt(`${id}/.well-known/${wellKnown}`).jwks_uri)) as { keys: Jwk[] }
    const jwk = keys.find((candidate) => candidate.kid === kid)
    if (!jwk) throw new Error(`${id} publishes no ${kid}`)
    return jwk
  }
  const verifyJwt = (jwt: string, wellKnown: string) => {
    const [header = '', payload = '', signature = ''] = jwt.split('.')
    const { kid, alg } = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, string>
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
    const key = keyOf(String(claims.iss), wellKnown, String(kid))
    const verified = isSignedBy(key, `${header}.${payload}`, Buffer.from(signature, 'base64url'))
    if (alg !== 'EdDSA' || !verified) throw new Error(`not signed by ${String(claims.iss)}`)
    return claims
  }
  const signingKey = (value: string): Jwk => {
    const [, id = '', kid = '', wellKnown = ''] =
      /^sig1=\(scheme=jwks id="([^"]+)" kid="([^"]+)" well-known="([^"]+)"\)$/.exec(value) ?? []
    if (id) return keyOf(id, wellKnown, kid)
    const [, jwt = ''] = /^sig1=\(scheme=jwt jwt="([^"]+)"\)$/.exec(value) ?? []
    return (verifyJwt(jwt, 'aauth-issuer') as { cnf: { jwk: Jwk } }).cnf.jwk
  }
  return {
    signed: messages.filter(({ request }) => 'signature' in request.headers),
    keyOf,
    verifyJwt,
    /** The components that the signature covers, once it has been verified; throws if verification fails. */
    requireSignature({ request }: TraceMessage): string[] {
      const { headers } = request
      const [, parameters = '', list = ''] = /^sig1=((\(.*?\)).*)$/.exec(headers['signature-input'] ?? '') ?? []
      const [, signature = ''] = /^sig1=:([A-Za-z0-9+/]+=*):$/.exec(headers.signature ?? '') ?? []
      const covered = [...list.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name)
      const { host, pathname, search } = new URL(request.url)
      const derived: Record<string, string> = {
        '@method': request.method,
        '@authority': host,
        '@path': pathname,
        '@query': search,
      }
      const lines = covered.map((name) => `"${name}": ${derived[name] ?? headers[name]}`)
      const base = [...lines, `"@signature-params": ${parameters}`].join('\n')
      const key = signingKey(headers['signature-key'] ?? '')
      if (!isSignedBy(key, base, Buffer.from(signature, 'base64'))) throw new Error(`${request.url} is not signed`)
      return covered
    },
  }
}

export function digestOf(body: string): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
}

/** RFC 7638 for Ed25519 keys. */
export function thumbprintOf({ crv, kty, x }: Jwk): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url')
}

function isSignedBy(jwk: Jwk, data: string, signature: Buffer): boolean {
  return verify(null, Buffer.from(data), createPublicKey({ key: { ...jwk }, format: 'jwk' }), signature)
}
