/** What can go wrong, and is tried in every recorded run. */
export type AttemptName = 'alone' | 'wrongKey' | 'changed' | 'replayed' | 'expired' | 'removed' | 'denied'

/** How the page tells an attempt. The refusal itself is recorded. */
interface AttemptText {
  title: string
  /** Who does what. */
  story: string
  /** Why it cannot work. */
  lesson: string
}

/** In the order of the page. */
export const attemptTexts: Readonly<Record<AttemptName, AttemptText>> = {
  alone: {
    title: 'The token alone',
    story: 'A thief copied the token from a log, and sends it the way a bearer token is sent.',
    lesson: 'The token is no proof by itself: the request is not signed.',
  },
  wrongKey: {
    title: 'The token with another key',
    story: 'The thief signs the request with their own key, and attaches the stolen token.',
    lesson: 'The token contains the agent’s public key, and the thief’s signature does not match it.',
  },
  changed: {
    title: 'One byte changed',
    story: 'The agent signed an order for 10. On its way, someone turned the 1 into a 9.',
    lesson: 'The signature covers the digest of the body, so 90 no longer matches what was signed.',
  },
  replayed: {
    title: 'The same request again',
    story: 'Someone recorded the agent’s order, which was accepted, and sends it once more.',
    lesson: 'The signature covers a nonce, and each nonce works once.',
  },
  expired: {
    title: 'The token has expired',
    story: 'Two hours later, the agent itself uses the old token, with the right key.',
    lesson: 'Even the right key does not help an old token: the agent must get a new one.',
  },
  removed: {
    title: 'The user removes the access',
    story: 'On the page “My agents”, the user removes the agent. It then calls the API with its token.',
    lesson: 'The token had not expired, but the API learned that it was revoked.',
  },
  denied: {
    title: 'The user says no',
    story: 'The agent asks again, and this time the user denies the request.',
    lesson: 'Without the user, no token is issued.',
  },
}
