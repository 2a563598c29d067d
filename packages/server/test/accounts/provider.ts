import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import { createScriptedUser, type ScriptedUser } from '../scripted-user.js'

/** A real OpenID provider on loopback, with one client. */
export interface TestProvider {
  readonly issuer: string
  readonly client: { id: string; secret: string }
  /** Takes a browser, a new one by default, through the provider’s own pages; returns the URL it leads back to. */
  signIn(url: string, account: string, browser?: ScriptedUser): Promise<string>
  /** Leaves the provider’s sign-in page through “abort”; returns the URL it leads back to. */
  stop(url: string): Promise<string>
  /** Overrides the provider’s userinfo response from now on. */
  say(changes: Record<string, unknown> | undefined): void
  /** Overrides claims in the ID tokens of this provider from now on. They are received over a trusted connection, so no signature counts. */
  sayInIdTokens(changes: Record<string, unknown> | undefined): void
  close(): Promise<void>
}

const client = { id: 'countersign', secret: 'client-secret-0123456789' }

/** The provider’s claims about its users. */
const people: Readonly<Record<string, Record<string, unknown>>> = {
  carol: { name: 'Carol C.', preferred_username: 'carol', email: 'carol@home.example', email_verified: true },
  alice: { name: 'Another Alice', preferred_username: 'alice', email: 'alice@home.example', email_verified: false },
  nameless: {},
  unseen: {
    name: ' Dana \u202E ',
    preferred_username: 'alice\u3164',
    email: 'dana@home.example',
    email_verified: true,
  },
  unsaid: { name: 'Dana  D.', preferred_username: '\u202Ealice' },
  erin: { name: 'Erin', email: 'erin@elsewhere.example', email_verified: true },
}

/** The claims about them in ID tokens. */
const inIdTokens: typeof people = { erin: { email: 'erin@home.example' } }

/** Starts the provider for one server’s callback. */
export async function startProvider(redirectUri: string): Promise<TestProvider> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: [redirectUri] }],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: (use: string) => ({ sub: accountId, ...(use === 'id_token' ? inIdTokens : people)[accountId] }),
    }),
    conformIdTokenClaims: false,
    cookies: { keys: ['cookie-key-for-tests'] },
  })
  let said: Record<string, unknown> | undefined
  let saidInIdTokens: Record<string, unknown> | undefined
  const answer = provider.callback()
  server.on('request', (request, response) => {
    if (saidInIdTokens && request.url === '/token') changeIdToken(response, saidInIdTokens)
    if (!said || !request.url?.startsWith('/me')) return answer(request, response)
    response.setHeader('content-type', 'application/json')
    return response.end(JSON.stringify(said))
  })
  const follow = async (browser: ScriptedUser, url: string) => {
    let at = url
    for (let steps = 0; steps < 20; steps++) {
      if (!at.startsWith(issuer)) return { at, page: '' }
      const response = await browser.open(at)
      const location = response.headers.get('location')
      if (location === null) return { at, page: await response.text() }
      at = new URL(location, at).href
    }
    throw new Error('the provider leads nowhere')
  }
  return {
    issuer,
    client,
    async signIn(url, account, browser = createScriptedUser(globalThis.fetch)) {
      let { at, page } = await follow(browser, url)
      while (page !== '') {
        const form = page.includes('name="login"') ? { login: account, password: 'any' } : { prompt: 'consent' }
        const response = await browser.submit(page, at, form)
        const location = response.headers.get('location')
        if (location === null) throw new Error(`the provider answered ${response.status}: ${await response.text()}`)
        ;({ at, page } = await follow(browser, new URL(location, at).href))
      }
      return at
    },
    async stop(url) {
      const browser = createScriptedUser(globalThis.fetch)
      const { at } = await follow(browser, url)
      return (await follow(browser, `${at}/abort`)).at
    },
    say(changes) {
      said = changes
    },
    sayInIdTokens(changes) {
      saidInIdTokens = changes
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Changes the claims of the ID token in a response that has not been sent. */
function changeIdToken(response: ServerResponse, changes: Record<string, unknown>): void {
  const end = response.end.bind(response)
  response.end = ((body: string) => {
    const sent = JSON.parse(body) as { id_token: string }
    const [header, payload = '', signature] = sent.id_token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object
    const changed = Buffer.from(JSON.stringify({ ...claims, ...changes })).toString('base64url')
    const text = JSON.stringify({ ...sent, id_token: [header, changed, signature].join('.') })
    response.setHeader('content-length', Buffer.byteLength(text))
    return end(text)
  }) as typeof response.end
}
