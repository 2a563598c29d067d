export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function membersOf(value: unknown): [name: string, value: unknown][] {
  return isObject(value) ? Object.entries(value) : []
}

/** A path's operations, with those of the same document that it refers to. */
export function resolvedItem(document: Record<string, unknown>, value: unknown): Record<string, unknown> | undefined {
  const referred = resolved(document, value)
  return referred && isObject(value) ? { ...referred, ...value } : referred
}

/** An object, or the one of the same document that it refers to; undefined where there is none. */
export function resolved(document: Record<string, unknown>, value: unknown): Record<string, unknown> | undefined {
  let found = value
  for (let steps = 0; steps < 10 && isObject(found); steps++) {
    const { $ref: reference } = found
    if (reference === undefined) return found
    if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined
    found = reference
      .slice(2)
      .split('/')
      .map((part) => decodePointer(part))
      .reduce<unknown>((at, part) => (isObject(at) && Object.hasOwn(at, part) ? at[part] : undefined), document)
  }
  return undefined
}

function decodePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}
