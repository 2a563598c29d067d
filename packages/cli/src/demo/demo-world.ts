import type { Party } from '../trace/trace-event.js'

export const demoHost = '127.0.0.1'

/** The three parties and their ports, as in the capture. */
export const demoPorts = { agent: 8001, resource: 8002, 'auth-server': 8003 } as const satisfies Partial<
  Record<Party, number>
>

export type DemoParty = keyof typeof demoPorts

/** Their identifiers. */
export const demoIds: Readonly<Record<DemoParty, string>> = {
  agent: `http://${demoHost}:${demoPorts.agent}`,
  resource: `http://${demoHost}:${demoPorts.resource}`,
  'auth-server': `http://${demoHost}:${demoPorts['auth-server']}`,
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
