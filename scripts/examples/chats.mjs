import assert from 'node:assert/strict'
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { join } from 'node:path'
import { serve } from './parties.mjs'
import { createPerson } from './person.mjs'
import { start } from './run-program.mjs'
import { reachableAgent, untilServed } from './stage.mjs'

const events = /The events of (\S+?)\./

/** Runs a bot. `ask` sends a message as a chat user, and resolves to the bot's reply. */
async function withBot(stage, name, own, use) {
  const { dist, cwd } = stage
  const { id, env } = await reachableAgent(stage)
  const bot = start(process.execPath, [join(dist, `${name}.js`)], { cwd, env: { ...env, ...own }, limit: 240 })
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
  return serve(async (id) => async (request) => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/.well-known/openid-configuration')
      return Response.json({
        issuer: id,
        authorization_endpoint: `${id}/authorize`,
        token_endpoint: `${id}/token`,
        jwks_uri: `${id}/keys`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
        id_token_signing_alg_values_supported: ['RS256'],
      })
    if (pathname === '/keys')
      return Response.json({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256' }] })
    if (pathname === '/sign-in')
      return new Response('Signed in.', { headers: { 'set-cookie': `slack=${searchParams.get('as')}` } })
    if (pathname === '/authorize') {
      const code = randomUUID()
      const [, user] = /slack=(\w+)/.exec(request.headers.get('cookie'))
      codes.set(code, { user, nonce: searchParams.get('nonce') })
      const back = new URL(searchParams.get('redirect_uri'))
      back.search = new URLSearchParams({ code, state: searchParams.get('state') })
      return new Response(null, { status: 302, headers: { location: back.href } })
    }
    const form = new URLSearchParams(await request.text())
    const { user, nonce } = codes.get(form.get('code'))
    codes.delete(form.get('code'))
    const iat = Math.floor(Date.now() / 1000)
    const platform = { 'https://slack.com/team_id': 'T1', 'https://slack.com/user_id': user }
    const claims = { iss: id, aud: clientId, sub: user, nonce, iat, exp: iat + 60, ...platform }
    return Response.json({ access_token: 'unused', token_type: 'bearer', id_token: idToken(claims) })
  })
}

async function signIn(stage) {
  const slack = await openSlack('bot')
  stage.closers.push(() => slack.close())
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
    name: 'a bot acts for the chat user who signed in to the platform, no matter who sent the link',
    run: signIn,
  },
]
