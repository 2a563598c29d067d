import { displayHost } from '../browser/consent-model.js'
import { permissionsOf } from '../browser/permissions.js'
import type { ServerContext } from '../context.js'
import type { Activity, AllowedAgent } from '../pages/account-models.js'
import { cleanText } from '../pages/plain-text.js'
import type { ListedGrant, RecordedEvent } from '../storage/storage.js'

/** A grant in the words of the person who gave it. */
export function agentEntry(context: ServerContext, grant: ListedGrant): AllowedAgent {
  const name = cleanText(grant.display.agent.name ?? '', 60)
  return {
    id: grant.id,
    agentHost: displayHost(grant.agent),
    resourceHost: displayHost(grant.resource),
    ...(name === '' ? {} : { agentName: name }),
    ...(grant.delegate === null ? {} : { delegate: cleanText(grant.delegate, 200) }),
    able: permissionsOf(grant.scope.split(' '), grant.display.resource.scopeDescriptions ?? {}, context.risks),
    since: grant.createdAt,
    ...(grant.lastUsedAt === null ? {} : { lastUsed: grant.lastUsedAt }),
    ...(grant.expiresAt === null ? {} : { ends: grant.expiresAt }),
  }
}

type Entry = (event: RecordedEvent) => Omit<Activity, 'at'>

const ofAccount =
  (what: Activity['what']): Entry =>
  () =>
    ({ what }) as Omit<Activity, 'at'>

const ofAgent =
  (what: Activity['what']): Entry =>
  ({ agent = '', resource = '' }) =>
    ({ what, agentHost: displayHost(agent), resourceHost: displayHost(resource) }) as Omit<Activity, 'at'>

/** Which recorded events a person is shown, and as what. */
const shownEvents: Readonly<Record<string, Entry>> = {
  'user.created': ofAccount('signed_up'),
  'session.created': ofAccount('signed_in'),
  'signin.failed': ofAccount('sign_in_failed'),
  'session.ended': ofAccount('signed_out'),
  'sessions.ended': ofAccount('signed_out_everywhere'),
  'password.changed': ofAccount('password_changed'),
  'passkey.added': ofAccount('passkey_added'),
  'passkey.removed': ofAccount('passkey_removed'),
  'account.exported': ofAccount('downloaded'),
  'request.allowed': ofAgent('allowed'),
  'request.denied': ofAgent('denied'),
  'request.remembered': ofAgent('used'),
  'code.redeemed': ofAgent('used'),
  'grant.revoked': ofAgent('removed'),
}

/** The events that a person can read, in the order given. */
export function activityOf(events: readonly RecordedEvent[]): Activity[] {
  return events.filter(isOfPerson).flatMap((event) => {
    const entry = Object.hasOwn(shownEvents, event.event) ? shownEvents[event.event] : undefined
    return entry ? [{ at: event.at, ...entry(event) } as Activity] : []
  })
}

/** A permission that took the place of another was allowed, not removed. */
function isOfPerson({ event, data }: RecordedEvent): boolean {
  return event !== 'grant.revoked' || data?.by !== 'replaced'
}
