const day = 24 * 60 * 60

/** Seconds that rows are kept after they have ended; grants, uses and events as history. */
export const retention = {
  code: day,
  request: day,
  refreshToken: day,
  issue: 30 * day,
  /** After it was last seen, unless it is blocked or was ever allowed. */
  agent: 90 * day,
  /** Of an agent that was never allowed; others keep theirs as long as they are kept. */
  logo: day,
  device: 400 * day,
  usage: 400 * day,
  grant: 400 * day,
  event: 400 * day,
} as const

/** How many logos of agents that were never allowed are kept, the latest. */
export const maxStrangersLogos = 1000
