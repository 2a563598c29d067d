/** The file's object with the environment's values in their places. */
export function withOverrides(content: object, values: ReadonlyMap<string, unknown>): object {
  return [...values].reduce((merged, [name, value]) => withMember(merged, name.split('.'), value), content)
}

function withMember(object: object, [first = '', ...rest]: readonly string[], value: unknown): object {
  if (rest.length === 0) return { ...object, [first]: value }
  const group = (object as Record<string, unknown>)[first]
  return { ...object, [first]: withMember(typeof group === 'object' && group !== null ? group : {}, rest, value) }
}
