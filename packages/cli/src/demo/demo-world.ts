import { isLoopbackIdentifier } from 'countersign/discovery'
import type { Party } from '../trace/trace-event.js'

export const demoHost = '127.0.0.1'

/** The three parties and their ports. */
export const demoPorts = { agent: 8001, resource: 8002, 'auth-server': 8003 } as const satisfies Partial<
  Record<Party, number>
>

export type DemoParty = keyof typeof demoPorts

export const demoParties = Object.keys(demoPorts) as readonly DemoParty[]

/** Their identifiers, where nothing else is asked for. */
export const demoIds: Readonly<Record<DemoParty, string>> = {
  agent: loopbackId(demoPorts.agent),
  resource: loopbackId(demoPorts.resource),
  'auth-server': loopbackId(demoPorts['auth-server']),
}

/** Who takes part in a run, ours or a stranger's. */
export interface DemoWorld {
  ids: Readonly<Record<DemoParty, string>>
  /** What the agent asks for. */
  resourceUrl: string
  /** Whether the others may speak an older form of the protocol: they are let, and spoken to, as W2, W6, W9, W12 and W13 say. */
  interop: boolean
  /** The agents that are not ours, where others may speak that form. */
  isPeer: (agent: string) => boolean
}

/** The identifier of a party at a port of this machine. */
export function loopbackId(port: number): string {
  return `http://${demoHost}:${port}`
}

/** Whether `http` on loopback is part of this world at all. */
export function isOnLoopback({ ids }: DemoWorld): boolean {
  return Object.values(ids).some(isLoopbackIdentifier)
}

/** The person who can sign in. */
export const demoPerson = { username: 'testuser', password: 'testpass' } as const

/** What the resource offers; the agent is asked for the first two. */
export const demoScopes = {
  'data.read': 'See your data',
  'data.write': 'Create and change your data',
  'data.delete': 'Delete your data',
} as const

export const demoScope = 'data.read data.write'

/** Peers come and go here, with a new key under the same `kid` each time; nobody else sends signatures. */
export const demoDiscovery = { renewalInterval: 1, failureAge: 0 } as const

/** The resource's path that needs a person's authorization. */
export const demoPath = '/data-auth'

/** Resources to close, in the reverse order of opening. */
export interface Closers {
  add(close: () => void | Promise<void>): void
  /** Closes everything, also when something fails on the way; rejects with the first failure. */
  close(): Promise<void>
}

/** Closes in reverse order of addition. */
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
