import { isLoopbackIdentifier } from 'countersign/discovery'
import type { DemoEdition, DemoSetting } from '../editions/demo-edition.js'
import type { Party } from '../message-trace/trace-event.js'

export const demoHost = '127.0.0.1'

/** The three parties and their ports. */
export const demoPorts = { agent: 8001, resource: 8002, 'auth-server': 8003 } as const satisfies Partial<
  Record<Party, number>
>

export type DemoParty = keyof typeof demoPorts

export const demoParties = Object.keys(demoPorts) as readonly DemoParty[]

/** The default identifiers. */
export const demoIds: Readonly<Record<DemoParty, string>> = {
  agent: loopbackId(demoPorts.agent),
  resource: loopbackId(demoPorts.resource),
  'auth-server': loopbackId(demoPorts['auth-server']),
}

/** The parties of a run, ours or other implementations. */
export interface DemoWorld extends DemoSetting {
  edition: DemoEdition
  /** The URL that the agent requests. */
  resourceUrl: string
  /**
   * Whether lifetimes match the known recording of the protocol, and the resource fetches nothing else, so that the run can be compared
   * with the recording.
   */
  captured: boolean
  users: DemoUsers
}

/** Returns the identifier of a party that listens on the given port of this machine. */
export function loopbackId(port: number): string {
  return `http://${demoHost}:${port}`
}

/** Whether any party has an `http` loopback identifier. */
export function isOnLoopback({ ids }: DemoWorld): boolean {
  return Object.values(ids).some(isLoopbackIdentifier)
}

/** A user who can sign in. */
export interface DemoUser {
  username: string
  password: string
}

/** The user who can sign in if no others are given. */
export const demoUser: DemoUser = { username: 'testuser', password: 'testpass' }

/** The users; the first one is scripted. */
export type DemoUsers = readonly [DemoUser, ...DemoUser[]]

/** Completes a sentence with instructions for signing in. All users have the same password. */
export function signInHint(users: DemoUsers): string {
  return `sign in as ${users.map(({ username }) => username).join(' or ')} with the password ${users[0].password}`
}

/** The resource's scopes. The agent needs the first two. */
export const demoScopes = {
  'data.read': 'See your data',
  'data.write': 'Create and change your data',
  'data.delete': 'Delete your data',
} as const

/** Peers are restarted often here, each time with a new key under the same `kid`. No one else sends signed requests. */
export const demoDiscovery = { renewalInterval: 1, failureAge: 0 } as const

/** A stack of resources, which are closed in the reverse order of opening. */
export interface Closers {
  add(close: () => void | Promise<void>): void
  /** Closes everything, even if closing one of the resources fails, and rejects with the first failure. */
  close(): Promise<void>
}

/** Creates a stack that closes its resources in the reverse order of addition. */
export function createClosers(): Closers {
  const closers: (() => void | Promise<void>)[] = []
  return {
    add: (close) => void closers.push(close),
    async close() {
      const failures: unknown[] = []
      for (let next = closers.pop(); next; next = closers.pop()) {
        try {
          await next()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
