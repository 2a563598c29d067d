import { isJsonObject, type JsonObject, objectIn, stringIn } from '../messages/json-rpc.js'

/** A tool parameter that is also sent in a header. */
interface ShownParameter {
  header: string
  path: readonly string[]
}

/** Maps tool parameters to headers, as tool definitions specify (`x-mcp-header`). */
export interface ParamHeaders {
  /** Records the given tools, and returns those whose definitions are valid. */
  learn(tools: readonly unknown[]): unknown[]
  /** Returns the headers of a call. */
  of(params: JsonObject): Record<string, string>
}

/** Maximum number of tools whose parameters are remembered. */
const mostTools = 10_000

/** @param onProblem called with each tool that was left out, and the reason */
export function createParamHeaders(onProblem: (text: string) => void): ParamHeaders {
  const known = new Map<string, readonly ShownParameter[]>()
  return {
    learn: (tools) =>
      tools.filter((tool) => {
        if (!isJsonObject(tool) || typeof tool.name !== 'string') return true
        const shown = shownParameters(tool.inputSchema)
        if (typeof shown === 'string') {
          onProblem(`The tool ${tool.name.slice(0, 100)} is left out: ${shown}.`)
          return false
        }
        if (known.size < mostTools || known.has(tool.name)) known.set(tool.name, shown)
        return true
      }),
    of(params) {
      const headers: Record<string, string> = {}
      for (const { header, path } of known.get(stringIn(params, 'name')) ?? []) {
        let value: unknown = params.arguments
        for (const step of path) value = isJsonObject(value) && Object.hasOwn(value, step) ? value[step] : undefined
        if (['string', 'number', 'boolean'].includes(typeof value))
          headers[`mcp-param-${header}`] = headerText(String(value))
      }
      return headers
    },
  }
}

/** Encodes a value for a header: unchanged if that is safe, otherwise in Base64. */
export function headerText(value: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !/^=\?base64\?.*\?=$/.test(value)
  return isPlain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}

/** Returns the parameters that a definition maps to headers, or why the definition is invalid. */
function shownParameters(schema: unknown): ShownParameter[] | string {
  const shown: ShownParameter[] = []
  let problem: string | undefined
  function visit(value: unknown, path: readonly string[] | undefined): void {
    if (Array.isArray(value)) for (const each of value) visit(each, undefined)
    if (!isJsonObject(value)) return
    if ('x-mcp-header' in value && typeof value.type === 'string') {
      const { 'x-mcp-header': header, type } = value
      if (path === undefined || path.length === 0) problem = 'x-mcp-header is set on something other than a parameter'
      else if (typeof header !== 'string' || !/^[!#$%&'*+.^_`|~\dA-Za-z-]+$/.test(header))
        problem = 'its x-mcp-header is not a valid header name'
      else if (!['integer', 'string', 'boolean'].includes(type))
        problem = `x-mcp-header is set on a parameter of type ${type}`
      else shown.push({ header: header.toLowerCase(), path })
    }
    for (const [name, inner] of Object.entries(value)) {
      if (name !== 'properties') visit(inner, undefined)
      else for (const [key, each] of Object.entries(objectIn(value, name))) visit(each, path && [...path, key])
    }
  }
  visit(schema, [])
  if (problem !== undefined) return problem
  const names = new Set(shown.map(({ header }) => header))
  return names.size === shown.length ? shown : 'two of its parameters have the same x-mcp-header'
}
