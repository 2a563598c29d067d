import { randomUUID } from 'node:crypto'
import * as oidc from 'openid-client'

const {
  AGENT_ID = 'https://bot.example',
  SLACK = 'https://slack.com', // the platform's own sign-in (OpenID Connect)
  SLACK_CLIENT = 'bot',
  SLACK_SECRET = '',
} = process.env
const isLocal = AGENT_ID.startsWith('http:') // plain http, to try it on this machine
const [name, secure] = isLocal ? ['visit', ''] : ['__Host-visit', '; Secure'] // no other host can set this cookie
const execute = isLocal ? [oidc.allowInsecureRequests] : []
const slack = await oidc.discovery(new URL(SLACK), SLACK_CLIENT, SLACK_SECRET, undefined, { execute })

interface Visit {
  user?: string // the chat user who has signed in to this browser
  checks?: { expectedState: string; expectedNonce: string; pkceCodeVerifier: string }
}

/** What each browser is doing, by its cookie. In your app, this is a database, and old visits expire. */
const visits = new Map<string, Visit>()
const cookieOf = (request: Request) =>
  new RegExp(`(?:^|; )${name}=([\\w-]+)`).exec(request.headers.get('cookie') ?? '')?.[1] ?? ''
export const userOf = (request: Request): string | undefined => visits.get(cookieOf(request))?.user

/** Redirects a browser, and gives it a new cookie. */
function redirect(location: string, visit: Visit): Response {
  const cookie = randomUUID()
  visits.set(cookie, visit)
  const headers = { location, 'set-cookie': `${name}=${cookie}; Path=/; HttpOnly; SameSite=Lax${secure}` }
  return new Response(null, { status: 303, headers })
}

/** Sends a browser to the platform, which knows who its user is. */
export async function startSignIn(): Promise<Response> {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const checks = { expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce(), pkceCodeVerifier }
  const url = oidc.buildAuthorizationUrl(slack, {
    scope: 'openid',
    redirect_uri: `${AGENT_ID}/slack`,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  return redirect(url.href, { checks })
}

/** Completes the sign-in that this same browser has started: anyone could send it another user's code. */
export async function finishSignIn(request: Request): Promise<Response> {
  const { checks } = visits.get(cookieOf(request)) ?? {}
  visits.delete(cookieOf(request))
  if (!checks) return new Response('Start again from the link in the chat.\n', { status: 400 })
  const claims = (await oidc.authorizationCodeGrant(slack, new URL(request.url), checks)).claims()
  // Immutable identifiers. A name or an email address proves nothing.
  const { 'https://slack.com/team_id': team, 'https://slack.com/user_id': user }: Record<string, unknown> = claims ?? {}
  if (typeof team === 'string' && typeof user === 'string') return redirect('/events', { user: `${team} ${user}` })
  return new Response('Slack did not identify its user.\n', { status: 502 })
}
