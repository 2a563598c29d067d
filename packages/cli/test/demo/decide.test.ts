import { describe, expect, it } from 'vitest'
import { type DecideOptions, type Decision, decide } from '../../src/demo/decide.js'

const origin = 'https://auth.example'
const back = 'https://agent.example/callback'
const start = `${origin}/agent/auth?request_token=abc&redirect_uri=${encodeURIComponent(back)}`

interface Received {
  path: string
  body: Record<string, string>
  cookie: string | null
}

/** A third-party auth server; returns the given responses in turn. */
function createStranger(...answers: (Response | string)[]) {
  const received: Received[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const { pathname, search, href } = new URL(request.url)
    if (href.startsWith(back)) return new Response('<p>back</p>')
    received.push({
      path: pathname + (request.method === 'GET' ? search : ''),
      body: Object.fromEntries(new URLSearchParams(await request.text())),
      cookie: request.headers.get('cookie'),
    })
    const answer = answers.shift() ?? new Response('', { status: 500 })
    return typeof answer === 'string' ? new Response(answer, { headers: { 'content-type': 'text/html' } }) : answer
  }
  const { signal } = new AbortController()
  return {
    received,
    decide: (decision: Decision, options: Partial<DecideOptions> = {}) =>
      decide(start, { decision, fetch, signal, ...options }),
    follow: (url: string) => decide(url, { decision: 'grant', fetch, signal }),
  }
}

const redirect = (location: string, status = 303) => new Response(null, { status, headers: { location } })
const signIn = (more = '') =>
  `<form method=post action="/agent/auth">${more}<input name=username><input type=password name=password><button>In</button></form>`
const consent = `<form action='/agent/auth' method='POST'><input value='t' name='request_token' type='hidden'>
  <button value=deny name=consent>No</button><button name=consent value=grant>Yes</button></form>`

describe('the scripted user on third-party servers', () => {
  it.each([
    ['has no redirect response', [signIn(), redirect('/agent/auth?again'), consent, redirect(`${back}?code=1`)]],
    ['directly', [signIn(), consent, redirect(`${back}?code=1`, 302)]],
    ['with an existing session', [consent, redirect(`${back}?code=1`)]],
    ['if everything is remembered', [redirect(`${back}?code=1`)]],
    ['with one page for both', [signIn('<input type=radio name=consent value=grant>'), redirect(`${back}?code=1`)]],
    ['with the password requested again at the end', [signIn(), consent, signIn(), redirect(`${back}?code=1`)]],
  ])('returns to the agent %s', async (_case, answers) => {
    const { decide } = createStranger(...answers)
    expect((await decide('grant')).url).toBe(`${back}?code=1`)
  })

  it('compares the code, if the page must show one', async () => {
    const withCode = (code: string) => `${consent}<p>${code}</p>`
    const { decide } = createStranger(withCode('K7QX'), redirect(back))
    expect((await decide('grant', { code: 'K7QX' })).url).toBe(back)
    const { decide: refuse, received } = createStranger(withCode('AAAA'), redirect(back))
    await expect(refuse('grant', { code: 'K7QX' })).rejects.toThrow('does not show the code K7QX')
    expect(received).toHaveLength(1)
  })

  it('returns to the callback that a link with a code names', async () => {
    const { follow } = createStranger(consent, redirect(`${back}?state=1`))
    const link = `${origin}/interact?code=K7QX&callback=${encodeURIComponent(`${back}?state=1`)}`
    expect((await follow(link)).url).toBe(`${back}?state=1`)
  })

  it('sends the hidden fields of the pages, and the decisions', async () => {
    const page = `<!-- <form action="/trap"><input name="password"></form> -->
      <FORM ACTION='../agent/auth?x=1&amp;y=2' METHOD=POST id=f>
      <input value="a&quot;b&#39;c&#x26;d&gt;" name=csrf type=hidden><input type=hidden name=extra value=1>
      <input type=hidden name=state value=''><input name=username value=old><INPUT NAME="password" TYPE="password">
      <input type=checkbox name=remember><input type=checkbox name=terms checked></FORM>
      <input form=f type=submit name=action value=register><input type=submit name=action value=login form=f>`
    const { decide, received } = createStranger(page, consent, redirect(back))
    await decide('deny')
    expect(received[1]?.path).toBe('/agent/auth')
    expect(received[1]?.body).toEqual({
      csrf: `a"b'c&d>`,
      extra: '1',
      state: '',
      username: 'testuser',
      password: 'testpass',
      terms: 'on',
      action: 'login',
    })
    expect(received[2]?.body).toEqual({ request_token: 't', consent: 'deny' })
  })

  it.each(['grant', 'deny'] as const)(
    'finds the form for its decision if each decision has a separate form: %s',
    async (answer) => {
      const forms = ['deny', 'grant'].map(
        (value) =>
          `<form method=post action=/agent/auth/${value}><input type=hidden name=consent value=${value}><input type=submit value=Go></form>`,
      )
      const { decide, received } = createStranger(forms.join(''), redirect(back))
      await decide(answer)
      expect(received[1]).toMatchObject({ path: `/agent/auth/${answer}`, body: { consent: answer } })
    },
  )

  it.each([
    ['an action field', '<form action=/agent/auth method=post><input type=hidden name=action value=login>'],
    ['the page itself as its target', '<form method=post>'],
    ['an absolute URL as its target', `<form method='post' action=${origin}/agent/auth>`],
  ])('finds the sign-in form with %s among others', async (_case, begin) => {
    const account =
      '<form action=/register method=post><input name=email><input name=password type=password><button>Join</button></form>'
    const other =
      '<form action=/reset method=post><input name=username><input type=password name=password><button name=action value=reset></button></form>'
    const login = `${begin}<input name="username"><input type="password" name="password"><button>In</button></form>`
    const { decide, received } = createStranger(
      account + (begin.includes('login') ? other : '') + login,
      consent,
      redirect(back),
    )
    await decide('grant')
    expect(received[1]?.path).toBe('/agent/auth')
    expect(received[1]?.body).toMatchObject({ username: 'testuser', password: 'testpass' })
  })

  it('keeps cookies, including those of redirects, until they expire', async () => {
    const first = new Response(signIn(), {
      headers: [
        ['set-cookie', 'a=1; Path=/; HttpOnly'],
        ['set-cookie', 'b=2'],
      ],
    })
    const moved = new Response(null, {
      status: 302,
      headers: [
        ['location', 'auth'],
        ['set-cookie', 'c=3'],
        ['set-cookie', 'b=; Max-Age=0'],
      ],
    })
    const { decide, received } = createStranger(first, moved, consent, redirect(back))
    await decide('grant')
    expect(received.map(({ cookie }) => cookie)).toEqual([null, 'a=1; b=2', 'a=1; c=3', 'a=1; c=3'])
  })

  it.each([
    ['shows neither form', ['<p>Hello</p>'], 'neither a sign-in form'],
    [
      'shows the sign-in form again',
      [signIn(), signIn()],
      'the user does not exist, or the password is not testpass. Add the user with this password (countersign server users add testuser)',
    ],
    [
      'lacks the requested decision',
      ['<form><button name=consent value=maybe></button></form>'],
      'has no button for grant',
    ],
    ['repeats the consent page forever', Array.from({ length: 9 }, () => consent), 'keeps showing forms'],
    ['redirects forever', Array.from({ length: 30 }, () => redirect('/agent/auth')), 'redirected more than'],
  ])('gives up when a server %s', async (_case, answers, message) => {
    await expect(createStranger(...answers).decide('grant')).rejects.toThrow(message)
  })
})
