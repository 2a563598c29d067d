const storage = /\/(?:storage|kysely|better-sqlite3|bindings|pg|pg-[a-z]+)\//

/**
 * The fraction of a process's non-idle time that the storage takes, from a CPU profile: the storage's own files, the query builder and the
 * driver, including the platform functions that they call.
 */
export function shareOfStorage({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const isStorage = new Map()

  function belongs(id) {
    const known = isStorage.get(id)
    if (known !== undefined) return known
    const { url } = byId.get(id).callFrame
    const parent = parents.get(id)
    const isOurs = url.startsWith('file:')
    const found = isOurs ? storage.test(url) : parent !== undefined && belongs(parent)
    isStorage.set(id, found)
    return found
  }

  let all = 0
  let own = 0
  for (const [index, id] of samples.entries()) {
    const { functionName } = byId.get(id).callFrame
    if (functionName === '(idle)' || functionName === '(program)') continue
    all += timeDeltas[index]
    if (belongs(id)) own += timeDeltas[index]
  }
  return all === 0 ? 0 : own / all
}
