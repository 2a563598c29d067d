import type { TestClock } from './test-clock.js'

/** The access that a user was prompted to allow. */
export interface AskedConsent {
  agent: string
  resource: string
  /** Space-separated. Empty if the user was only asked whether the agent may act for them. */
  scope: string
}

export interface TestPersonOptions {
  /**
   * The scopes that the user allows, out of those requested. The user denies a request that includes none of them. If an API requires more
   * than they allowed, it responds with 403, and `agent.fetch` resolves to that response. @default 'all'
   */
  allows?: 'all' | readonly string[] | undefined
  /** Number of seconds by which the clock advances while the user decides. Requests expire after 600 seconds. @default 0 */
  takes?: number | undefined
}

/** A user with an account at the auth server and their own browser. */
export interface TestUser {
  readonly name: string
  /** The `sub` in the user's tokens, which does not reveal a name (W18). */
  readonly sub: string
  allows: 'all' | readonly string[]
  takes: number
  /** The consents for which the user was prompted, in order. */
  readonly asked: readonly AskedConsent[]
  /**
   * Opens a URL in the user's browser, and resolves to the final page. The browser keeps cookies and follows redirects. At the auth server,
   * the user decides at once. A method other than GET represents the submission of a form on a page of the same origin.
   */
  open(url: string, init?: RequestInit): Promise<Response>
  /**
   * Revokes the access that the user allowed or, if an agent is given, only what they allowed that agent. Resolves once all resources have
   * been told, in editions in which the auth server tells them.
   */
  revoke(agent?: string): Promise<void>
}

/** A user's account at the auth server. */
export interface Account {
  person: TestUser
  asked: AskedConsent[]
}

/** The scopes that a user allows. Undefined if they deny the request. */
export function decide({ person, asked }: Account, request: AskedConsent, clock: TestClock): string | undefined {
  asked.push(request)
  clock.advance(person.takes)
  const { allows } = person
  if (request.scope === '') return allows.length > 0 ? '' : undefined
  const allowed = request.scope.split(' ').filter((scope) => allows === 'all' || allows.includes(scope))
  return allowed.length === 0 ? undefined : allowed.join(' ')
}

/** Maximum number of redirects. */
const mostRedirects = 10

/**
 * A browser that follows redirects and keeps cookies by host.
 *
 * @param signedIn the initial cookies, by origin
 */
export function createTestBrowser(
  fetch: typeof globalThis.fetch,
  signedIn: ReadonlyMap<string, readonly [name: string, value: string]>,
): TestUser['open'] {
  const jars = new Map([...signedIn].map(([origin, cookie]) => [origin, new Map([cookie])]))

  async function visit(url: string, init: RequestInit): Promise<Response> {
    const { origin } = new URL(url)
    const jar = jars.get(origin) ?? new Map<string, string>()
    jars.set(origin, jar)
    const request = new Request(url, { ...init, redirect: 'manual' })
    const cookies = [...jar].map(([name, value]) => `${name}=${value}`)
    if (cookies.length > 0) request.headers.set('cookie', cookies.join('; '))
    request.headers.set('sec-fetch-dest', 'document')
    request.headers.set('sec-fetch-site', request.method === 'GET' ? 'none' : 'same-origin')
    const response = await fetch(request)
    for (const text of response.headers.getSetCookie()) keep(jar, text)
    return response
  }

  return async (address, init = {}) => {
    let url = address
    let response = await visit(url, init)
    for (let count = 0; count < mostRedirects; count++) {
      const location = response.headers.get('location')
      if (location === null || response.status < 300 || response.status > 399) return response
      url = new URL(location, url).href
      response = await visit(url, {})
    }
    throw new TypeError(`more than ${mostRedirects} redirects, the last to ${new URL(url).origin}`)
  }
}

function keep(jar: Map<string, string>, text: string): void {
  const [pair = '', ...attributes] = text.split(';')
  const mark = pair.indexOf('=')
  const name = pair.slice(0, mark).trim()
  jar.delete(name)
  const isGone = attributes.some((each) => /^\s*max-age=(?:0|-\d+)\s*$/i.test(each))
  if (!isGone) jar.set(name, pair.slice(mark + 1).trim())
}
