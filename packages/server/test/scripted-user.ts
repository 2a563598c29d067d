/** A user’s browser, reduced to what the flow needs: cookies, redirects on demand, and forms as they are on the page. */
export interface ScriptedUser {
  /** Sends a request with the browser's cookies. */
  send(request: Request): Promise<Response>
  open(url: string, headers?: Record<string, string>): Promise<Response>
  /** Posts the form that has this button or action, with its hidden fields, to its target. */
  submit(page: string, url: string, fields: Record<string, string>): Promise<Response>
  cookies: Map<string, string>
}

/** Creates a browser that uses the given fetch and follows no redirects automatically. */
export function createScriptedUser(fetch: typeof globalThis.fetch): ScriptedUser {
  const cookies = new Map<string, string>()
  async function send(request: Request): Promise<Response> {
    const headers = new Headers(request.headers)
    if (cookies.size > 0) headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await fetch(new Request(request, { headers, redirect: 'manual' }))
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (/max-age=0/i.test(cookie)) cookies.delete(name)
      else cookies.set(name, value)
    }
    return response
  }
  return {
    cookies,
    send,
    open: (url, headers = {}) => send(new Request(url, { headers })),
    submit(page, url, fields) {
      const body = new URLSearchParams({ ...hiddenFields(page, fields), ...fields })
      return send(
        new Request(new URL(formAction(page, fields), url), {
          method: 'POST',
          body,
          headers: { origin: new URL(url).origin },
        }),
      )
    },
  }
}

function findForm(page: string, fields: Record<string, string>): { tag: string; inner: string } {
  const wanted = Object.keys(fields).filter((name) => name !== 'action')
  const form = [...page.matchAll(/(<form[^>]*>)([\s\S]*?)<\/form>/g)]
    .map(([, tag = '', inner = '']) => ({ tag, inner }))
    .find(
      ({ inner }) =>
        wanted.every((name) => inner.includes(`name="${name}"`)) &&
        (!fields.action || inner.includes(`value="${fields.action}"`)),
    )
  if (!form) throw new Error('the page has no such form')
  return form
}

/** The target of the form that has a control for the given fields. */
export function formAction(page: string, fields: Record<string, string>): string {
  return /action="([^"]*)"/.exec(findForm(page, fields).tag)?.[1] ?? ''
}

/** The hidden fields of the form that has a control for the given fields. */
export function hiddenFields(page: string, fields: Record<string, string>): Record<string, string> {
  const { inner: form } = findForm(page, fields)
  const hidden: Record<string, string> = {}
  for (const [tag] of form.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(tag)?.[1] ?? ''
    hidden[name] = (/value="([^"]*)"/.exec(tag)?.[1] ?? '')
      .replaceAll('&amp;', '&')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
  }
  return hidden
}

/** Signs in outside a request. */
export async function signInToAccount(
  user: ScriptedUser,
  issuer: string,
  person: { username: string; password: string },
): Promise<Response> {
  const url = `${issuer}/account/sign-in`
  return user.submit(await (await user.open(url)).text(), url, { ...person, action: 'login' })
}

/** Signs in and decides; returns the URL that the decision leads to. */
export async function decideAs(
  user: ScriptedUser,
  url: string,
  consent: 'grant' | 'deny',
  { username = 'testuser', password = 'testpass' } = {},
): Promise<string> {
  const signIn = await (await user.open(url)).text()
  const signedIn = await user.submit(signIn, url, { username, password, action: 'login' })
  const back = new URL(signedIn.headers.get('location') ?? '', url).href
  const page = await (await user.open(back)).text()
  const decided = await user.submit(page, url, { consent })
  return decided.headers.get('location') ?? `no redirect: ${decided.status} ${await decided.text()}`
}
