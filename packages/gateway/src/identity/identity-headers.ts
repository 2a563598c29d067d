import { AAuthError, type VerifiedRequest } from 'countersign/resource'
import type { Level } from '../routes/route.js'

/** What the upstream is told of who asks (W29). All of them are always sent; what is not known is empty. */
const identityFields = [
  'X-AAuth-Level',
  'X-AAuth-Agent-Server',
  'X-AAuth-Delegate',
  'X-AAuth-JKT',
  'X-AAuth-Issuer',
  'X-AAuth-Subject',
  'X-AAuth-Scope',
] as const

export type IdentityField = (typeof identityFields)[number]

export type IdentityFields = Readonly<Record<IdentityField, string>>

/** Of a request that nothing was verified of. */
export const nobody: IdentityFields = Object.freeze(
  Object.fromEntries(identityFields.map((name) => [name, ''])) as Record<IdentityField, string>,
)

/** Who asks, and what was verified of it. */
export interface Identity {
  level: Level
  agent: string | undefined
  delegate: string | undefined
  thumbprint: string
  iss: string | undefined
  sub: string | undefined
  scope: readonly string[]
}

/** What was verified, at the level that was asked for: a person and a scope only where `authorization` was. */
export function identityOf({ agent, delegate, thumbprint, authorization }: VerifiedRequest, level: Level): Identity {
  const allowed = level === 'authorization' && authorization ? authorization : undefined
  const { iss, sub } = allowed?.claims ?? { iss: undefined, sub: undefined }
  return { level, agent, delegate, thumbprint, iss, sub, scope: allowed?.scope ?? [] }
}

/** @throws AAuthError `upstream_failed` for a value that no header can have, `request_malformed` where that is the delegate */
export function fieldsOf({ level, agent, delegate, thumbprint, iss, sub, scope }: Identity): IdentityFields {
  const fields: IdentityFields = {
    'X-AAuth-Level': level,
    'X-AAuth-Agent-Server': agent ?? '',
    'X-AAuth-Delegate': delegate ?? '',
    'X-AAuth-JKT': thumbprint,
    'X-AAuth-Issuer': iss ?? '',
    'X-AAuth-Subject': sub ?? '',
    'X-AAuth-Scope': scope.join(' '),
  }
  for (const [name, value] of Object.entries(fields)) if (!isTold(value)) throw refusalOf(name)
  return fields
}

/** Printable ASCII without blanks at its ends, which whoever reads a header takes away: ` ann` would be `ann`. */
function isTold(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value) && value.trim() === value
}

/** Of what the agent's own server wrote the caller is to blame, and nobody looks for a failure of the API. */
function refusalOf(name: string): AAuthError {
  const problem = `${name} is not printable ASCII without blanks at its ends, and cannot be told to the API.`
  return new AAuthError(name === 'X-AAuth-Delegate' ? 'request_malformed' : 'upstream_failed', problem)
}
