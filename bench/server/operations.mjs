import { randomBytes } from 'node:crypto'
import { createSigner } from 'countersign'
import { january } from 'countersign/editions'
import { contentDigest, signMessage } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { createBearerOperations } from './bearer-operations.mjs'
import { callbackOf, issuer, password, resourceId, scope } from './world.mjs'

/** The users of the benchmark. */
export const people = 16
export const nameOf = (index) => `person${index}`

const form = 'application/x-www-form-urlencoded'

/**
 * The operations of the client on a server, performed the way the real parties do. Each is a function that performs one operation, and
 * throws if the response is not the expected one. The floor receives the same requests, and responds in the same form.
 */
export async function createOperations(keys, { send }) {
  const resource = await createSigner(keys.resource)
  const agents = await Promise.all(keys.agents.map(async ({ id, jwk }) => ({ id, signer: await createSigner(jwk) })))
  const browsers = Array.from({ length: people }, (_, person) => ({ person, cookies: new Map() }))
  const refreshTokens = []
  const open = []
  let turn = 0

  /** Every user grants something to every agent before a pair is repeated. */
  function nextPair() {
    const index = turn++
    return { browser: browsers[index % people], agent: agents[Math.floor(index / people) % agents.length] }
  }

  async function askToken({ id, signer }, fields) {
    const body = new URLSearchParams(fields).toString()
    const headers = {
      'content-type': form,
      'content-digest': await contentDigest(Buffer.from(body)),
      nonce: randomBytes(16).toString('base64url'),
    }
    const signatureKey = { scheme: 'jwks', id, kid: signer.kid, wellKnown: 'aauth-agent' }
    const message = { method: 'POST', authority: new URL(issuer).host, path: '/agent/token', fields: headers }
    const signature = await signMessage(message, { profile: january.signing, signer, signatureKey })
    const answer = await send({ method: 'POST', path: '/agent/token', headers: { ...headers, ...signature }, body })
    return JSON.parse(expectStatus(answer, 200).text)
  }

  async function visit(browser, request) {
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { 'accept-encoding': 'gzip', ...request.headers, ...(cookie && { cookie }) }
    const answer = await send({ ...request, headers })
    for (const set of answer.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)
      browser.cookies.set(name, value)
    }
    return answer
  }

  const post = (browser, path, fields) =>
    visit(browser, {
      method: 'POST',
      path,
      headers: { 'content-type': form, origin: issuer, 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams(fields).toString(),
    })

  async function ask({ agent }) {
    const claims = { iss: resourceId, aud: issuer, agent: agent.id, agent_jkt: agent.signer.thumbprint, scope }
    const exp = Math.floor(Date.now() / 1000) + 300
    const token = await issueToken(january.tokens.resource, { ...claims, exp }, { signer: resource })
    const redirectUri = callbackOf(agent.id)
    const fields = { request_type: 'auth', resource_token: token, redirect_uri: redirectUri }
    const { request_token: requestToken } = await askToken(agent, fields)
    const state = randomBytes(16).toString('base64url')
    return { request_token: requestToken, redirect_uri: redirectUri, state }
  }

  async function show(browser, link) {
    const path = `/agent/auth?${new URLSearchParams(link)}`
    return expectStatus(await visit(browser, { path }), 200)
  }

  async function signIn(browser) {
    const path = '/account/sign-in'
    const page = expectStatus(await visit(browser, { path }), 200)
    const fields = { csrf: hiddenField(page.text, 'csrf'), action: 'login', username: nameOf(browser.person), password }
    expectStatus(await post(browser, path, fields), 303)
  }

  const bearer = createBearerOperations({ send, visit, post, expectStatus, hiddenField })

  return {
    /** Signs in all users, so that every flow finds a session. */
    async prepare() {
      for (const browser of browsers) await signIn(browser)
    },
    /** Creates consent requests that wait for a user, to be viewed. */
    async openRequests(count) {
      while (open.length < count) {
        const pair = nextPair()
        const link = await ask(pair)
        await show(pair.browser, link)
        open.push({ ...pair, link })
      }
    },
    async flow() {
      const pair = nextPair()
      const link = await ask(pair)
      const page = await show(pair.browser, link)
      const fields = { csrf: hiddenField(page.text, 'csrf'), revision: hiddenField(page.text, 'revision') }
      const decided = expectStatus(
        await post(pair.browser, '/agent/auth', { ...fields, ...link, consent: 'grant' }),
        303,
      )
      const code = new URL(decided.headers.location).searchParams.get('code')
      const exchange = {
        request_type: 'code',
        code,
        redirect_uri: link.redirect_uri,
        request_token: link.request_token,
      }
      const { refresh_token: token } = await askToken(pair.agent, exchange)
      refreshTokens.push({ agent: pair.agent, token })
    },
    async refresh() {
      const { agent, token } = refreshTokens[turn++ % refreshTokens.length]
      await askToken(agent, { request_type: 'refresh', refresh_token: token })
    },
    bearerFlow: () => bearer.flow(nextPair().browser),
    bearerRefresh: () => bearer.refresh(),
    signIn: () => signIn({ person: turn++ % people, cookies: new Map() }),
    async page() {
      const { browser, link } = open[turn++ % open.length]
      await show(browser, link)
    },
    async document() {
      expectStatus(await send({ path: turn++ % 2 === 0 ? '/.well-known/aauth-issuer' : '/jwks.json' }), 200)
    },
  }
}

function expectStatus(answer, status) {
  if (answer.status === status) return answer
  throw new Error(`responded with ${answer.status} instead of ${status}: ${answer.text.slice(0, 400)}`)
}

function hiddenField(page, name) {
  const value = new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1]
  if (value === undefined) throw new Error(`the page has no field ${name}`)
  return value
}
