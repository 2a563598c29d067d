import { describe, expect, it } from 'vitest'
import {
  askAuth,
  askPerson,
  obtainPerson,
  openConsent,
  openPersonStage,
  type PersonStage,
  pendingIn,
} from './person-stage.js'

const stateOf = (html: string) => /data-state="([\w-]+)"/.exec(html)?.[1]

/** A stage whose user has allowed an auth token, and has just signed in again, in a browser that comes from the agent's page. */
async function openGranted(): Promise<{
  stage: PersonStage
  person: string
  open: (page: string) => Promise<string | undefined>
}> {
  const stage = await openPersonStage()
  const person = await obtainPerson(stage)
  const first = pendingIn(await askAuth(stage, person))
  const { user, html, url } = await openConsent(stage, first.page)
  await user.submit(html, url, { consent: 'grant' })
  async function open(page: string) {
    const headers = { referer: `${stage.agent.id}/`, 'sec-fetch-site': 'cross-site' }
    const entered = await user.open(page, headers)
    const opened = await user.open(new URL(entered.headers.get('location') ?? '', page).href, headers)
    return stateOf(await opened.text())
  }
  return { stage, person, open }
}

describe('a remembered grant', () => {
  it('does not allow a request for an account, and the page shows the account as the resource’s words', async () => {
    const { stage, person, open } = await openGranted()
    const asked = () => askAuth(stage, person, { claims: { account: '<b>work</b>' } })
    expect(await open(pendingIn(await asked()).page)).toMatch(/^consent/)
    const { html } = await openConsent(stage, pendingIn(await asked()).page)
    expect(html).toMatch(/What .*api\.example.* says[\s\S]*Your account there[\s\S]*&lt;b>work&lt;\/b>/)
    expect(html).not.toContain('<b>work')
  })

  it.each(['login', 'select_account'])('does not allow a request with prompt=%s', async (prompt) => {
    const { stage, person, open } = await openGranted()
    expect(await open(pendingIn(await askAuth(stage, person, { prompt })).page)).toMatch(/^consent/)
  })

  it('allows a pending request of a user who comes from the agent’s page', async () => {
    const stage = await openPersonStage()
    const early = pendingIn(await askPerson(stage))
    const { user, html, url } = await openConsent(stage, pendingIn(await askPerson(stage)).page)
    await user.submit(html, url, { consent: 'grant' })
    const headers = { referer: `${stage.agent.id}/`, 'sec-fetch-site': 'cross-site' }
    const entered = await user.open(early.page, headers)
    const opened = await user.open(new URL(entered.headers.get('location') ?? '', early.page).href, headers)
    expect(stateOf(await opened.text())).toBe('return-to-app')
  })
})

it('a rule that grants prompts the user, and its requests are counted per hour and per day', async () => {
  const outcomes: string[] = []
  const windows: number[][] = []
  const stage = await openPersonStage({
    policy: () => ({ grant: 'internal' }),
    onEvent: (event) => {
      if (event.kind === 'decision' && event.by === 'policy') outcomes.push(event.outcome)
    },
    wrap: (storage) => ({
      ...storage,
      countRequest(counted) {
        windows.push(counted.attempts.map(({ window }) => window))
        return storage.countRequest(counted)
      },
    }),
  })
  const person = await obtainPerson(stage)
  expect((await askAuth(stage, person)).status).toBe(202)
  expect(outcomes).toEqual(['asked', 'asked'])
  expect(windows).toHaveLength(2)
  for (const each of windows) expect(each).toEqual(expect.arrayContaining([3600, 86_400]))
})
