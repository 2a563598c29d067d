import {
  type Messages,
  renderActivity,
  renderAgent,
  renderAgents,
  renderChangeEmail,
  renderCloseAccount,
  renderExtendPermission,
  renderPassword,
  renderRecoveryCodes,
  renderRemoveAgent,
  renderRemoveAll,
  renderRemoveFactor,
  renderRemovePasskey,
  renderRemovePermission,
  renderRemoveProvider,
  renderSecurity,
  renderSetUpFactor,
  renderSignedOut,
  renderYours,
} from 'countersign-server/pages'
import {
  accountFrame,
  activity,
  agentModel,
  agents,
  agentsModel,
  now,
  passkeys,
  securityModel,
  sessions,
} from './account-models.js'
import { equipped, frame, longHost } from './models.js'

const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'

const setUpModel = {
  ...accountFrame,
  secret,
  uri: `otpauth://totp/auth.example:alice?issuer=auth.example&secret=${secret}&algorithm=SHA1&digits=6&period=30`,
  sealed: 'sealed',
  returnTo: '/account/security',
}

const codes = Array.from({ length: 10 }, (_, index) => `7KQX-92MB-0TZC-4H${index}V`)

/** The states of the account pages. */
export function accountStates(messages: Messages): [string, string][] {
  const list = (name: string, model: Parameters<typeof renderAgents>[0]): [string, string] => [
    name,
    renderAgents(model, messages),
  ]
  const [first] = agents
  const long = { ...first, agentHost: longHost, resourceHost: `cal.${longHost}`, agentName: 'W'.repeat(60) }
  const out = (
    reason:
      | 'signed_out'
      | 'signed_out_everywhere'
      | 'account_closed'
      | 'password_set'
      | 'passkey_set'
      | 'email_confirmed',
  ) => renderSignedOut({ ...frame, ...equipped, reason, signInHref: '/account/sign-in' }, messages)
  const { logo: _logo, ...plain } = first
  const numbered = { ...plain, agentHost: '127.0.0.1:8001', resourceHost: '127.0.0.1:8002' }
  const ended = (by: 'person' | 'server' | 'time'): [string, string] => [
    `agent-ended-by-${by}`,
    renderAgent(agentModel({ ended: { at: now - 3600, by } }), messages),
  ]
  const { script: _script, ...scriptless } = securityModel({ notice: 'session_ended' })
  const { script: _none, ...withoutScript } = accountFrame
  return [
    list('agents', agentsModel()),
    list('agents-blocked', agentsModel({ agents: [{ ...first, blocked: 'agent', delegate: 'laptop-7' }, ...agents] })),
    list(
      'agents-bearer',
      agentsModel({
        agents: [
          { ...first, agentHost: 'client.example', resourceHost: 'notes.example/mcp', bearer: true, hasChanged: true },
          ...agents,
        ],
      }),
    ),
    list(
      'agents-accounts',
      agentsModel({
        agents: [
          { ...first, account: 'work' },
          { ...first, account: 'W'.repeat(60) },
        ],
      }),
    ),
    list('agents-unused', agentsModel({ agents: [{ ...first, lastUsed: now - 86400 * 91, isUnused: true }] })),
    list('agents-host-blocked', agentsModel({ agents: [{ ...first, blocked: 'host' }] })),
    list('agents-empty', agentsModel({ agents: [] })),
    list('agents-filtered', agentsModel({ agents: [first], filter: { text: 'calendar', total: 12 } })),
    list('agents-none-found', agentsModel({ agents: [], filter: { text: 'zebra', total: 12 } })),
    list('agents-removed', agentsModel({ removed: { stoppedAt: now - 60, expiresBy: now + 540 } })),
    list(
      'agents-without-access',
      agentsModel({
        agents: [],
        removed: { stoppedAt: now - 60, expiresBy: now + 3540, isTold: true },
        ended: (['pending', 'delivered', 'failed', 'unsupported', 'expired', undefined] as const).map(
          (told, index) => ({
            id: `g${index}`,
            agentHost: index === 2 ? longHost : 'agent.example',
            delegate: 'aauth:agent@agent.example',
            resourceHost: index === 2 ? `cal.${longHost}` : 'cal.example',
            told,
            isBound: index % 2 === 0,
          }),
        ),
      }),
    ),
    list('agents-long', agentsModel({ agents: [long, long] })),
    list(
      'agents-paged',
      agentsModel({
        agents: [
          {
            ...first,
            able: Array.from({ length: 25 }, (_, index) => ({ name: `data.${index}`, risk: 'read' as const })),
            more: 3,
          },
        ],
        newer: '/account',
        older: '/account?after=g1',
      }),
    ),
    list('agents-of-numbers', agentsModel({ agents: [numbered, { ...first, agentHost: 'xn--gent-43d.example' }] })),
    [
      'security-with-factor',
      renderSecurity(securityModel({ secondFactor: { since: now - 86_400, codesLeft: 9 } }), messages),
    ],
    ['security-without-factor', renderSecurity(securityModel({ secondFactor: null, passkeys: [] }), messages)],
    ['set-up-factor', renderSetUpFactor(setUpModel, messages)],
    ['set-up-factor-required', renderSetUpFactor({ ...setUpModel, mustSetUp: true }, messages)],
    ['set-up-factor-wrong-code', renderSetUpFactor({ ...setUpModel, replaces: true, problem: 'wrong_code' }, messages)],
    ['recovery-codes', renderRecoveryCodes({ ...accountFrame, codes, returnTo: '/account/security' }, messages)],
    ['remove-factor', renderRemoveFactor(accountFrame, messages)],
    ['agent', renderAgent(agentModel(), messages)],
    [
      'agent-bearer',
      renderAgent(
        agentModel({
          agent: {
            ...first,
            agentHost: 'client.example',
            resourceHost: 'notes.example/mcp',
            bearer: true,
            hasChanged: true,
            identifier: 'https://client.example/client.json',
            resource: 'https://notes.example/mcp',
          },
        }),
        messages,
      ),
    ],
    ended('person'),
    ended('server'),
    ended('time'),
    ...(['pending', 'delivered', 'unsupported', 'failed', 'expired'] as const).map((told): [string, string] => [
      `agent-told-${told}`,
      renderAgent(agentModel({ ended: { at: now - 3600, by: 'person' }, told, isBound: true }), messages),
    ]),
    [
      'remove-bound-agent',
      renderRemoveAgent({ ...accountFrame, agent: first, isBound: true, tokenLifetime: 600 }, messages),
    ],
    [
      'remove-ended-agent',
      renderRemoveAgent({ ...accountFrame, agent: first, isBound: true, isEnded: true, tokenLifetime: 600 }, messages),
    ],
    ['remove-agent', renderRemoveAgent({ ...accountFrame, agent: first, tokenLifetime: 600 }, messages)],
    [
      'agent-permission-removed',
      renderAgent(agentModel({ removed: { stoppedAt: now, expiresBy: now + 600 } }), messages),
    ],
    [
      'agent-permission-extended',
      renderAgent(agentModel({ extendable: first.able.map(({ name }) => name), isExtended: true }), messages),
    ],
    [
      'extend-permission',
      renderExtendPermission(
        {
          ...accountFrame,
          agent: { ...first, bearer: true },
          able: [{ name: 'calendar.read', description: 'See your events', risk: 'read', until: now + 7200 }],
          permission: 'calendar.read',
          state: 'state',
          durations: { choices: [86_400, 2_592_000, 'until-removed'], preset: 86_400 },
        },
        messages,
      ),
    ],
    [
      'extend-permission-one-choice',
      renderExtendPermission(
        {
          ...accountFrame,
          agent: first,
          able: [{ name: 'calendar.read', risk: 'read', until: now + 7200 }],
          permission: 'calendar.read',
          state: 'state',
          durations: { choices: ['until-removed'], preset: 'until-removed' },
        },
        messages,
      ),
    ],
    [
      'remove-permission',
      renderRemovePermission(
        {
          ...accountFrame,
          agent: first,
          able: [{ name: 'calendar.read', description: 'See your events', risk: 'read' }],
          tokenLifetime: 600,
        },
        messages,
      ),
    ],
    ['remove-all-agents', renderRemoveAll({ ...accountFrame, agents, tokenLifetime: 600 }, messages)],
    ['activity', renderActivity({ ...accountFrame, activity, older: '/account/activity?before=1' }, messages)],
    [
      'activity-older',
      renderActivity({ ...accountFrame, activity: activity.slice(5), newer: '/account/activity' }, messages),
    ],
    ['activity-empty', renderActivity({ ...accountFrame, activity: [] }, messages)],
    ['security', renderSecurity(securityModel(), messages)],
    [
      'security-passkey-failed',
      renderSecurity(
        securityModel({ passkeys: [], notice: 'passkey_failed', sessions: sessions.slice(0, 1) }),
        messages,
      ),
    ],
    ['security-password-changed', renderSecurity(securityModel({ notice: 'password_changed' }), messages)],
    ['security-without-script', renderSecurity(scriptless, messages)],
    ['remove-passkey', renderRemovePasskey({ ...accountFrame, passkey: passkeys[0] }, messages)],
    ['password', renderPassword({ ...accountFrame, passwordMinimum: 10 }, messages)],
    ['password-wrong', renderPassword({ ...accountFrame, passwordMinimum: 10, problem: 'wrong_password' }, messages)],
    [
      'password-too-short',
      renderPassword({ ...accountFrame, passwordMinimum: 10, problem: 'new_password_too_short' }, messages),
    ],
    ['password-throttled', renderPassword({ ...accountFrame, passwordMinimum: 10, problem: 'throttled' }, messages)],
    ['password-without-script', renderPassword({ ...withoutScript, passwordMinimum: 10 }, messages)],
    [
      'yours-unconfirmed',
      renderYours(
        {
          ...accountFrame,
          name: '',
          email: 'alice@mail.example',
          emailState: 'unconfirmed',
          emailRequested: true,
          since: now,
        },
        messages,
      ),
    ],
    ['change-email', renderChangeEmail({ ...accountFrame, email: 'alice@mail.example', mustConfirm: true }, messages)],
    [
      'change-email-invalid',
      renderChangeEmail({ ...accountFrame, email: '', entered: 'alice', mustConfirm: false }, messages),
    ],
    ...[true, false].map((agentEmails): [string, string] => [
      `yours-agent-emails-${agentEmails ? 'on' : 'off'}`,
      renderYours(
        {
          ...accountFrame,
          name: 'Alice Moore',
          email: 'alice@mail.example',
          emailState: 'confirmed',
          agentEmails,
          since: now,
        },
        messages,
      ),
    ]),
    [
      'yours-providers',
      renderYours(
        {
          ...accountFrame,
          name: 'Alice Moore',
          since: now,
          providers: [{ id: 'p1', name: 'Example ID', since: now - 86400 }],
          providerNotice: 'provider_only_way',
        },
        messages,
      ),
    ],
    [
      'remove-provider',
      renderRemoveProvider(
        { ...accountFrame, provider: { id: 'p1', name: 'Example ID', since: now - 86400 } },
        messages,
      ),
    ],
    [
      'yours',
      renderYours(
        { ...accountFrame, name: 'Alice Moore', email: 'alice@mail.example', since: now - 86400 * 400 },
        messages,
      ),
    ],
    ['close-account', renderCloseAccount({ ...accountFrame, agents: 3, tokenLifetime: 600, password: true }, messages)],
    [
      'close-account-without-password',
      renderCloseAccount({ ...accountFrame, agents: 0, tokenLifetime: 600 }, messages),
    ],
    [
      'close-account-wrong-password',
      renderCloseAccount(
        { ...accountFrame, agents: 1, tokenLifetime: 600, password: true, problem: 'wrong_password' },
        messages,
      ),
    ],
    ['signed-out', out('signed_out')],
    ['signed-out-everywhere', out('signed_out_everywhere')],
    ['account-closed', out('account_closed')],
    ['password-set', out('password_set')],
    ['passkey-set', out('passkey_set')],
    ['email-confirmed', out('email_confirmed')],
  ]
}
