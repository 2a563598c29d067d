/**
 * Parts of the consent page that an edition may fill. What the agent says about its request is kept apart from what the resource says, and
 * none of it is verified.
 */
export interface RequestBlocks {
  /** The agent's own identifier, if others share its host, which vouches for it. It is shown instead of the delegate. */
  agentId?: string | undefined
  /** Whether the agent will act for the user who allows the request, and for no one else. */
  enrols?: boolean | undefined
  /** What the agent says about its request, in its own words. */
  agentSays?: AgentStatement | undefined
  /** What the resource says, in its own words. */
  resourceSays?: ResourceStatement | undefined
  /** The user's own device that asks. */
  ownDevice?: OwnDevice | undefined
  /** The code with which the user came, shown large so that they can compare it with the one that the agent shows. */
  largeCode?: string | undefined
}

export interface OwnDevice {
  /** As the device names itself. */
  name: string
  /** The address from which it asks, if that is known. */
  ip?: string | undefined
  /** Whether the user reads the page on another computer. */
  isRemote?: boolean | undefined
}

export interface AgentStatement {
  /** Why it asks, as plain text that may have several lines. */
  reason?: string | undefined
  /** The kind of device that it says it runs on. */
  platform?: 'web' | 'mobile' | 'desktop' | 'workload' | 'self-hosted' | undefined
  /** The name that it gives this device. */
  device?: string | undefined
}

export interface ResourceStatement {
  /** What it says it is, as plain text that may have several lines. */
  description?: string | undefined
  /** What it says it needs before an agent may do anything: to know the user, or the user's permission as well. */
  needs?: 'identity' | 'permission' | undefined
  /** Its own name for the user's account there, for which the agent asks. */
  account?: string | undefined
  /** Whether nothing could be read from it. */
  isUnreachable?: boolean | undefined
}

/** Shown to users who come without a link, to enter the code that the agent shows. Its form is sent to `action`, with the field `code`. */
export interface CodeForm {
  action: string
  problem?: 'wrong_code' | undefined
}

/** One call of an API, safe to show. */
export interface ShownCall {
  /** Method and URL. A long URL is cut at the end, so that its host is always shown. */
  text: string
  /** The whole, for the details. */
  full: string
  /** Whether it sends something, which is fixed but not shown. */
  hasBody: boolean
  /** Lifetime of the permission, in seconds. */
  lifetime: number
}
