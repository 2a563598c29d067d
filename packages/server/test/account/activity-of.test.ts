import { describe, expect, it } from 'vitest'
import { activityOf, deviceOf, shownEvents } from '../../src/account/activity-of.js'

type RecordedEvent = Parameters<typeof activityOf>[0][number]

const webKit = 'AppleWebKit/537.36 (KHTML, like Gecko)'

describe('deviceOf', () => {
  it.each([
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webKit} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`,
      'Edge, Windows',
    ],
    [
      `Mozilla/5.0 (Linux; Android 10; K) ${webKit} Chrome/140.0.0.0 Mobile Safari/537.36 EdgA/140.0.0.0`,
      'Edge, Android',
    ],
    [`Mozilla/5.0 (X11; Linux x86_64) ${webKit} Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0`, 'Opera, Linux'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox, Linux'],
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) ${webKit} FxiOS/140.0 Mobile/1 Safari/1`, 'Firefox, iOS'],
    [`Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) ${webKit} CriOS/140.0 Mobile/1 Safari/1`, 'Chrome, iOS'],
    [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${webKit} Chrome/140.0.0.0 Safari/537.36`, 'Chrome, ChromeOS'],
    [`Mozilla/5.0 (X11; Linux x86_64) ${webKit} HeadlessChrome/140.0.0.0 Safari/537.36`, 'Chrome, Linux'],
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webKit} Version/18.0 Safari/605.1.15`, 'Safari, macOS'],
    ['Firefox/140.0', 'Firefox'],
    ['Something (Windows)', 'Windows'],
    ['curl/8.10.1', undefined],
    ['', undefined],
    [null, undefined],
  ])('%s is %s', (userAgent, device) => {
    expect(deviceOf(userAgent)).toBe(device)
  })
})

const of = (event: string, more: Partial<RecordedEvent> = {}): RecordedEvent => ({
  id: '1',
  at: 100,
  event,
  userId: 'alice',
  agent: 'https://agent.example',
  resource: 'https://api.example',
  ...more,
})
const shown = (...events: RecordedEvent[]) => activityOf(events, new Map([['grant-1', 'laptop-7']]))

describe('activityOf', () => {
  const rows: [event: string, data: RecordedEvent['data'], what: string | undefined][] = [
    ['user.created', undefined, 'signed_up'],
    ['session.created', undefined, 'signed_in'],
    ['signin.failed', undefined, 'sign_in_failed'],
    ['session.ended', { by: 'limit' }, 'session_displaced'],
    ['session.ended', undefined, 'signed_out'],
    ['session.ended', { session: 's' }, 'session_ended'],
    ['session.ended', { session: 's', by: 'operator' }, 'session_ended_by_server'],
    ['sessions.ended', undefined, 'signed_out_everywhere'],
    ['sessions.ended', { others: true }, 'signed_out_others'],
    ['sessions.ended', { by: 'operator' }, 'signed_out_by_server'],
    ['password.changed', undefined, 'password_changed'],
    ['password.changed', { by: 'operator' }, 'password_changed_by_server'],
    ['identity.linked', undefined, 'provider_added'],
    ['identity.unlinked', undefined, 'provider_removed'],
    ['user.edited', undefined, 'edited'],
    ['user.edited', { by: 'operator' }, 'edited_by_server'],
    ['email.confirmed', undefined, 'email_confirmed'],
    ['passkey.added', undefined, 'passkey_added'],
    ['passkey.removed', undefined, 'passkey_removed'],
    ['passkey.removed', { by: 'operator' }, 'passkey_removed_by_server'],
    ['factor.added', { replaced: false }, 'factor_added'],
    ['factor.removed', undefined, 'factor_removed'],
    ['factor.removed', { by: 'operator' }, 'factor_removed_by_server'],
    ['factor.codes_replaced', undefined, 'recovery_codes_replaced'],
    ['factor.code_used', undefined, 'recovery_code_used'],
    ['account.exported', undefined, 'downloaded'],
    ['request.allowed', undefined, 'allowed'],
    ['request.denied', undefined, 'denied'],
    ['request.remembered', undefined, 'remembered'],
    ['code.redeemed', undefined, 'used'],
    ['grant.revoked', { by: 'alice' }, 'removed'],
    ['grant.revoked', { by: 'operator' }, 'removed_by_server'],
    ['grant.revoked', undefined, 'removed_by_server'],
    ['grant.revoked', { by: 'replaced' }, undefined],
    ['grant.revoked', { by: 'alice', permissions: 'a' }, undefined],
    ['access.blocked', undefined, 'blocked_by_server'],
    ['permission.extended', { permissions: 'a' }, 'permission_extended'],
    ['permission.removed', { permissions: 'a' }, 'permission_removed'],
    ['refresh.foreign_agent', undefined, undefined],
  ]
  it.each(rows)('%s with %j is shown as %s', (event, data, what) => {
    expect(shown(of(event, data ? { data } : {})).map((entry) => entry.what)).toEqual(what === undefined ? [] : [what])
    expect(shownEvents.includes(event)).toBe(event !== 'refresh.foreign_agent')
  })

  it('names the device of a sign-in, and the agent, resource and delegate of everything else', () => {
    const data = { userAgent: 'Firefox/140.0' }
    expect(shown(of('session.created', { data }))).toEqual([{ at: 100, what: 'signed_in', device: 'Firefox' }])
    expect(shown(of('session.created', { data: { userAgent: 1 } }))).toEqual([{ at: 100, what: 'signed_in' }])
    const entry = { at: 100, what: 'used', agentHost: 'agent.example', resourceHost: 'api.example' }
    expect(shown(of('code.redeemed'))).toEqual([entry])
    const linked = { ...entry, grantId: 'grant-1' }
    expect(shown(of('code.redeemed', { grantId: 'grant-1' }))).toEqual([{ ...linked, delegate: 'laptop-7' }])
    expect(shown(of('code.redeemed', { grantId: 'grant-2' }))).toEqual([entry])
    const named = of('code.redeemed', { grantId: 'grant-1', data: { delegate: 'phone-1' } })
    expect(shown(named)).toEqual([{ ...linked, delegate: 'phone-1' }])
  })

  it('shows an event that names neither agent nor resource', () => {
    const { agent: _agent, resource: _resource, ...event } = of('code.redeemed')
    expect(shown(event)).toEqual([{ at: 100, what: 'used', agentHost: '', resourceHost: '' }])
  })

  it('truncates the name of a delegate to 200 characters', () => {
    const [entry] = shown(of('code.redeemed', { data: { delegate: 'd'.repeat(300) } }))
    expect(entry).toMatchObject({ delegate: expect.stringMatching(/^d{1,199}…?$|^d{200}$/) })
  })

  it('shows revocations of the same access within 60 seconds as one', () => {
    const revoked = (at: number, more: Partial<RecordedEvent> = {}) =>
      of('grant.revoked', { at, data: { by: 'alice' }, ...more })
    const times = (...events: RecordedEvent[]) => shown(...events).map(({ at }) => at)
    expect(times(revoked(200), revoked(140), revoked(139))).toEqual([200, 139])
    expect(times(revoked(139), revoked(200))).toEqual([139, 200])
    expect(times(revoked(200), revoked(199, { resource: 'https://other.example' }))).toEqual([200, 199])
    expect(times(revoked(200), revoked(199, { agent: 'https://other.example' }))).toEqual([200, 199])
    expect(times(revoked(200), revoked(199, { grantId: 'grant-1' }))).toEqual([200, 199])
    expect(times(revoked(200), revoked(199, { data: { by: 'operator' } }))).toEqual([200, 199])
    expect(times(of('code.redeemed'), of('code.redeemed'))).toEqual([100, 100])
  })
})
