import * as platform from '#crypto'
import { serializeBase64url, utf8 } from '../../lib/base64url.js'

/** What can be taken back: a grant (the `jti` up to its first dot), all that an agent or a person (`sub`) has. */
export type RevokedKind = 'grant' | 'agent' | 'sub'

const length = 12

/**
 * How much a list of revocations holds at most: entries, of grants and of agents and people together, and characters of
 * the token that it is. As many entries as that fit with their times.
 */
export const revocationListLimits = { entries: 10_000, characters: 524_288 } as const

/**
 * What stands for it in a list of revocations: 96 bits of a SHA-256, as base64url of 16 characters. The list is public,
 * and names nobody.
 */
export async function revocationEntry(kind: RevokedKind, value: string): Promise<string> {
  const digest = await platform.sha256(utf8(`${kind} ${value}`))
  return serializeBase64url(digest.subarray(0, length))
}
