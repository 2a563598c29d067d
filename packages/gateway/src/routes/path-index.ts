import { withoutEnding } from './fold.js'
import type { Segment } from './path-pattern.js'

/** Finds patterns by their segments. The caller must check whether they match. */
export interface PathIndex<Item> {
  /** Those that may fit a path, or contain a pattern whose names begin so, in the order in which they were added. */
  around(names: readonly string[]): Item[]
  /** Those that may share paths with an open pattern. */
  sharing(segments: readonly Segment[]): Item[]
}

interface Node<Item> {
  items: { at: number; item: Item }[]
  /** By the next name. */
  named: Map<string, Node<Item>>
  /** The same, by {@link keysOf} the name. */
  near: Map<string, Set<Node<Item>>>
  /** If the next segment has a parameter. */
  free: Node<Item> | undefined
}

export function createPathIndex<Item>(
  items: readonly Item[],
  segmentsOf: (item: Item) => readonly Segment[],
): PathIndex<Item> {
  const root = newNode<Item>()
  for (const [at, item] of items.entries()) {
    let node = root
    for (const segment of segmentsOf(item)) node = nodeBelow(node, segment)
    node.items.push({ at, item })
  }

  function around(names: readonly string[]): Item[] {
    const found: Node<Item>['items'] = []
    const visit = (node: Node<Item>, at: number) => {
      for (const each of node.items) found.push(each)
      const name = names[at]
      if (name === undefined) return
      for (const next of nodesNear(node, name)) visit(next, at + 1)
      if (node.free) visit(node.free, at + 1)
    }
    visit(root, 0)
    return inOrder(found)
  }

  function sharing(segments: readonly Segment[]): Item[] {
    const found: Node<Item>['items'] = []
    const visit = (node: Node<Item>, at: number) => {
      found.push(...node.items)
      if (node.free) visit(node.free, at + 1)
      const segment = segments[at]
      const isNamed = segment !== undefined && !segment.free
      for (const next of isNamed ? nodesNear(node, segment.before) : node.named.values()) visit(next, at + 1)
    }
    visit(root, 0)
    return inOrder(found)
  }

  return { around, sharing }
}

function newNode<Item>(): Node<Item> {
  return { items: [], named: new Map(), near: new Map(), free: undefined }
}

function nodeBelow<Item>(node: Node<Item>, { before, free }: Segment): Node<Item> {
  const known = free ? node.free : node.named.get(before)
  if (known) return known
  const next = newNode<Item>()
  if (free) node.free = next
  else {
    node.named.set(before, next)
    for (const key of keysOf(before)) node.near.set(key, (node.near.get(key) ?? new Set()).add(next))
  }
  return next
}

function nodesNear<Item>(node: Node<Item>, name: string): Iterable<Node<Item>> {
  if (node.near.size === 0) return []
  const [key = '', bare] = keysOf(name)
  const nodes = node.near.get(key) ?? []
  return bare === undefined ? nodes : new Set([...nodes, ...(node.near.get(bare) ?? [])])
}

function inOrder<Item>(found: { at: number; item: Item }[]): Item[] {
  if (found.length > 1) found.sort((one, other) => one.at - other.at)
  return found.map(({ item }) => item)
}

/** Keys that a name shares with names that differ in punctuation or an ending. */
function keysOf(name: string): string[] {
  if (/^[A-Za-z0-9]*$/.test(name)) return [name]
  const bare = withoutEnding(name)
  const key = withoutPunctuation(name)
  return bare === name ? [key] : [key, withoutPunctuation(bare)]
}

function withoutPunctuation(name: string): string {
  return name.replaceAll(/[\s!-/:-@[-`{-~]/g, '_')
}
