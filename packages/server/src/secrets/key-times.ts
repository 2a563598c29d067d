/** Seconds between two readings of the stored keys: how far instances may lag behind each other. */
export const reloadInterval = 5

/** Seconds that caches may hold `/jwks.json`, as its `max-age` says. */
const jwksMaxAge = 300

/** Seconds that a key is published, by every instance, before it signs (I6). */
export const publishedBeforeUse = 2 * jwksMaxAge + reloadInterval

/** Seconds that a key stays published after the last token it signed has ended: instances lag, and clocks differ. */
export const retirementMargin = reloadInterval + 60
