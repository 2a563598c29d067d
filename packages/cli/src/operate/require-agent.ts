import { isIdentifier } from 'countersign'
import { usageError } from '../usage-error.js'

/** The identifier of an agent as somebody typed it: a slip would block nobody, and seem to. */
export function requireAgent(text: string): string {
  const valid: boolean = isIdentifier(text, { allowInsecureLoopback: true, allowPath: true })
  if (valid) return text
  throw usageError(
    `${text} is no identifier of an agent: https://host in lower case, without a slash at the end or a default port.`,
  )
}
