import { CommandError } from '../command/errors.js'
import { demoPerson } from './demo-world.js'
import {
  type Answers,
  createScriptedBrowser,
  hasControl,
  type Page,
  type PageForm,
  parseForms,
} from './scripted-browser.js'

/** What the scripted person does with the consent page. */
export type Decision = 'grant' | 'deny'

export interface DecideOptions {
  decision: Decision
  /** What its browser sends with. */
  fetch: typeof globalThis.fetch
  /** Aborting it ends what the browser waits for. */
  signal: AbortSignal
}

/** Sign-in, consent, and the password again where a server asks for it. */
const maxPages = 5

/**
 * Signs in, decides, and lands on the agent's callback page, whichever pages a server shows:
 * the fields are known, the pages are not.
 *
 * @throws CommandError when a page has neither form, or shows the same one again
 */
export async function decide(url: string, { decision, fetch, signal }: DecideOptions): Promise<Page> {
  const browser = createScriptedBrowser(fetch, signal)
  let page = await browser.open(url)
  let signedIn = false
  for (let pages = 0; pages < maxPages; pages++) {
    const consent = findConsent(page, decision)
    const form = consent ?? findSignIn(page)
    if (!form) {
      if (isBack(page, url)) return page
      throw new CommandError(`The page at ${placeOf(page)} has no form to sign in with, and none to decide with.`)
    }
    if (!consent && signedIn)
      throw new CommandError(
        `${demoPerson.username} could not sign in at ${placeOf(page)}: no such user, or another password than ` +
          `${demoPerson.password}. Add it: countersign users add ${demoPerson.username}`,
      )
    signedIn = !consent
    page = await browser.submit(page, form, { ...demoPerson, ...(consent ? { consent: decision } : loginAction(form)) })
  }
  if (isBack(page, url)) return page
  throw new CommandError(`${placeOf(page)} asks and asks, and does not send the person back.`)
}

// Several buttons may be named action; where none says login, any will do.
function loginAction({ controls }: PageForm): Answers {
  return controls.some(({ name, value }) => name === 'action' && value === 'login') ? { action: 'login' } : {}
}

// Beside the form to sign in with there may be one to make an account with: its field for the password has the same name.
function findSignIn(page: Page): PageForm | undefined {
  const forms = parseForms(page.html).filter((form) => hasControl(form, 'password'))
  const named = forms.filter((form) => hasControl(form, 'username'))
  return named.find((form) => loginAction(form).action !== undefined) ?? named[0] ?? forms[0]
}

// A page may have a form for each answer, or one for both.
function findConsent(page: Page, decision: Decision): PageForm | undefined {
  const forms = parseForms(page.html).filter((form) => hasControl(form, 'consent'))
  const [first] = forms
  const fitting = forms.find(({ controls }) =>
    controls.some(({ name, value }) => name === 'consent' && value === decision),
  )
  if (first && !fitting) throw new CommandError(`The page at ${placeOf(page)} cannot be answered with ${decision}.`)
  return fitting
}

function isBack(page: Page, url: string): boolean {
  const redirectUri = new URL(url).searchParams.get('redirect_uri') ?? ''
  return URL.canParse(redirectUri) && withoutQuery(page.url) === withoutQuery(redirectUri)
}

function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

function placeOf({ url, status }: Page): string {
  return `${new URL(url).host} (${status})`
}
