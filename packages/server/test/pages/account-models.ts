import type {
  AccountFrame,
  Activity,
  AgentPage,
  AgentsPage,
  AllowedAgent,
  PasskeyEntry,
  SecurityPage,
  SessionEntry,
} from 'countersign-server/pages'
import { equipped, frame } from './models.js'

/** Thursday, 15 January 2026, 14:06 UTC. */
export const now = Date.UTC(2026, 0, 15, 14, 6) / 1000

const day = 86400

export const accountFrame: AccountFrame = {
  ...frame,
  ...equipped,
  accountStylesheet: '/assets/account.css',
  user: 'alice@home.example',
  csrf: 'csrf-1',
  now,
}

export const agents: readonly [AllowedAgent, ...AllowedAgent[]] = [
  {
    id: 'g1',
    agentHost: 'calendar-helper.example',
    agentName: 'Calendar Helper',
    resourceHost: 'cal.example',
    logo: '/agents/logo-1.png',
    able: [
      { name: 'calendar.read', description: 'See your events', risk: 'read' },
      { name: 'calendar.write', description: 'Create and change events', risk: 'change', until: now + 3600 },
    ],
    since: now - day * 12,
    lastUsed: now - 3600,
    ends: now + day * 18,
  },
  {
    id: 'g2',
    agentHost: 'trips.example',
    resourceHost: 'bank.example',
    able: [{ name: 'pay', description: 'Pay for what you book', risk: 'spend' }],
    since: now - day * 60,
  },
  {
    id: 'g3',
    agentHost: 'notes.example/~bob',
    agentName: 'Bob’s notes',
    resourceHost: 'files.example',
    able: [{ name: 'files.read', risk: 'read' }],
    since: now - day * 3,
    lastUsed: now - day,
  },
]

/** Newest first. */
export const activity: readonly Activity[] = [
  { at: now - 60, what: 'removed', agentHost: 'mail.example', resourceHost: 'cal.example' },
  { at: now - 3600, what: 'used', grantId: 'g1', agentHost: 'calendar-helper.example', resourceHost: 'cal.example' },
  { at: now - 7200, what: 'signed_in', device: 'Chrome, Linux' },
  { at: now - day, what: 'denied', agentHost: 'odd.example', resourceHost: 'bank.example' },
  { at: now - day - 60, what: 'sign_in_failed', device: 'Firefox, Windows' },
  { at: now - day * 3, what: 'allowed', agentHost: 'notes.example/~bob', resourceHost: 'files.example' },
  { at: now - day * 4, what: 'remembered', agentHost: 'calendar-helper.example', resourceHost: 'cal.example' },
  { at: now - day * 5, what: 'removed_by_server', agentHost: 'odd.example', resourceHost: 'bank.example' },
  { at: now - day * 6, what: 'session_ended' },
  { at: now - day * 7, what: 'session_displaced' },
  { at: now - day * 300, what: 'passkey_added' },
]

export const sessions: readonly SessionEntry[] = [
  { id: 's1', device: 'Chrome, Linux', since: now - 7200, lastSeen: now - 30, current: true },
  { id: 's2', device: 'Safari, iOS', since: now - day * 9, lastSeen: now - day },
  { id: 's3', since: now - day * 20 },
]

export const passkeys: readonly [PasskeyEntry, ...PasskeyEntry[]] = [
  { id: 'p1', name: 'Laptop', added: now - day * 300, lastUsed: now - 7200 },
  { id: 'p2', name: 'Phone', added: now - day * 2 },
]

/** A valid model, with a test’s changes. */
export function agentsModel(changes: Partial<AgentsPage> = {}): AgentsPage {
  return { ...accountFrame, agents, ...changes }
}

/** A valid model, with a test’s changes. */
export function agentModel(changes: Partial<AgentPage> = {}): AgentPage {
  return {
    ...accountFrame,
    agent: {
      ...agents[0],
      identifier: 'https://calendar-helper.example',
      resource: 'https://cal.example',
      delegate: 'worker-7@calendar-helper.example',
      jkt: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    },
    activity: activity.filter((entry) => 'agentHost' in entry && entry.agentHost === 'calendar-helper.example'),
    ...changes,
  }
}

/** A valid model, with a test’s changes. */
export function securityModel(changes: Partial<SecurityPage> = {}): SecurityPage {
  return { ...accountFrame, password: true, passkeys, sessions, ...changes }
}
