import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import { createScriptedUser } from '../scripted-user.js'

/** A real OpenID provider on loopback, with one client. */
export interface TestProvider {
  readonly issuer: string
  readonly client: { id: string; secret: string }
  /** Takes a browser through the provider's own pages; gives where it leads back to. */
  signIn(url: string, account: string): Promise<string>
  close(): Promise<void>
}

const client = { id: 'countersign', secret: 'client-secret-0123456789' }

/** What the provider says of its people. */
const people: Readonly<Record<string, Record<string, unknown>>> = {
  carol: { name: 'Carol C.', preferred_username: 'carol', email: 'carol@home.example', email_verified: true },
  alice: { name: 'Another Alice', preferred_username: 'alice', email: 'alice@home.example', email_verified: false },
  nameless: {},
}

/** Starts the provider for the callback of one server. */
export async function startProvider(redirectUri: string): Promise<TestProvider> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: [redirectUri] }],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId, ...people[accountId] }),
    }),
    cookies: { keys: ['cookie-key-for-tests'] },
  })
  server.on('request', provider.callback())
  return {
    issuer,
    client,
    async signIn(url, account) {
      const browser = createScriptedUser(globalThis.fetch)
      let at = url
      let response = await browser.open(at)
      for (let steps = 0; steps < 20; steps++) {
        const location = response.headers.get('location')
        if (location !== null) {
          at = new URL(location, at).href
          if (!at.startsWith(issuer)) return at
          response = await browser.open(at)
          continue
        }
        const page = await response.text()
        if (response.status !== 200) throw new Error(`the provider answered ${response.status}: ${page.slice(0, 500)}`)
        const form = page.includes('name="login"') ? { login: account, password: 'any' } : { prompt: 'consent' }
        response = await browser.submit(page, at, form)
      }
      throw new Error('the provider leads nowhere')
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
