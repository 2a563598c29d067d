import { expect, vi } from 'vitest'
import { allow, redeem } from '../attacks/flow.js'
import { identityOf } from '../attacks/party.js'
import { openMapStage, people, type Stage, type StageOptions } from '../attacks/stage.js'
import { createScriptedUser, type ScriptedUser, signInToAccount } from '../scripted-user.js'

/** The essentials of a page: its status and state, and the problem it reports. */
export interface Seen {
  status: number
  state: string | undefined
  problem: string | undefined
  html: string
  location: string | null
}

/** A user in a browser, at a server. */
export interface Person {
  stage: Stage
  browser: ScriptedUser
  open(path: string): Promise<Seen>
  /** Opens a page and posts its form with this action and these fields. */
  submit(path: string, fields: Record<string, string>): Promise<Seen>
  /** The page that a 303 response leads to. */
  follow(seen: Seen): Promise<Seen>
  /** Posts any form to a path. */
  post(path: string, fields: Record<string, string>): Promise<Seen>
  /** The csrf value of a page. */
  csrfAt(path: string): Promise<string>
}

/** From now on, until the test ends, a server that is opened looks for emails to send a hundred times as often. */
export function sendEmailsSoon(): void {
  const { setInterval } = globalThis
  vi.spyOn(globalThis, 'setInterval').mockImplementation((work, milliseconds) =>
    setInterval(work, milliseconds === 2000 ? 20 : milliseconds),
  )
}

/** Reads a response. */
export async function see(response: Response): Promise<Seen> {
  const html = await response.text()
  return {
    status: response.status,
    state: /<main[^>]* data-state="([^"]*)"/.exec(html)?.[1],
    problem: /<main[^>]* data-error-code="([^"]*)"/.exec(html)?.[1],
    html,
    location: response.headers.get('location'),
  }
}

/** A browser without a signed-in user. */
export function createPerson(stage: Stage, browser: ScriptedUser = createScriptedUser(stage.fetch)): Person {
  const at = (path: string) => stage.authServer + path
  const page = async (path: string) => (await browser.open(at(path))).text()
  return {
    stage,
    browser,
    open: async (path) => see(await browser.open(at(path))),
    submit: async (path, fields) => see(await browser.submit(await page(path), at(path), fields)),
    async follow({ status, location }) {
      expect(status).toBe(303)
      return see(await browser.open(new URL(location ?? '', stage.authServer).href))
    },
    csrfAt: async (path) => /name="csrf" value="([^"]*)"/.exec(await page(path))?.[1] ?? '',
    async post(path, fields) {
      const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const init = { method: 'POST', body: new URLSearchParams(fields), headers: { cookie, origin: stage.authServer } }
      return see(await stage.fetch(new Request(at(path), init)))
    },
  }
}

/** A user who has signed in. */
export async function signedIn(stage: Stage, who: keyof typeof people = 'alice'): Promise<Person> {
  const person = createPerson(stage)
  const response = await signInToAccount(person.browser, stage.authServer, people[who])
  expect(response.status).toBe(303)
  return person
}

/** A server where Alice is signed in. */
export async function openAccount(options: StageOptions = {}): Promise<{ stage: Stage; alice: Person }> {
  const stage = await openMapStage(options)
  return { stage, alice: await signedIn(stage) }
}

/** Lets an agent act for a user without expiry, and has it use its access; returns the id of the grant. */
export async function allowAgent(
  { stage, browser }: Person,
  agent: Stage['agent'] = stage.agent,
): Promise<{ id: string; allowed: Awaited<ReturnType<typeof allow>> }> {
  const allowed = await allow(stage, identityOf(agent), { duration: 'until-removed' }, { user: browser })
  await redeem(stage, allowed)
  const [grant] = await stage.storage.listGrants({ live: true })
  return { id: grant?.id ?? '', allowed }
}
