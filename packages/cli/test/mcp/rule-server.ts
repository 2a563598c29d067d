import { createServer } from 'node:http'
import { createSigner, generatePrivateJwk, type PublicJwk } from 'countersign'
import { january } from 'countersign/editions'
import { decodeToken, issueToken } from 'countersign/tokens'
import { onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'

export interface RuleServer {
  id: string
  /** The scopes of each issued token, in order. */
  given: string[]
}

export interface RuleServerOptions {
  /** Token lifetime, in seconds. */
  lifetime: number
  isRefreshed: boolean
  /** The key of the one agent that it knows. */
  jwk: PublicJwk
}

/** A local auth server on which a rule grants every request, without a user. */
export async function openRuleServer({ lifetime, isRefreshed, jwk }: RuleServerOptions): Promise<RuleServer> {
  const signer = await createSigner(await generatePrivateJwk({ kid: 'auth-1' }))
  const port = await freePort()
  const id = `http://127.0.0.1:${port}`
  const given: string[] = []
  const documents: Record<string, object> = {
    '/.well-known/aauth-issuer': {
      issuer: id,
      jwks_uri: `${id}/jwks.json`,
      agent_token_endpoint: `${id}/agent/token`,
      agent_auth_endpoint: `${id}/agent/auth`,
    },
    '/jwks.json': { keys: [signer.jwk] },
  }
  const known = new Map<string, { aud: string; agent: string; scope: string }>()

  async function answerForm(form: URLSearchParams): Promise<object> {
    const asked = decodeToken(form.get('resource_token') ?? '')?.payload as Record<'iss' | 'agent' | 'scope', string>
    const kept = known.get(form.get('refresh_token') ?? '')
    const { aud, agent, scope } = kept ?? { aud: asked.iss, agent: asked.agent, scope: asked.scope }
    given.push(scope)
    const exp = Math.floor(Date.now() / 1000) + lifetime
    const claims = { iss: id, aud, sub: 'ada', scope, agent, exp, cnf: { jwk } }
    const token = await issueToken(january.tokens.auth, claims, { signer })
    const refreshToken = `refresh-${given.length}`
    if (isRefreshed) known.set(refreshToken, { aud, agent, scope })
    return { auth_token: token, expires_in: lifetime, ...(isRefreshed ? { refresh_token: refreshToken } : {}) }
  }

  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const answered =
        documents[incoming.url ?? ''] ?? answerForm(new URLSearchParams(Buffer.concat(chunks).toString()))
      void Promise.resolve(answered).then((answer) =>
        outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer)),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { id, given }
}
