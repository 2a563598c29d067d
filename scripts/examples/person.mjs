import { createScriptedBrowser, hasControl, parseForms } from '../../packages/cli/dist/demo/scripted-browser.js'

/** Sign-in, consent, and one more page. */
const mostPages = 3

/** The users who can sign in at the auth server: the demo's own, and a second one. */
export const people = {
  testuser: 'testpass',
  bob: 'correct horse battery',
}

/**
 * A user with a separate browser, which keeps its cookies.
 *
 * @param username one of `people`
 * @param reaches whether the browser can reach a URL; all by default
 */
export function createPerson(username, reaches = () => true) {
  const reach = async (url, init) =>
    reaches(new URL(url)) ? fetch(url, init) : new Response('This site cannot be reached.', { status: 502 })
  const browser = createScriptedBrowser(reach, AbortSignal.timeout(120_000))

  /** Opens a page, and signs in and decides if the page asks for it; returns the page that the browser ends on. */
  async function visit(url, consent = 'grant') {
    let page = await browser.open(url)
    for (let pages = 0; pages < mostPages; pages += 1) {
      const forms = parseForms(page.html)
      const deciding = forms.find(({ controls }) =>
        controls.some(({ name, value }) => name === 'consent' && value === consent),
      )
      const signIn = forms.find((form) => hasControl(form, 'username') && hasControl(form, 'password'))
      const answers = deciding ? { consent } : { username, password: people[username], action: 'login' }
      const form = deciding ?? signIn
      if (!form) return page
      page = await browser.submit(page, form, answers)
    }
    return page
  }
  return {
    visit,
    /** The page that the browser shows, without filling in any form. */
    peek: async (url) => (await browser.open(url)).html,
    /** Presses the button of the form that posts to this path. */
    async press(url, path) {
      const page = await browser.open(url)
      const form = parseForms(page.html).find(({ action }) => action === path)
      if (!form) throw new Error(`the page at ${url} has no form that posts to ${path}`)
      return browser.submit(page, form, {})
    },
  }
}
