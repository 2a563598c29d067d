import type { Route } from 'countersign-gateway'

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** A segment of a pattern: literal if `parameter` is undefined. */
export interface MountedSegment {
  before: string
  parameter: string | undefined
  after: string
}

/** A route as the author of the API registers it: with its methods, except those that a more specific route with the same paths names. */
export interface MountedRow {
  /** Its index in the table. */
  row: number
  methods: readonly string[]
  segments: readonly MountedSegment[]
  /** Whether `*` follows. */
  open: boolean
}

/** The routes in the order that first-match frameworks need: the most specific first. */
export function mountedRows(routes: readonly Route[]): MountedRow[] {
  const shapes = routes.map(({ path }) => path.replaceAll(/\{[^{}]*\}/g, '{}'))
  const rows = routes.map((route, row): MountedRow => {
    const parts = route.path.slice(1).split('/')
    const open = parts.at(-1) === '*'
    const same = routes.filter((_, other) => shapes[other] === shapes[row])
    const isNamed = (method: string) =>
      same.some((other) => other.method === method) ||
      (method === 'HEAD' && route.method === '*' && same.some((other) => other.method === 'GET'))
    return {
      row,
      open,
      methods: methodsOf(route).filter((method) => method === route.method || !isNamed(method)),
      segments: (open ? parts.slice(0, -1) : parts).map(segmentOf),
    }
  })
  return rows.filter((row) => row.methods.length > 0).toSorted(bySpecificity)
}

/** An API that has GET also has HEAD (RFC 9110 §9.1). */
function methodsOf({ method }: Route): readonly string[] {
  if (method === '*') return methods
  return method === 'GET' ? ['GET', 'HEAD'] : [method]
}

function segmentOf(part: string, at: number): MountedSegment {
  const [, before = part, parameter, after = ''] = /^([^{]*)(\{[^{}]*\})(.*)$/.exec(part) ?? []
  return { before, parameter: parameter && `p${at}`, after }
}

function bySpecificity(one: MountedRow, other: MountedRow): number {
  for (let at = 0; at < Math.max(one.segments.length, other.segments.length); at++) {
    const difference = weightOf(one.segments[at]) - weightOf(other.segments[at])
    if (difference !== 0) return difference
    const length = affixesOf(other.segments[at]) - affixesOf(one.segments[at])
    if (length !== 0) return length
  }
  return Number(one.open) - Number(other.open)
}

function weightOf(segment: MountedSegment | undefined): number {
  if (!segment) return 3
  if (segment.parameter === undefined) return 0
  return segment.before + segment.after === '' ? 2 : 1
}

function affixesOf(segment: MountedSegment | undefined): number {
  return segment?.parameter === undefined ? 0 : segment.before.length + segment.after.length
}

/** How a router writes paths. */
interface PathSyntax {
  /** Writes a segment that has a parameter. @throws if the router has no such segments */
  segment: (segment: MountedSegment, isLast: boolean) => string
  /** The router's syntax for `/*`. */
  rest: string
}

/** The path of a route in the syntax of a router. */
export function writtenPath({ segments, open }: MountedRow, { segment, rest }: PathSyntax): string {
  const last = open ? -1 : segments.length - 1
  const written = segments.map((each, at) => (each.parameter === undefined ? each.before : segment(each, at === last)))
  return [...written.map((text) => `/${text}`), ...(open ? [rest] : [])].join('') || '/'
}

/** `:id`, with literal text around it. */
export const colonSegment = ({ before, parameter, after }: MountedSegment): string => `${before}:${parameter}${after}`
