import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { countersign, freePort } from './parties.mjs'
import { createPerson } from './person.mjs'
import { start } from './run-program.mjs'
import { untilServed } from './stage.mjs'

const events = /The events of (\S+?)\./

/** Runs a bot. `ask` sends a message as a chat user, and resolves to the bot's reply. */
async function withBot({ root, dist, cwd, authServer, api }, name, own, use) {
  await countersign(root, ['agent', 'keys', 'generate', '--output', 'agent-key.json'], { cwd }).ended
  const port = String(await freePort())
  const id = `http://127.0.0.1:${port}`
  const env = { AGENT_ID: id, PORT: port, AUTH_SERVER: authServer, API: api.url, ...own }
  const bot = start(process.execPath, [join(dist, `${name}.js`)], { cwd, env, limit: 240 })
  let replies = 0
  async function ask(user, text = 'events') {
    replies += 1
    bot.say(`T1 ${user} ${text}\n`)
    const [printed] = await bot.seen(new RegExp(`(?:to .*\\n){${replies}}`))
    return printed
      .trimEnd()
      .split('\n')
      .at(-1)
      .replace(/^to \S+: /, '')
  }
  try {
    await untilServed(id)
    await use({ id, ask })
  } finally {
    await bot.stop()
  }
}

async function digits(stage) {
  await withBot(stage, 'chat-digits', {}, async ({ ask }) => {
    const linkFor = async (user) => /http\S+/.exec(await ask(user))[0]
    const [alice, bob] = [createPerson('testuser'), createPerson('bob')]
    /** Follows a link, and returns the digits that the browser then shows. */
    async function digitsFor(person, link) {
      const { html, url } = await person.press(link, '/connect')
      assert.doesNotMatch(html, /The events/)
      return /<b class="digits" dir="ltr">(\d{6})</.exec((await person.visit(url)).html)[1]
    }
    // The attack: Mallory forwards the link to alice, who allows the request.
    const stolen = await digitsFor(alice, await linkFor('mallory'))
    assert.match(await ask('alice', stolen), /Open this link/, 'hers do not complete what Mallory started')
    assert.match(await ask('mallory', String((Number(stolen) + 1) % 1_000_000).padStart(6, '0')), /^Wrong/)
    assert.match(await ask('mallory'), /Open this link/)
    assert.match(await ask('mallory', stolen), /Open this link/, 'a new link ends what came before')
    // Two chats at once.
    const links = [await linkFor('alice'), await linkFor('bob')]
    const [hers, his] = [await digitsFor(alice, links[0]), await digitsFor(bob, links[1])]
    assert.match(await ask('bob', hers), /^Wrong/)
    assert.match(await ask('bob', his), /^Connected/)
    assert.match(await ask('alice', hers), /^Connected/)
    const [of, ofBob] = [events.exec(await ask('alice'))[1], events.exec(await ask('bob'))[1]]
    assert.notEqual(of, ofBob)
    assert.doesNotMatch(await ask('alice', hers), /^Connected/, 'digits work once')
  })
}

/** Slack's sign-in, reduced to what a bot uses: the cookie of a browser names its chat user. */
async function openSlack(clientId) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const codes = new Map()
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const idToken = (claims) => {
    const signed = `${encode({ alg: 'RS256', kid: 'k' })}.${encode(claims)}`
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
  }
  const slack = { id: '' }
  const respond = async (req, res) => {
    const { pathname, searchParams } = new URL(req.url, slack.id)
    const json = (value) => res.setHeader('content-type', 'application/json').end(JSON.stringify(value))
    if (pathname === '/.well-known/openid-configuration')
      return json({
        issuer: slack.id,
        authorization_endpoint: `${slack.id}/authorize`,
        token_endpoint: `${slack.id}/token`,
        jwks_uri: `${slack.id}/keys`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        id_token_signing_alg_values_supported: ['RS256'],
      })
    if (pathname === '/keys')
      return json({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256' }] })
    if (pathname === '/sign-in') return res.setHeader('set-cookie', `slack=${searchParams.get('as')}`).end('Signed in.')
    if (pathname === '/authorize') {
      const code = randomUUID()
      const user = /slack=(\w+)/.exec(req.headers.cookie ?? '')[1]
      codes.set(code, { user, nonce: searchParams.get('nonce') })
      const back = new URL(searchParams.get('redirect_uri'))
      back.search = new URLSearchParams({ code, state: searchParams.get('state') })
      return res.writeHead(302, { location: back.href }).end()
    }
    const form = new URLSearchParams(Buffer.concat(await req.toArray()).toString())
    const { user, nonce } = codes.get(form.get('code'))
    codes.delete(form.get('code'))
    const iat = Math.floor(Date.now() / 1000)
    const platform = { 'https://slack.com/team_id': 'T1', 'https://slack.com/user_id': user }
    const claims = { iss: slack.id, aud: clientId, sub: user, nonce, iat, exp: iat + 60, ...platform }
    json({ access_token: 'unused', token_type: 'bearer', id_token: idToken(claims) })
  }
  const server = createServer((req, res) => void respond(req, res))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  slack.id = `http://127.0.0.1:${server.address().port}`
  return { ...slack, close: () => server.close() }
}

async function signIn(stage) {
  const slack = await openSlack('bot')
  stage.closers.push(slack.close)
  await withBot(stage, 'chat-sign-in', { SLACK: slack.id, SLACK_SECRET: 'secret' }, async ({ id, ask }) => {
    // A browser's cookies do not distinguish ports, as in every browser, so each user has one at both servers.
    const [alice, bob] = [createPerson('testuser'), createPerson('bob')]
    await alice.visit(`${slack.id}/sign-in?as=alice`)
    await bob.visit(`${slack.id}/sign-in?as=bob`)
    assert.equal(await ask('mallory'), `Connect your calendar: ${id}/connect`)
    // The attack: alice follows the link in Mallory's chat. It connects only alice.
    assert.match((await alice.visit(`${id}/connect`)).html, /data-state="allowed"/)
    assert.match(await ask('mallory'), /^Connect your calendar/)
    const hers = events.exec(await ask('alice'))
    assert.match((await bob.visit(`${id}/connect`)).html, /data-state="allowed"/)
    assert.notEqual(events.exec(await ask('bob'))[1], hers[1])
    // Neither another user's code nor a browser that has started nothing completes a sign-in.
    const stranger = createPerson('bob')
    const replayed = await stranger.visit(`${id}/slack?code=${randomUUID()}&state=${randomUUID()}`)
    assert.deepEqual([replayed.status, replayed.html], [400, 'Start again from the link in the chat.\n'])
    assert.equal((await stranger.visit(`${id}/events`)).status, 401)
    assert.match(await ask('mallory'), /^Connect your calendar/)
  })
}

/** The bots for chats. */
export const chats = [
  {
    files: ['chat-digits.ts'],
    name: 'a bot acts for a chat user who typed the digits, and gives a forwarded link nothing',
    run: digits,
  },
  {
    files: ['chat-sign-in.ts', 'slack-sign-in.ts'],
    name: 'a bot acts for the chat user who signed in to the platform, whoever sent the link',
    run: signIn,
  },
]
