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

/** @throws AAuthError `upstream_failed` for a value that no header can have */
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
  for (const [name, value] of Object.entries(fields))
    if (!/^[\x20-\x7e]*$/.test(value))
      throw new AAuthError('upstream_failed', `${name} is not printable ASCII, and cannot be told to the API.`)
  return fields
}
