import { isObject } from './references.js'

/** The path of the first server, which is in front of all paths, and what a person should know of it. */
export interface ServerPath {
  path: string
  notes: string[]
}

/** @param servers of a description, a path or an operation */
export function serverPath(servers: unknown): ServerPath {
  const [first, ...others] = (Array.isArray(servers) ? servers : []).map(pathOf)
  if (!first) return { path: '', notes: [] }
  const different = [...new Set(others.map(({ path }) => path).filter((path) => path !== first.path))]
  const left = different.map(
    (path) => `The server with the path ${path || '/'} is left out: the first one has ${first.path || '/'}.`,
  )
  return { path: first.path, notes: [...first.notes, ...left] }
}

function pathOf(server: unknown): ServerPath {
  const { url = '/', variables } = isObject(server) ? server : {}
  const template = typeof url === 'string' ? url : '/'
  const filled = template.replaceAll(/\{([^{}]*)\}/g, (whole, name: string) => {
    const variable = isObject(variables) ? variables[name] : undefined
    return isObject(variable) && typeof variable.default === 'string' ? variable.default : whole
  })
  if (filled.includes('{') || !URL.canParse(filled, 'https://api.example'))
    return { path: '', notes: [`The server ${template} has no path that can be read: put it in front of the routes.`] }
  const path = new URL(filled, 'https://api.example').pathname.replace(/\/+$/, '')
  const isFilled = filled !== template
  return { path, notes: isFilled ? [`The server ${template} was taken with its defaults: ${filled}.`] : [] }
}
