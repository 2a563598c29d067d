import { isObject } from './mcp-message.js'

/** The paths of a tool's mirrored parameters, by the lower-case header name after `Mcp-Param-`. */
export type MirroredParameters = ReadonlyMap<string, readonly string[]>

/** The mirrored parameters of the tools in a list, by tool (`x-mcp-header` in MCP 2026-07-28). */
export function mirroredParameters(tools: readonly unknown[]): Map<string, MirroredParameters> {
  const found = new Map<string, MirroredParameters>()
  for (const tool of tools)
    if (isObject(tool) && typeof tool.name === 'string') found.set(tool.name, parametersIn(tool.inputSchema))
  return found
}

function parametersIn(schema: unknown): MirroredParameters {
  const found = new Map<string, readonly string[]>()
  const open: { schema: unknown; path: readonly string[] }[] = [{ schema, path: [] }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { schema: each, path } = next
    if (!isObject(each) || path.length > maxDepth) continue
    if (typeof each['x-mcp-header'] === 'string') found.set(each['x-mcp-header'].toLowerCase(), path)
    if (!isObject(each.properties)) continue
    for (const [name, inside] of Object.entries(each.properties)) open.push({ schema: inside, path: [...path, name] })
  }
  return found
}

/** Maximum depth to which a schema is searched. */
const maxDepth = 20

/** The member at a path of names; undefined if it does not exist. Inherited members do not count. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const step of path) found = isObject(found) && Object.hasOwn(found, step) ? found[step] : undefined
  return found
}
