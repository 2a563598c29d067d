import { CommandError } from '../command/errors.js'
import { type DemoUser, demoUser } from './demo-world.js'
import {
  type Answers,
  createScriptedBrowser,
  hasControl,
  type Page,
  type PageForm,
  parseForms,
  type ScriptedBrowser,
} from './scripted-browser.js'

/** What the scripted user does on the consent page. */
export type Decision = 'grant' | 'deny'

interface UserOptions {
  /** The user who signs in. @default testuser */
  user?: DemoUser | undefined
}

interface DecisionOptions extends UserOptions {
  decision: Decision
  /** The code that the consent page must show. @default the user compares no codes */
  code?: string | undefined
}

/** Sign-in, consent, and another password prompt if the server requires one. */
const maxPages = 5

/**
 * Signs in if the browser has no session, decides, and ends on the agent's callback page, no matter which pages a server shows: only the names of the form fields are
 * assumed.
 *
 * @throws CommandError if a page has no usable form, the sign-in fails, or forms keep appearing
 */
export async function decideWith(
  browser: ScriptedBrowser,
  url: string,
  { decision, code, user = demoUser }: DecisionOptions,
): Promise<Page> {
  let page = await browser.open(url)
  let signedIn = false
  for (let pages = 0; pages < maxPages; pages++) {
    const consent = findConsent(page, decision)
    const form = consent ?? findSignIn(page)
    if (!form) {
      if (isBack(page, url)) return page
      throw new CommandError(`The page at ${placeOf(page)} has neither a sign-in form nor a consent form.`)
    }
    if (consent && code !== undefined && !page.html.includes(code))
      throw new CommandError(`The page at ${placeOf(page)} does not show the code ${code}.`)
    if (!consent && signedIn)
      throw new CommandError(
        `${user.username} could not sign in at ${placeOf(page)}: the user does not exist, or the password is not ` +
          `${user.password}. Add the user with this password (countersign server users add ${user.username}), or ` +
          `change the password (countersign server users passwd ${user.username}).`,
      )
    signedIn = !consent
    page = await browser.submit(page, form, { ...user, ...(consent ? { consent: decision } : loginAction(form)) })
  }
  if (isBack(page, url)) return page
  throw new CommandError(`${placeOf(page)} keeps showing forms, and does not redirect the user back.`)
}

export interface DecideOptions extends DecisionOptions {
  /** The fetch function that the scripted browser uses. */
  fetch: typeof globalThis.fetch
  /** Aborts the browser's pending requests. */
  signal: AbortSignal
}

/** Does the same as {@link decideWith} in a new browser, without a session. */
export async function decide(url: string, { fetch, signal, ...options }: DecideOptions): Promise<Page> {
  return decideWith(createScriptedBrowser(fetch, signal), url, options)
}

/**
 * Signs in to My agents at our auth server as a user would, and removes the access of the first agent listed there.
 *
 * @throws CommandError if a page is not as expected
 */
export async function removeAccess(
  browser: ScriptedBrowser,
  authServer: string,
  { user = demoUser }: UserOptions,
): Promise<void> {
  const first = await browser.open(`${authServer}/account`)
  const signIn = findSignIn(first)
  const agents = signIn ? await browser.submit(first, signIn, { ...user, ...loginAction(signIn) }) : first
  const [, path] = /href="([^"]+\/remove)"/.exec(agents.html) ?? []
  const question = path === undefined ? undefined : await browser.open(new URL(path, authServer).href)
  const confirm = question && parseForms(question.html).find((form) => hasControl(form, 'agent'))
  const removed = confirm && (await browser.submit(question, confirm, {}))
  if (!removed?.html.includes('data-state="agents-removed"'))
    throw new CommandError(`The agent’s access could not be removed on the page My agents at ${authServer}.`)
}

// Several buttons may be named `action`. If none of them has the value `login`, any of them works.
function loginAction({ controls }: PageForm): Answers {
  return controls.some(({ name, value }) => name === 'action' && value === 'login') ? { action: 'login' } : {}
}

// The page may also have a sign-up form whose password field has the same name.
function findSignIn(page: Page): PageForm | undefined {
  const forms = parseForms(page.html).filter((form) => hasControl(form, 'password'))
  const named = forms.filter((form) => hasControl(form, 'username'))
  return named.find((form) => loginAction(form).action !== undefined) ?? named[0] ?? forms[0]
}

// A page may have one form per decision, or one for both.
function findConsent(page: Page, decision: Decision): PageForm | undefined {
  const forms = parseForms(page.html).filter((form) => hasControl(form, 'consent'))
  const [first] = forms
  const fitting = forms.find(({ controls }) =>
    controls.some(({ name, value }) => name === 'consent' && value === decision),
  )
  if (first && !fitting) throw new CommandError(`The page at ${placeOf(page)} has no button for ${decision}.`)
  return fitting
}

/** The parameters of consent pages in which agents state where the browser returns. */
const returns = ['redirect_uri', 'callback'] as const

function isBack(page: Page, url: string): boolean {
  const { searchParams } = new URL(url)
  const redirectUri = returns.map((name) => searchParams.get(name)).find((value) => value !== null) ?? ''
  return URL.canParse(redirectUri) && withoutQuery(page.url) === withoutQuery(redirectUri)
}

function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

function placeOf({ url, status }: Page): string {
  return `${new URL(url).host} (${status})`
}
