import { cleanText } from '../lib/plain-text.js'
import { displayHost } from '../pages/components/marks.js'
import type { AccountEvent, Activity, AgentEvent } from '../pages/models/account-models.js'
import type { RecordedEvent } from '../storage/api/storage.js'

/** The maximum number of characters of a call that are shown. */
export const longestCall = 300

/** The grant of an event. */
interface EventGrant {
  /** Undefined if its page does not exist anymore. */
  id: string | undefined
  delegate: string | undefined
}

/** Builds the activity entry for a recorded event; undefined if the event is not shown to the user. */
type Entry = (event: RecordedEvent, grant?: EventGrant) => Activity | undefined

const ofAccount =
  (what: AccountEvent): Entry =>
  ({ at }) => ({ at, what })

const ofSignIn =
  (what: AccountEvent): Entry =>
  ({ at, data }) => ({ at, what, device: deviceOf(typeof data?.userAgent === 'string' ? data.userAgent : null) })

const ofAgent =
  (what: AgentEvent, detail?: string): Entry =>
  ({ at, agent = '', resource = '' }, { id, delegate } = { id: undefined, delegate: undefined }) => ({
    at,
    what,
    grantId: id,
    agentHost: displayHost(agent),
    delegate: delegate === undefined ? undefined : cleanText(delegate, 200),
    resourceHost: displayHost(resource),
    detail: detail === undefined ? undefined : cleanText(detail, longestCall),
  })

/** A removal by the user, or by an operator. */
const byWhom =
  (own: AccountEvent, byOperator: AccountEvent): Entry =>
  (event) =>
    ofAccount(event.data?.by === undefined ? own : byOperator)(event)

/**
 * How a session ended: it was displaced because there were too many, the user signed out of it, or, if the event has a session id, the user
 * ended it from another session.
 */
const endOfSession: Entry = (event) => {
  if (event.data?.by === 'limit') return ofAccount('session_displaced')(event)
  if (event.data?.by !== undefined) return ofAccount('session_ended_by_server')(event)
  return ofAccount(event.data?.session === undefined ? 'signed_out' : 'session_ended')(event)
}

/** A grant that was replaced, or that lost permissions, is not shown as revoked: another event says what happened. */
const endOfGrant: Entry = (event, grant) => {
  const { by, permissions } = event.data ?? {}
  if (by === 'replaced' || permissions !== undefined) return undefined
  return ofAgent(by === event.userId ? 'removed' : 'removed_by_server')(event, grant)
}

const permissionsIn = ({ data }: RecordedEvent) =>
  typeof data?.permissions === 'string' ? data.permissions.replaceAll(' ', ', ') : undefined

/** The recorded events that are shown to the user, and how each is shown. */
const entries: ReadonlyMap<string, Entry> = new Map([
  ['user.created', ofAccount('signed_up')],
  ['session.created', ofSignIn('signed_in')],
  ['signin.failed', ofSignIn('sign_in_failed')],
  ['session.ended', endOfSession],
  [
    'sessions.ended',
    (event) => {
      if (event.data?.by !== undefined) return ofAccount('signed_out_by_server')(event)
      return ofAccount(event.data?.others === true ? 'signed_out_others' : 'signed_out_everywhere')(event)
    },
  ],
  ['link.created', ofAccount('link_created')],
  ['password.changed', byWhom('password_changed', 'password_changed_by_server')],
  ['passkey.added', ofAccount('passkey_added')],
  ['passkey.removed', byWhom('passkey_removed', 'passkey_removed_by_server')],
  ['identity.linked', ofAccount('provider_added')],
  ['identity.unlinked', ofAccount('provider_removed')],
  ['user.edited', byWhom('edited', 'edited_by_server')],
  ['email.confirmed', ofAccount('email_confirmed')],
  ['factor.added', ofAccount('factor_added')],
  ['factor.removed', byWhom('factor_removed', 'factor_removed_by_server')],
  ['factor.codes_replaced', ofAccount('recovery_codes_replaced')],
  ['factor.code_used', ofAccount('recovery_code_used')],
  ['account.exported', ofAccount('downloaded')],
  [
    'request.allowed',
    (event, grant) => {
      const call = event.data?.call
      return (typeof call === 'string' ? ofAgent('allowed_once', call) : ofAgent('allowed'))(event, grant)
    },
  ],
  ['request.denied', ofAgent('denied')],
  ['request.remembered', ofAgent('remembered')],
  ['code.redeemed', ofAgent('used')],
  ['grant.revoked', endOfGrant],
  ['access.blocked', ofAgent('blocked_by_server')],
  ['permission.extended', (event, grant) => ofAgent('permission_extended', permissionsIn(event))(event, grant)],
  ['permission.removed', (event, grant) => ofAgent('permission_removed', permissionsIn(event))(event, grant)],
])

/** The names of the events that {@link activityOf} shows. Filtering by these names keeps other events from crowding them out of a list. */
export const shownEvents: readonly string[] = [...entries.keys()]

/** Revocations of the same access within this many seconds are shown as one entry, because each grant has its own row. */
const oneAct = 60

/** Converts recorded events into activity entries for the user, in the given order. `delegates` has the user's grants, by id. */
export function activityOf(
  events: readonly RecordedEvent[],
  delegates: ReadonlyMap<string, string | null>,
): Activity[] {
  const removals = new Map<string, number>()
  return events
    .flatMap((event) => entries.get(event.event)?.(event, grantOfEvent(event, delegates)) ?? [])
    .filter((entry) => {
      if (!isRemoval(entry)) return true
      const key = JSON.stringify([entry.what, entry.agentHost, entry.delegate, entry.resourceHost, entry.detail])
      const told = removals.get(key)
      if (told !== undefined && Math.abs(told - entry.at) <= oneAct) return false
      removals.set(key, entry.at)
      return true
    })
}

function isRemoval(entry: Activity): entry is Extract<Activity, { agentHost: string }> {
  return ['removed', 'removed_by_server', 'permission_removed'].includes(entry.what)
}

function grantOfEvent(
  { grantId = '', data }: RecordedEvent,
  delegates: ReadonlyMap<string, string | null>,
): EventGrant {
  const named = data?.delegate
  const delegate = typeof named === 'string' ? named : (delegates.get(grantId) ?? undefined)
  return { id: delegates.has(grantId) ? grantId : undefined, delegate }
}

const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\bChrome\/|\bCriOS\/|\bHeadlessChrome\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]

const systems: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b|\biPad\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
]

/** Returns the browser and operating system as text, as far as the user agent string reveals them. For display only. */
export function deviceOf(userAgent: string | null): string | undefined {
  const nameOf = (table: readonly (readonly [RegExp, string])[]) =>
    table.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1]
  const words = [nameOf(browsers), nameOf(systems)].filter((word) => word !== undefined)
  return words.length === 0 ? undefined : words.join(', ')
}
