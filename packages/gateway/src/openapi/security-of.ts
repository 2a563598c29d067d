import { isObject, membersOf, percentEncoded, resolved } from './description.js'

/** What an operation asks for. */
export interface Secured {
  /** Whether the description says that it needs nothing. */
  isOpen: boolean
  /** Permissions, each with what people read of it. */
  scopes: ReadonlyMap<string, string>
  /** Whether its permission was made of the path, since the description names none. */
  isMade: boolean
  /** What a person should know of the names. */
  notes: string[]
}

interface Asked {
  isRead: boolean
  path: string
}

/** What an operation needs: the first of its alternatives, or that of the whole description. */
export function securityOf(
  document: Record<string, unknown>,
  operation: Record<string, unknown>,
  { isRead, path }: Asked,
): Secured {
  const alternatives = operation.security ?? document.security
  const isOpen = Array.isArray(alternatives) && (alternatives.length === 0 || alternatives.some(isEmpty))
  if (isOpen) return { isOpen, scopes: new Map(), isMade: false, notes: [] }
  const first: unknown = Array.isArray(alternatives) ? alternatives[0] : undefined
  const named = membersOf(first).flatMap(([, names]) => (Array.isArray(names) ? names : []))
  if (named.length === 0) return { isOpen, scopes: new Map([made(path, isRead)]), isMade: true, notes: [] }
  const described = descriptionsIn(document)
  const scopes = named.map((given): [string, string] => {
    const name = String(given)
    return [scopeOf(name), described.get(name) ?? name]
  })
  const renamed = named.map(String).filter((name) => scopeOf(name) !== name)
  const notes = renamed.map(
    (name) => `The scope "${name}" is written as ${scopeOf(name)}: no token can have its own name.`,
  )
  return { isOpen, scopes: new Map(scopes), isMade: false, notes }
}

/** A name of any letters as one that tokens have: none is left out, which would allow more. */
function scopeOf(name: string): string {
  return name.replaceAll(/[^\x21\x23-\x5b\x5d-\x7e]+/g, percentEncoded)
}

function isEmpty(alternative: unknown): boolean {
  return isObject(alternative) && Object.keys(alternative).length === 0
}

/** A permission for what has none: `orders.read` of `/v1/orders/{id}`. */
function made(path: string, isRead: boolean): [string, string] {
  const words = path.split('/').filter((part) => /^[A-Za-z][\w-]*$/.test(part) && !/^(?:api|v\d+)$/i.test(part))
  const subject = words[0] ?? 'api'
  const plain = subject.replaceAll(/[-_]+/g, ' ')
  return isRead
    ? [`${subject}.read`, `See your ${plain}`]
    : [`${subject}.write`, `Create, change and delete your ${plain}`]
}

/** What the schemes of OAuth in a description say of their scopes. */
function descriptionsIn(document: Record<string, unknown>): ReadonlyMap<string, string> {
  const components = resolved(document, document.components)
  const schemes = membersOf(components?.securitySchemes).map(([, scheme]) => resolved(document, scheme))
  const scopes = schemes.flatMap((scheme) =>
    membersOf(scheme?.flows).flatMap(([, flow]) => (isObject(flow) ? membersOf(flow.scopes) : [])),
  )
  return new Map(scopes.flatMap(([name, text]) => (typeof text === 'string' && text !== '' ? [[name, text]] : [])))
}
