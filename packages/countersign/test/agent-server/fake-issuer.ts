import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export const issuer = 'https://token.ci.test'

interface IssuerKey {
  kid: string
  alg: 'RS256' | 'ES256'
  privateKey: KeyObject
  jwk: Record<string, unknown>
}

function newKey(kid: string, alg: IssuerKey['alg'] = 'RS256'): IssuerKey {
  const { publicKey, privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { kid, alg, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } }
}

/** The first key of every issuer: creating one takes a while. */
const firstKey = newKey('key-1')

/** Changes to a token: its claims and header, and the key that signs it. */
export interface TokenChanges {
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
  key?: IssuerKey
  /** A shared secret, with which the token is signed with HS256. */
  secret?: string
}

/** The world to which an issuer is added. */
interface IssuerWorld {
  origins: { set(origin: string, handler: (request: Request) => Response): unknown }
  now: () => number
}

/** A platform that issues OIDC tokens, as GitHub Actions does, in a test world. */
export function openIssuer(world: IssuerWorld, audience = 'https://agent.test') {
  let keys = [firstKey]
  let fetches = 0
  let metadata: Record<string, unknown> = { issuer, jwks_uri: `${issuer}/jwks` }
  world.origins.set(issuer, (request) => {
    fetches++
    const { pathname } = new URL(request.url)
    if (pathname === '/.well-known/openid-configuration') return Response.json(metadata)
    return Response.json({ keys: keys.map(({ jwk }) => jwk) }, { headers: { 'cache-control': 'max-age=600' } })
  })
  return {
    /** How many requests the issuer has received. */
    fetches: () => fetches,
    keys: () => keys.map(({ jwk }) => jwk) as { kty: string; kid: string }[],
    newKey,
    rotate(...next: IssuerKey[]): void {
      keys = next
    },
    describe(changes: Record<string, unknown>): void {
      metadata = { ...metadata, ...changes }
    },
    /** A token of a job of octo/app on its main branch. */
    token({ claims = {}, header = {}, key = keys[0] as IssuerKey, secret }: TokenChanges = {}): string {
      const now = Math.floor(world.now())
      const repository = (claims.repository ?? 'octo/app') as string
      const payload = {
        iss: issuer,
        aud: audience,
        sub: `repo:${repository}:ref:refs/heads/main`,
        repository,
        ref: 'refs/heads/main',
        jti: crypto.randomUUID(),
        iat: now,
        nbf: now - 300,
        exp: now + 300,
        ...claims,
      }
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const input = `${part({ typ: 'JWT', alg: secret === undefined ? key.alg : 'HS256', kid: key.kid, ...header })}.${part(payload)}`
      const signature =
        secret === undefined
          ? sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
          : createHmac('sha256', secret).update(input).digest()
      return `${input}.${signature.toString('base64url')}`
    },
  }
}
