import assert from 'node:assert/strict'
import { countersign, freePort } from './parties.mjs'
import { ownAgent, programsOf, runAndAllow, untilServed } from './stage.mjs'

const passwords = { alice: 'a password of alice', mallory: 'a password of mallory' }

/** A browser on the API's own pages: it stores its cookie, and submits the hidden fields of forms. */
function createBrowser(id) {
  const browser = { cookie: '', hidden: {} }
  async function send(path, init) {
    const { headers, ...given } = init ?? {}
    const answer = await fetch(`${id}${path}`, {
      redirect: 'manual',
      headers: { cookie: browser.cookie, ...headers },
      ...given,
    })
    const [set] = answer.headers.getSetCookie()
    if (set) browser.cookie = set.split(';', 1)[0]
    const html = await answer.text()
    const fields = html.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)
    browser.hidden = Object.fromEntries([...fields].map(([, name, value]) => [name, value]))
    return { status: answer.status, html, location: answer.headers.get('location'), headers: answer.headers }
  }
  const post = (path, fields, origin = id) =>
    send(path, { method: 'POST', headers: { origin }, body: new URLSearchParams(fields) })
  return {
    open: (path) => send(path),
    post,
    fill: (fields) => post('/link', { ...browser.hidden, ...fields }),
    signIn: (account) => post('/sign-in', { account, password: passwords[account] }),
  }
}

/** A user links once; a visitor who is not signed in, or a user who did not intend to, links nothing. */
export async function linkedAccounts(stage) {
  const programs = programsOf(stage)
  const { root, cwd, authServer, closers } = stage
  await countersign(root, ['agent', 'keys', 'generate', '--output', 'api-key.json'], { cwd }).ended
  const port = String(await freePort())
  const id = `http://127.0.0.1:${port}`
  const served = { ID: id, PORT: port, AUTH_SERVER: authServer, PASSWORDS: JSON.stringify(passwords) }
  let api = programs.run('express-api', served)
  closers.push(() => api.stop())
  await untilServed(id)
  const { env: own } = await ownAgent(stage)
  const env = { ...own, API: `${id}/photos` }
  const ask = () => programs.run('script', env).ended

  const first = await runAndAllow(programs, 'script', env)
  const [, code] = /^403 .*enter the code ([A-Z]{10}) there/.exec(first.printed) ?? []
  assert.ok(code, first.printed)
  assert.match(
    (await ask()).stdout,
    new RegExp(`^403 .*${code}`),
    'the code stays the same while the user looks for the page',
  )

  const stranger = createBrowser(id)
  assert.deepEqual((await stranger.open('/link')).location, '/sign-in')
  assert.equal((await stranger.post('/link', { code, decision: 'link' })).status, 403, 'no one is signed in')
  const alice = createBrowser(id)
  assert.equal(
    (await alice.post('/sign-in', { account: 'alice', password: passwords.alice }, 'https://evil.example')).status,
    403,
  )
  assert.equal((await alice.signIn('alice')).location, '/link')
  const form = await alice.open(`/link?code=${code}`)
  assert.ok(!form.html.includes(code), 'the URL does not prefill a code')
  assert.match(form.headers.get('content-security-policy'), /frame-ancestors 'none'/)
  assert.equal((await alice.post('/link', { code, decision: 'link' })).status, 403, 'without the form token')
  const mallory = createBrowser(id)
  await mallory.signIn('mallory')
  await mallory.open('/link')
  const { token } = mallory.hidden ?? {}
  assert.equal(
    (await alice.post('/link', { token, code, decision: 'link' })).status,
    403,
    'with the token of another session',
  )
  await alice.open('/link')
  assert.equal((await alice.fill({ code: 'BBBBBBBBBB', decision: 'link' })).status, 400)
  assert.match((await ask()).stdout, /^403 /, 'nothing is linked yet')

  await alice.open('/link')
  const question = await alice.fill({ code })
  for (const named of [own.AGENT_ID, authServer, 'alice']) assert.ok(question.html.includes(named))
  assert.match((await ask()).stdout, /^403 /, 'the confirmation page alone links nothing')
  assert.match((await alice.fill({ decision: 'link' })).html, /^Linked/)
  const linked = '200 {"account":"alice","photos":[]}\n'
  assert.equal((await ask()).stdout, linked)
  await mallory.open('/link')
  assert.equal((await mallory.fill({ code, decision: 'link' })).status, 400, 'a code works only once')

  await api.stop()
  api = programs.run('express-api', served)
  await untilServed(id)
  assert.equal((await ask()).stdout, linked, 'after a restart')
}
