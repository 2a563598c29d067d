import type { Child } from 'hono/jsx'

/** What a problem page says; `agent` is the asking host, or the words for "the agent" where it may not be shown. */
export interface Problem {
  heading: string
  explanation: (agent: Child) => Child[]
  /** What the person can do. */
  advice: (agent: Child) => Child[]
  /** The words of the link that tries again, where they are not the usual ones. */
  retry?: string
}
