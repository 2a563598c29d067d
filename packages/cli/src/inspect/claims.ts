import type { CommandEdition } from '../editions/command-edition.js'

const times: Readonly<Record<string, readonly [past: string, future: string]>> = {
  iat: ['issued', 'issued'],
  nbf: ['valid since', 'not valid before'],
  exp: ['expired', 'expires'],
}

/** Describes a time claim, without its name: `expires 2026-01-31T12:00:00Z, in 9 minutes.` Returns undefined for other claims. */
export function describeTime(claim: string, value: unknown, now: number): string | undefined {
  const words = Object.hasOwn(times, claim) ? times[claim] : undefined
  if (!words || typeof value !== 'number' || !(Math.abs(value) < 1e11)) return undefined
  const date = new Date(value * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
  return `${value <= now ? words[0] : words[1]} ${date}, ${describeDistance(value - now)}.`
}

/** Returns a remark on each time claim of a token. */
export function timeRemarks(payload: Record<string, unknown>, now: number): string[] {
  return Object.keys(times).flatMap((claim) => {
    const time = describeTime(claim, payload[claim], now)
    return time === undefined ? [] : [`${claim}: ${time}`]
  })
}

/** What every edition means by the members of a token's header and payload. */
const registered: Readonly<Record<string, string>> = {
  alg: 'The signature algorithm.',
  kid: 'Which of the issuer’s published keys signed the token.',
  typ: 'What kind of token this is. A token of one kind is never accepted as another.',
  iss: 'The issuer, which signed the token. Its public keys are published at this URL.',
  aud: 'The only party that may accept the token.',
  sub: 'The user, by an id that the issuer chose for them.',
  scope: 'What the token allows, or what is requested.',
  cnf: 'The only key with which the token may be used: every request must be signed with it.',
  jti: 'The id of this token, by which it can be revoked.',
  agent: 'The agent for which the token was issued.',
  agent_jkt: 'The thumbprint of the key that signed the agent’s request. The token helps no one who has another key.',
}

/** Explains a member of a token in one sentence; undefined if it is not known in this edition. */
export function explainMember(
  name: string,
  value: unknown,
  { claims, now }: Pick<CommandEdition, 'claims'> & { now: number },
): string | undefined {
  const time = describeTime(name, value, now)
  if (time !== undefined) return `${time.charAt(0).toUpperCase()}${time.slice(1)}`
  if (Object.hasOwn(claims, name)) return claims[name]
  return Object.hasOwn(registered, name) ? registered[name] : undefined
}

/** Formats a time relative to now: `in 9 minutes`, `3 days ago`. */
export function describeDistance(seconds: number): string {
  const distance = Math.abs(Math.round(seconds))
  const [size, unit] = (
    [
      [86_400, 'day'],
      [3600, 'hour'],
      [60, 'minute'],
      [1, 'second'],
    ] as const
  ).find(([candidate]) => distance >= candidate * 2) ?? [1, 'second']
  const count = Math.floor(distance / size)
  const words = `${count} ${unit}${count === 1 ? '' : 's'}`
  return seconds <= 0 ? `${words} ago` : `in ${words}`
}
