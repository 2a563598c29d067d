import {
  type AllowedAgent,
  renderActivity,
  renderAgent,
  renderAgents,
  renderCloseAccount,
  renderPassword,
  renderRemoveAgent,
  renderRemoveAll,
  renderRemovePasskey,
  renderSecurity,
  renderSignedOut,
  renderYours,
} from 'countersign-server/pages'
import { describe, expect, it } from 'vitest'
import {
  accountFrame,
  activity,
  agentModel,
  agents,
  agentsModel,
  now,
  passkeys,
  securityModel,
} from './account-models.js'
import { frame } from './models.js'
import { expectInert, expectOrder, formsOf, payloads, words } from './reading.js'

/** The forms other than sign-out and the languages. */
const ownForms = (html: string) =>
  formsOf(html).filter(({ hidden }) => hidden.action !== 'logout' && hidden.action !== 'language')

describe('renderAgents', () => {
  it('shows for each agent who, where, what, since when, last use and expiry', () => {
    expectOrder(words(renderAgents(agentsModel())), [
      'My agents',
      'calendar-helper.example',
      'calls itself “Calendar Helper”',
      'has access to cal.example',
      'Read See your events',
      'Change Create and change events (until 15 January',
      'Allowed on 3 January. Last used on 15 January. Ends on 2 February.',
      'Details of calendar-helper.example at cal.example',
      'Remove access of calendar-helper.example at cal.example',
      'trips.example',
      'Spend Pay for what you book',
      'Allowed on 16 November 2025. Not used yet. Stays until you remove it.',
      'Remove all agents',
    ])
  })

  it('shows the time of day if access expires soon', () => {
    const text = words(renderAgents(agentsModel({ agents: [{ ...agents[0], ends: now + 3600 }] })))
    expect(text).toContain('Ends on 15 January at 15:06 UTC.')
  })

  it('links to each agent by its id, escaped', () => {
    const html = renderAgents(agentsModel({ agents: [{ ...agents[0], id: 'a/b?c' }] }))
    expect(html).toContain('href="/account/agents/a%2Fb%3Fc"')
    expect(html).toContain('href="/account/agents/a%2Fb%3Fc/remove"')
  })

  it('shows what will appear in an empty list', () => {
    const html = renderAgents(agentsModel({ agents: [] }))
    expect(html).toContain('data-state="agents-empty"')
    expect(words(html)).toContain('You have no agents.')
    expect(html).not.toContain('<ul class="entries">')
  })

  it('lists agents that have no access, but act only for the user', () => {
    const parties = { agentHost: 'agent.example', delegate: 'aauth:bot@agent.example', resourceHost: 'cal.example' }
    const ended = [{ id: 'g1', ...parties, told: undefined, isBound: true }]
    for (const listed of [[agents[0]], []]) {
      const html = renderAgents(agentsModel({ agents: listed, ended }))
      expectOrder(words(html), [
        'Agents without access',
        'agent.example',
        'aauth:bot@agent.example',
        'It acts for no one else',
      ])
      expect(html).toContain('href="/account/agents/g1"')
    }
    expect(words(renderAgents(agentsModel({ ended: [] })))).not.toContain('Agents without access')
  })

  it('searches agents with a GET form, and shows how many matched', () => {
    const html = renderAgents(agentsModel({ agents: [], filter: { text: 'zebra', total: 12 } }))
    expect(html).toContain('<search><form class="filter" method="get" action="/account">')
    expect(html).toContain('value="zebra"')
    expectOrder(words(html), ['0 of 12 agents.', 'Show all'])
  })

  it('shows when new access stopped and how long existing access works', () => {
    const html = renderAgents(agentsModel({ removed: { stoppedAt: now - 60, expiresBy: now + 540 } }))
    expect(html).toContain('data-state="agents-removed"')
    expect(words(html)).toContain('Removed. New access stopped at 14:05 UTC ; existing access ends by 14:15 UTC.')
  })
})

describe('renderAgent', () => {
  it.each([
    ['person', 'You removed its access on 15 January'],
    ['server', 'An administrator removed its access on 15 January'],
    ['time', 'Its access ended on 15 January'],
  ] as const)('shows what an agent could do before its access ended by %s, and offers no revocation', (by, how) => {
    const html = renderAgent(agentModel({ ended: { at: now - 3600, by } }))
    expect(html).toContain('data-state="agent-ended"')
    expectOrder(words(html), [
      'calendar-helper.example (copy “worker-7@calendar-helper.example”) no longer has access to cal.example.',
      how,
      'It could',
    ])
    expect(words(html)).not.toMatch(/Remove access|Ends on|It can /)
  })

  it('can be reported', () => {
    expect(renderAgent(agentModel())).toContain('href="/report"')
    expect(renderAgents(agentsModel())).not.toContain('href="/report"')
  })
})

describe('an agent with access only to the user’s identity', () => {
  const agentHost = 'calendar-helper.example'
  const signsIn = { ...agents[0], agentHost, resourceHost: agentHost }

  it('is never described as having access to itself', () => {
    const everything = ['allowed', 'denied', 'remembered', 'used', 'removed', 'removed_by_server'] as const
    const documents = [
      renderAgents(agentsModel({ agents: [signsIn] })),
      renderAgent(agentModel({ agent: { ...agentModel().agent, ...signsIn } })),
      renderAgent(agentModel({ agent: { ...agentModel().agent, ...signsIn }, ended: { at: now, by: 'person' } })),
      renderRemoveAgent({ ...accountFrame, agent: signsIn, tokenLifetime: 600 }),
      renderRemoveAll({ ...accountFrame, agents: [signsIn], tokenLifetime: 600 }),
      renderActivity({
        ...accountFrame,
        activity: everything.map((what) => ({ at: now, what, agentHost, resourceHost: agentHost })),
      }),
    ]
    for (const html of documents) {
      const text = words(html.replaceAll(/<span class="unseen">.*?<\/span>/g, ''))
      expect(text).not.toMatch(/calendar-helper\.example[^.]*access to calendar-helper|at calendar-helper/)
    }
    expect(words(documents.at(-1) ?? '')).toContain('You let calendar-helper.example sign you in.')
  })
})

describe('navigation', () => {
  it('does not mark a subpage as the current page', () => {
    expect(renderAgent(agentModel())).toContain('<a href="/account" aria-current="true">')
  })

  it('marks the current page, and signs out with a form', () => {
    const html = renderActivity({ ...accountFrame, activity })
    expect(html.match(/aria-current="page"/g)).toHaveLength(1)
    expect(html).toContain('<a href="/account/activity" aria-current="page">Activity</a>')
    expect(formsOf(html)[0]?.hidden).toEqual({ action: 'logout', csrf: 'csrf-1' })
    expect(formsOf(html)[0]?.attributes).toContain('action="/account"')
  })
})

describe('account forms', () => {
  const [agent] = agents
  const [passkey] = passkeys
  const shared = { ...accountFrame, tokenLifetime: 600 }

  it.each([
    ['remove-agent', renderRemoveAgent({ ...shared, agent }), { agent: 'g1' }],
    ['remove-all-agents', renderRemoveAll({ ...shared, agents }), {}],
    ['remove-passkey', renderRemovePasskey({ ...accountFrame, passkey }), { passkey: 'p1' }],
    ['close-account', renderCloseAccount({ ...shared, agents: 3, password: true }), {}],
    ['change-password', renderPassword({ ...accountFrame, passwordMinimum: 10 }), {}],
  ])('%s is posted with the CSRF value', (action, html, subject) => {
    const [form, ...rest] = ownForms(html)
    expect(rest).toEqual([])
    expect(form?.attributes).toContain('method="post" action="/account"')
    expect(form?.hidden).toEqual({ action, ...subject, csrf: 'csrf-1' })
  })

  it('states the effect before access is revoked', () => {
    expectOrder(words(renderRemoveAgent({ ...shared, agent })), [
      'Remove access for calendar-helper.example?',
      'calendar-helper.example will no longer have access to cal.example.',
      'New access stops now. Access that was already given may work for up to 10 minutes.',
      'Keep it',
      'Remove access',
    ])
  })

  it('toggles both passwords with one checkbox, if scripts run', () => {
    const html = renderPassword({ ...accountFrame, passwordMinimum: 10 })
    expect(html.match(/data-reveals="[^"]*"/g)).toEqual(['data-reveals="password new_password"'])
    const { script: _, ...scriptless } = accountFrame
    expect(renderPassword({ ...scriptless, passwordMinimum: 10 })).not.toContain('data-reveals')
  })

  it('asks for both passwords, with autocomplete hints for password managers', () => {
    const [form] = ownForms(renderPassword({ ...accountFrame, passwordMinimum: 10 }))
    const fields = form?.controls.filter((tag) => tag?.includes('type="password"')) ?? []
    expect(fields[0]).toMatch(/name="password".*autocomplete="current-password"/)
    expect(fields[1]).toMatch(/name="new_password".*autocomplete="new-password"/)
  })

  it.each([
    ['wrong_password', 'password'],
    ['new_password_common', 'new_password'],
  ] as const)('associates %s with its field', (problem, field) => {
    const html = renderPassword({ ...accountFrame, passwordMinimum: 10, problem })
    expect(html.match(/<input[^>]*aria-invalid[^>]*>/g)).toEqual([expect.stringContaining(`name="${field}"`)])
  })

  it('ends other sessions one by one, or all, and adds a passkey', () => {
    const forms = ownForms(renderSecurity(securityModel()))
    expect(forms.map(({ hidden }) => hidden)).toEqual([
      { action: 'add-passkey', csrf: 'csrf-1', credential: '' },
      { action: 'end-session', session: 's2', csrf: 'csrf-1' },
      { action: 'end-session', session: 's3', csrf: 'csrf-1' },
      { action: 'end-other-sessions', csrf: 'csrf-1' },
      { action: 'sign-out-everywhere', csrf: 'csrf-1' },
    ])
  })

  it('offers no passkeys or password if there are none', () => {
    const { passkeys: _, password: __, ...model } = securityModel()
    expect(words(renderSecurity(model))).not.toMatch(/passkey|Change password/i)
  })
})

describe('renderActivity', () => {
  it('lists events in words under their days, newest first, with time and device', () => {
    expectOrder(words(renderActivity({ ...accountFrame, activity })), [
      '15 January',
      'You removed access to cal.example for mail.example.',
      '14:05 UTC',
      'calendar-helper.example used its access to cal.example.',
      'You signed in.',
      '12:06 UTC · Chrome, Linux',
      '14 January',
      'You didn’t give odd.example access to bank.example.',
      'Failed sign-in attempt.',
      'Firefox, Windows',
      '21 March 2025',
      'You added a passkey.',
    ])
  })

  it('shows each day above the first entry of the day in UTC', () => {
    const midnight = Date.UTC(2026, 0, 15) / 1000
    const at = [midnight + 60, midnight, midnight - 1, midnight - 86_400]
    const html = renderActivity({ ...accountFrame, activity: at.map((at) => ({ at, what: 'signed_in' as const })) })
    expect([...html.matchAll(/<h2 data-day[^>]*?( hidden)?>/g)].map(([, hidden]) => hidden !== undefined)).toEqual([
      false,
      true,
      false,
      true,
    ])
  })
})

it.each(payloads)('%s is escaped wherever it appears', (payload) => {
  const account = { ...accountFrame, serverName: payload, user: payload, csrf: payload }
  const agent: AllowedAgent = {
    id: payload,
    agentHost: payload,
    resourceHost: payload,
    agentName: payload,
    logo: payload,
    delegate: payload,
    able: [{ name: payload, description: payload, risk: 'read' }],
    since: now,
  }
  const happened = [
    { at: now, what: 'used' as const, agentHost: payload, delegate: payload, resourceHost: payload },
    { at: now, what: 'signed_in' as const, device: payload },
  ]
  for (const html of [
    renderAgents({ ...account, agents: [agent, agent], filter: { text: payload, total: 2 } }),
    renderAgent({
      ...account,
      agent: { ...agent, identifier: payload, resource: payload, jkt: payload },
      activity: happened,
    }),
    renderRemoveAgent({ ...account, agent, tokenLifetime: 600 }),
    renderRemoveAll({ ...account, agents: [agent], tokenLifetime: 600 }),
    renderActivity({ ...account, activity: happened, newer: payload, older: payload }),
    renderSecurity({
      ...account,
      passkeys: [{ id: payload, name: payload, added: now }],
      sessions: [{ id: payload, device: payload, since: now }],
    }),
    renderRemovePasskey({ ...account, passkey: { id: payload, name: payload } }),
    renderPassword({ ...account, passwordMinimum: 10 }),
    renderYours({ ...account, name: payload, email: payload, since: now }),
    renderCloseAccount({ ...account, agents: 1, tokenLifetime: 600, password: true }),
    renderSignedOut({ ...frame, serverName: payload, reason: 'signed_out', signInHref: payload }),
    renderAgent(agentModel({ serverName: payload })),
  ]) {
    expectInert(html, payload)
  }
})
