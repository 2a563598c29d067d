import { CommandError } from '../command-error.js'
import { findForm } from './page-form.js'

/** A page that a browser ended on. */
export interface Page {
  url: string
  status: number
  html: string
}

/** A browser without a screen: keeps cookies, follows redirects, fills in forms as they stand on the page. */
export interface ScriptedBrowser {
  open(url: string): Promise<Page>
  /** Posts the form that has a control of this name, with its hidden fields and these. */
  submit(page: Page, control: string, fields: Readonly<Record<string, string>>): Promise<Page>
}

const maxRedirects = 5

/** Creates a browser with an empty cookie jar. */
export function createScriptedBrowser(fetch: typeof globalThis.fetch, signal: AbortSignal): ScriptedBrowser {
  // As in browsers, cookies belong to a host, whatever its port.
  const jars = new Map<string, Map<string, string>>()

  async function send(url: string, form?: { body: URLSearchParams; origin: string }): Promise<Response> {
    const { hostname } = new URL(url)
    const jar = jars.get(hostname) ?? new Map<string, string>()
    jars.set(hostname, jar)
    const headers = new Headers({ accept: 'text/html' })
    if (jar.size > 0) headers.set('cookie', [...jar].map(([name, value]) => `${name}=${value}`).join('; '))
    if (form) headers.set('origin', form.origin)
    const post = form ? { method: 'POST', body: form.body } : {}
    const response = await fetch(url, { ...post, headers, redirect: 'manual', signal })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=;]*)=([^;]*)/.exec(cookie) ?? []
      if (/;\s*max-age=0/i.test(cookie)) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }

  async function follow(start: string, first: Response): Promise<Page> {
    let url = start
    let response = first
    for (let hops = 0; hops < maxRedirects; hops++) {
      const location = response.headers.get('location')
      if (location === null) return { url, status: response.status, html: await response.text() }
      await response.body?.cancel()
      url = new URL(location, url).href
      response = await send(url)
    }
    throw new CommandError(`The browser was redirected more than ${maxRedirects} times.`)
  }

  return {
    open: async (url) => follow(url, await send(url)),
    async submit(page, control, fields) {
      const form = findForm(page.html, control)
      if (!form)
        throw new CommandError(`The page at ${new URL(page.url).host} (${page.status}) has no such form: ${control}.`)
      const url = new URL(form.action, page.url).href
      const body = new URLSearchParams({ ...form.hidden, ...fields })
      return follow(url, await send(url, { body, origin: new URL(page.url).origin }))
    },
  }
}
