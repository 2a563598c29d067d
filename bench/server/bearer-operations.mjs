import { createHash, randomBytes } from 'node:crypto'
import { bearerClient, bearerResource } from './world.mjs'

/**
 * The operations of an OAuth client on the auth server: a flow that ends with a refresh token, and the refresh that replaces it. Each runs
 * with a browser whose user has signed in.
 */
export function createBearerOperations({ send, visit, post, expectStatus, hiddenField }) {
  const refreshTokens = []

  async function askToken(fields) {
    const body = new URLSearchParams({ client_id: bearerClient.client_id, ...fields }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await send({ method: 'POST', path: '/oauth/token', headers, body })
    refreshTokens.push(JSON.parse(expectStatus(answer, 200).text).refresh_token)
  }

  return {
    async flow(browser) {
      const verifier = randomBytes(32).toString('base64url')
      const [redirectUri] = bearerClient.redirect_uris
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: bearerClient.client_id,
        redirect_uri: redirectUri,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        state: randomBytes(16).toString('base64url'),
        scope: bearerResource.scopes_supported.join(' '),
        resource: bearerResource.resource,
      })
      const { headers } = expectStatus(await visit(browser, { path: `/oauth/authorize?${query}` }), 303)
      const page = expectStatus(await visit(browser, { path: headers.location }), 200)
      const fields = Object.fromEntries(
        ['csrf', 'revision', 'authorization'].map((name) => [name, hiddenField(page.text, name)]),
      )
      const decided = expectStatus(await post(browser, '/oauth/consent', { ...fields, consent: 'grant' }), 303)
      const code = new URL(decided.headers.location).searchParams.get('code')
      await askToken({ grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri })
    },
    /** Each token is used once: its successor comes last in the queue. */
    refresh: () => askToken({ grant_type: 'refresh_token', refresh_token: refreshTokens.shift() }),
  }
}
