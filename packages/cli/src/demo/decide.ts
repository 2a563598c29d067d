import { CommandError } from '../command-error.js'
import { demoPerson } from './demo-world.js'
import type { ScriptedBrowser } from './scripted-browser.js'

/** What the scripted person does with the consent page. */
export type Decision = 'grant' | 'deny'

/** Signs in, decides, and lands on the agent's callback page. */
export async function decide(browser: ScriptedBrowser, url: string, decision: Decision): Promise<void> {
  const signIn = await browser.open(url)
  const consent = await browser.submit(signIn, 'password', demoPerson)
  if (consent.status === 401)
    throw new CommandError('The demo’s person could not sign in: the database holds another password for testuser.')
  await browser.submit(consent, 'consent', { consent: decision })
}
