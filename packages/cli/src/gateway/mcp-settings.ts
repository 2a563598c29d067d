import { mcpNameProblem } from 'countersign/resource/mcp'
import type { McpPath } from 'countersign-gateway'
import type { McpOffer } from './mcp-offer.js'

/** The settings of a gateway that protect an MCP server, derived from what the server offers. */
export interface McpSettings {
  scopes: Record<string, string>
  mcp: McpPath
  /** Notes for the operator, who should review the result. */
  notes: string[]
}

/**
 * Derives a table from what an MCP server offers. Tools that declare that they only read, resources and prompts require a scope to read.
 * All other tools require a scope to change data.
 *
 * @throws TypeError if the server offers nothing usable
 */
export function mcpSettings(path: string, { name, title, tools, resources, prompts }: McpOffer): McpSettings {
  const subject = scopeSubject(name)
  const [read, write] = [`${subject}.read`, `${subject}.write`]
  const shown = title.slice(0, longestTitle) || 'this service'
  const texts = new Map([
    [read, `See your data in ${shown}`],
    [write, `Create, change and delete your data in ${shown}`],
  ])
  const notes: string[] = []
  const valid = (kind: 'tools' | 'resources' | 'prompts') => (item: string) => {
    const problem = item === '' ? 'has no name' : mcpNameProblem(kind, item)
    if (problem !== undefined) notes.push(`${item} in ${kind} is skipped: it ${problem}.`)
    return problem === undefined
  }
  const scopeOfTool = new Map(tools.map((tool) => [tool.name, tool.isReadOnly ? read : write]))
  const table = {
    tools: tableOf([...scopeOfTool.keys()].filter(valid('tools')), (tool) => scopeOfTool.get(tool) ?? write),
    resources: tableOf([...new Set(resources.map(patternOf))].filter(valid('resources')), () => read),
    prompts: tableOf(prompts.filter(valid('prompts')), () => read),
  }
  const filled = Object.entries(table).filter(([, items]) => Object.keys(items).length > 0)
  if (filled.length === 0) throw new TypeError('offers no usable tools, resources or prompts')
  const used = new Set(filled.flatMap(([, items]) => Object.values(items)))
  const writing = Object.keys(table.tools).filter((tool) => table.tools[tool] === write)
  if (writing.length > 1)
    notes.push(
      `These tools do not declare that they only read, and users allow all of them at once (${write}): ${writing.join(', ')}. To let users decide about a tool separately, give it its own scope.`,
    )
  notes.push('Tools and prompts that the server adds later are hidden and refused until you add them to the table.')
  return {
    scopes: Object.fromEntries([...texts].filter(([scope]) => used.has(scope))),
    mcp: { path, ...Object.fromEntries(filled) },
    notes,
  }
}

/** In characters. Users read the title on the consent page. */
const longestTitle = 100

/** The first part of the scopes: `my-notes` for a server named "My notes". */
function scopeSubject(name: string): string {
  const words = name.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return words.join('-').slice(0, 40) || 'mcp'
}

/** The pattern for all resources with the scheme of a URI or URI template: `notes://*`. */
function patternOf(uri: string): string {
  const [scheme = uri] = /^[a-z][a-z\d+.-]*:(?:\/\/)?/i.exec(uri) ?? []
  return `${scheme.toLowerCase()}*`
}

function tableOf(names: readonly string[], scopeOf: (name: string) => string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, scopeOf(name)]))
}
