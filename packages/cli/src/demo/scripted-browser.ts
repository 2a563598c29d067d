import { CommandError } from '../command/command-error.js'
import { type Answers, fillForm } from './fill-form.js'
import type { PageForm } from './page-form.js'

/** A page that a browser ended on. */
export interface Page {
  url: string
  status: number
  html: string
}

/** A browser without a screen: keeps cookies, follows redirects, fills in forms as they stand on the page. */
export interface ScriptedBrowser {
  open(url: string): Promise<Page>
  /** Sends a form of a page, with these answers where it asks for them. */
  submit(page: Page, form: PageForm, answers: Answers): Promise<Page>
}

const maxRedirects = 10

interface Sending {
  body: string
  origin: string
}

/** Creates a browser with an empty cookie jar. */
export function createScriptedBrowser(fetch: typeof globalThis.fetch, signal: AbortSignal): ScriptedBrowser {
  // As in browsers, cookies belong to a host, whatever its port.
  const jars = new Map<string, Map<string, string>>()

  async function send(url: string, form?: Sending): Promise<Response> {
    const { hostname } = new URL(url)
    const jar = jars.get(hostname) ?? new Map<string, string>()
    jars.set(hostname, jar)
    const headers = new Headers({ accept: 'text/html' })
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    if (form) {
      headers.set('origin', form.origin)
      headers.set('content-type', 'application/x-www-form-urlencoded')
    }
    const post = form ? { method: 'POST', body: form.body } : {}
    const response = await fetch(url, { ...post, headers, redirect: 'manual', signal })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^\s*([^=;]*)=([^;]*)/.exec(cookie) ?? []
      if (hasEnded(cookie)) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }

  async function follow(start: string, sending?: Sending): Promise<Page> {
    let url = start
    let form = sending
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const response = await send(url, form)
      const location = response.headers.get('location')
      if (location === null || response.status < 300 || response.status > 399)
        return { url, status: response.status, html: await response.text() }
      await response.body?.cancel()
      if (response.status < 307) form = undefined
      url = new URL(location, url).href
    }
    throw new CommandError(`The browser was redirected more than ${maxRedirects} times.`)
  }

  return {
    open: (url) => follow(url),
    async submit(page, form, answers) {
      const url = new URL(form.action, page.url)
      const body = fillForm(form, answers).toString()
      if (form.method === 'post') return follow(url.href, { body, origin: new URL(page.url).origin })
      url.search = body
      return follow(url.href)
    },
  }
}

function hasEnded(cookie: string): boolean {
  const [, age] = /;\s*max-age\s*=\s*"?(-?\d+)/i.exec(cookie) ?? []
  if (age !== undefined) return Number(age) <= 0
  const [, expires = ''] = /;\s*expires\s*=\s*([^;]+)/i.exec(cookie) ?? []
  return Date.parse(expires) < Date.now()
}
