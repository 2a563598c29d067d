import type { ComponentChildren } from 'preact'

/** What a problem page says; `agent` is the asking host, or the words for "the agent" where it may not be shown. */
export interface Problem {
  heading: string
  explanation: (agent: ComponentChildren) => ComponentChildren[]
  /** What the person can do. */
  advice: (agent: ComponentChildren) => ComponentChildren[]
  /** The words of the link that tries again, where they are not the usual ones. */
  retry?: string
}
